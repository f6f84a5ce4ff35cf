//! Where the entries of one stream are that are not sealed yet: a few of them, from which the others are found.

use crate::format::Location;

/// Every so many entries of a stream one is remembered. Between two of them a reader walks the back pointers.
/// At 16 bytes a checkpoint this costs half a byte an entry.
pub(crate) const CHECKPOINT_EVERY: u8 = 32;

/// A sparse index of the entries with messages of one stream.
#[derive(Debug, Default)]
pub(crate) struct Index {
    checkpoints: Vec<Checkpoint>,
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
    /// Adds one of every [`CHECKPOINT_EVERY`] entries.
    pub(crate) fn push(&mut self, entry: Checkpoint) {
        self.checkpoints.push(entry);
    }

    /// The first known entry that begins after `index`: walking back from it leads to the one that holds `index`, in at
    /// most [`CHECKPOINT_EVERY`] steps if there is a checkpoint before. `None`: the last entry is as near.
    pub(crate) fn known_after(&self, index: u64) -> Option<Checkpoint> {
        let after = self.checkpoints.partition_point(|checkpoint| checkpoint.first_index <= index);
        self.checkpoints.get(after).copied()
    }

    /// Forgets the entries in segments up to `sealed`.
    pub(crate) fn forget_to(&mut self, sealed: u32) {
        let count = self.checkpoints.partition_point(|checkpoint| checkpoint.location.segment <= sealed);
        if 0 < count {
            self.checkpoints.drain(..count);
            self.checkpoints.shrink_to(self.checkpoints.len() * 2);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.checkpoints.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_entry_is_near_and_not_before() {
        let mut index = Index::default();
        assert_eq!(index.known_after(0), None);
        let entry = |n: u32| Checkpoint {
            first_index: u64::from(n) * 2,
            location: Location { segment: 1 + n / 64, at: n },
        };
        for n in (31..100).step_by(32) {
            index.push(entry(n));
        }
        assert_eq!(index.known_after(0), Some(entry(31)));
        assert_eq!(index.known_after(61), Some(entry(31)));
        assert_eq!(index.known_after(62), Some(entry(63)));
        assert_eq!(index.known_after(191), None);
        index.forget_to(1);
        assert_eq!(index.known_after(0), Some(entry(95)));
    }
}
