//! Whether a follower got every message once, in order.

/// How a message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// As the next one, or behind some that have not come yet.
    InOrder,
    /// For the first time, after a later one.
    Reordered,
    /// It had come before.
    Repeated,
}

/// Which messages of a stream a follower has: all below `next` but those of the gaps.
#[derive(Clone, Debug, Default)]
pub(super) struct Track {
    next: u64,
    /// Ranges that were passed over, from the first; nearly always none.
    gaps: Vec<std::ops::Range<u64>>,
}

impl Track {
    pub(super) fn on_message(&mut self, number: u64) -> Arrival {
        if self.next <= number {
            if self.next < number {
                self.gaps.push(self.next..number);
            }
            self.next = number + 1;
            return Arrival::InOrder;
        }
        let Some(at) = self.gaps.iter().position(|gap| gap.contains(&number)) else {
            return Arrival::Repeated;
        };
        let gap = self.gaps.remove(at);
        let parts = [gap.start..number, number + 1..gap.end];
        let parts = parts.into_iter().filter(|part| !part.is_empty());
        self.gaps.splice(at..at, parts);
        Arrival::Reordered
    }

    /// Whether it has all messages below that number.
    pub(super) fn has_all_below(&self, end: u64) -> bool {
        end <= self.next && self.gaps.iter().all(|gap| end <= gap.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Arrival::{InOrder, Reordered, Repeated};

    #[test]
    fn loss_repetition_and_disorder_are_told_apart() {
        let mut track = Track::default();
        let arrivals = [0, 1, 5, 3, 3, 1, 2, 6].map(|number| track.on_message(number));
        assert_eq!(arrivals, [InOrder, InOrder, InOrder, Reordered, Repeated, Repeated, Reordered, InOrder]);
        assert!(track.has_all_below(4) && !track.has_all_below(5), "4 never came");
        assert_eq!(track.on_message(4), Reordered);
        assert!(track.has_all_below(7) && !track.has_all_below(8));
    }
}
