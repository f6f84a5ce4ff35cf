//! How many reads of the disk a worker has under way: so many that the disk is busy, and so few that what they bring has room.
//!
//! Pure: knows sizes and the step of the ladder. A read that has to wait costs its follower a place in a queue; what the disk has brought, and
//! is not sent yet, costs up to a piece each, or a message, if that is larger.

use crate::ladder::Step;
use std::collections::VecDeque;
use tidings_engine::{PageLimit, Reader};

/// A read that is asked for; the token says who waits for it.
pub(super) struct Wanted {
    pub(super) reader: Reader,
    pub(super) limit: PageLimit,
    pub(super) token: usize,
}

/// The reads of one worker.
#[derive(Default)]
pub(super) struct Fetching {
    under_way: usize,
    /// In the order in which they came; one a follower at most, so this is bounded.
    waiting: VecDeque<Wanted>,
    /// What a read brought lately, at the most.
    largest_bytes: usize,
}

impl Fetching {
    /// What all of them may bring together, as far as can be told from those before.
    const BYTES_MAX: usize = 8 << 20;
    /// As large as a read is, unless one message is larger.
    const PIECE_BYTES: usize = 64 << 10;
    /// With fewer the disk would rest between two of them.
    const LEAST: usize = 4;

    /// Whether one more may begin.
    pub(super) fn may_begin(&self, step: Step) -> bool {
        let bytes_max = match step {
            Step::Calm => Fetching::BYTES_MAX,
            Step::Slower | Step::AtOnce => Fetching::BYTES_MAX / 4,
            Step::Refusing | Step::Ending => 0,
        };
        let most = bytes_max / self.largest_bytes.max(Fetching::PIECE_BYTES);
        self.under_way < most.max(Fetching::LEAST)
    }

    pub(super) fn on_begun(&mut self) {
        self.under_way += 1;
    }

    /// One has brought so much.
    pub(super) fn on_fetched(&mut self, bytes: usize) {
        self.under_way = self.under_way.saturating_sub(1);
        // The next ones are most often of the same streams.
        self.largest_bytes = bytes.max(self.largest_bytes - self.largest_bytes / 64);
    }

    /// One has to wait.
    pub(super) fn wait(&mut self, wanted: Wanted) {
        self.waiting.push_back(wanted);
    }

    /// One could not begin after all, and is the first of those that wait.
    pub(super) fn wait_first(&mut self, wanted: Wanted) {
        self.waiting.push_front(wanted);
    }

    /// The next one, if it may begin.
    pub(super) fn next(&mut self, step: Step) -> Option<Wanted> {
        if self.may_begin(step) { self.waiting.pop_front() } else { None }
    }

    /// Whether nobody has to wait.
    pub(super) fn is_free(&self, step: Step) -> bool {
        self.waiting.is_empty() && self.may_begin(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(fetching: &mut Fetching, step: Step) -> usize {
        let before = fetching.under_way;
        while fetching.may_begin(step) {
            fetching.on_begun();
        }
        fetching.under_way - before
    }

    #[test]
    fn there_are_fewer_as_memory_becomes_scarce_and_some_in_any_case() {
        let mut fetching = Fetching::default();
        assert_eq!(begun(&mut fetching, Step::Ending), 4);
        assert_eq!(begun(&mut fetching, Step::Slower), 28);
        assert_eq!(begun(&mut fetching, Step::Calm), 96);
    }

    #[test]
    fn where_messages_are_large_there_are_few_and_later_more() {
        let mut fetching = Fetching::default();
        fetching.on_begun();
        fetching.on_fetched(1 << 20);
        assert_eq!(begun(&mut fetching, Step::Calm), 8);
        for _ in 0..8 {
            fetching.on_fetched(8 << 20);
        }
        assert_eq!(begun(&mut fetching, Step::Calm), 4);
        for _ in 0..1_000 {
            fetching.on_fetched(100);
        }
        assert_eq!(begun(&mut fetching, Step::Calm), 128);
    }
}
