//! Who falls behind, as the hand of the clock finds it: counted over one round, told at its end.

use crate::metrics::Metrics;

/// What was found in this round so far.
#[derive(Default)]
pub(super) struct Lagging {
    followers: u64,
    furthest: u64,
    looked: usize,
}

impl Lagging {
    /// A follower that can't be written to is so many messages behind.
    pub(super) fn on_found(&mut self, messages: u64) {
        self.followers += 1;
        self.furthest = self.furthest.max(messages);
    }

    /// The hand went over so many places more, of so many.
    pub(super) fn on_looked(&mut self, places: usize, of: usize, metrics: &Metrics) {
        self.looked += places;
        if of <= self.looked {
            metrics.lagging.set(self.followers);
            metrics.lag.set(self.furthest);
            *self = Lagging::default();
        }
    }
}
