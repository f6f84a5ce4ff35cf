//! Dues: which stream is to be looked at when. A heap, so that a million streams cost nothing until their time comes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use tidings_model::{Incarnation, Timestamp};

/// Streams by the time at which something may be due. Whoever uses it sees to it that a stream is in it at most once;
/// when its time has come it is taken out, looked at, and put in again with the time that is right by then.
#[derive(Default)]
pub(crate) struct Dues {
    heap: BinaryHeap<Reverse<(Timestamp, Incarnation)>>,
}

impl Dues {
    pub(crate) fn push(&mut self, at: Timestamp, incarnation: Incarnation) {
        self.heap.push(Reverse((at, incarnation)));
    }

    /// The one that has been due for longest, if any is.
    pub(crate) fn pop(&mut self, now: Timestamp) -> Option<Incarnation> {
        let Reverse((at, _)) = self.heap.peek()?;
        if now < *at {
            return None;
        }
        self.heap.pop().map(|Reverse((_, incarnation))| incarnation)
    }

    /// Whether any is due.
    pub(crate) fn is_any(&self, now: Timestamp) -> bool {
        self.heap.peek().is_some_and(|Reverse((at, _))| *at <= now)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_longest_comes_first_and_nothing_early() {
        let mut dues = Dues::default();
        let streams = [3, 1, 2].map(Incarnation::of_disk);
        for (at, stream) in [(30, streams[0]), (10, streams[1]), (20, streams[2])] {
            dues.push(Timestamp(at), stream);
        }
        assert_eq!(dues.pop(Timestamp(9)), None);
        assert_eq!(dues.pop(Timestamp(20)), Some(streams[1]));
        assert_eq!(dues.pop(Timestamp(20)), Some(streams[2]));
        assert_eq!(dues.pop(Timestamp(29)), None);
        assert!(dues.is_any(Timestamp(30)) && !dues.is_empty());
    }
}
