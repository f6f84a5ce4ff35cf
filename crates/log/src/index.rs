//! Where the entries of one stream are: a few of them, from which the others are found.

use crate::format::Location;

/// Every so many entries of a stream one is remembered. Between two of them a reader walks the back pointers.
/// At 16 bytes a checkpoint this costs half a byte an entry.
pub(crate) const CHECKPOINT_EVERY: u32 = 32;

/// A sparse index of the entries with messages of one stream.
#[derive(Debug, Default)]
pub(crate) struct Index {
    checkpoints: Vec<Checkpoint>,
    last: Option<Checkpoint>,
    since_checkpoint: u32,
}

/// An entry whose place is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    /// The index of its first message.
    pub(crate) first_index: u64,
    /// Where it is.
    pub(crate) location: Location,
}

impl Index {
    /// Adds the next entry.
    pub(crate) fn push(&mut self, entry: Checkpoint) {
        self.last = Some(entry);
        self.since_checkpoint += 1;
        if self.since_checkpoint == CHECKPOINT_EVERY {
            self.checkpoints.push(entry);
            self.since_checkpoint = 0;
        }
    }

    /// The first known entry that begins after `index`, or else the last entry: walking back from it leads to the
    /// one that holds `index`, in at most [`CHECKPOINT_EVERY`] steps if there is one.
    pub(crate) fn known_after(&self, index: u64) -> Option<Checkpoint> {
        let after = self.checkpoints.partition_point(|checkpoint| checkpoint.first_index <= index);
        self.checkpoints.get(after).copied().or(self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_entry_is_near_and_not_before() {
        let mut index = Index::default();
        assert_eq!(index.known_after(0), None);
        let entry =
            |n: u32| Checkpoint { first_index: u64::from(n) * 2, location: Location { segment: 1, at: n } };
        for n in 0..100 {
            index.push(entry(n));
        }
        assert_eq!(index.known_after(0), Some(entry(31)));
        assert_eq!(index.known_after(61), Some(entry(31)));
        assert_eq!(index.known_after(62), Some(entry(63)));
        assert_eq!(index.known_after(191), Some(entry(99)));
        assert_eq!(index.known_after(500), Some(entry(99)));
    }
}
