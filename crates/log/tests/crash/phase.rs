//! What a log was doing, so that a sweep knows where its crash points fell.

use tidings_log::LogStats;

/// A kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Open,
    Commit,
    /// A commit that went on in another segment.
    Roll,
    Seal,
    Merge,
    Snapshot,
    /// A block was dropped, or nothing was done.
    Other,
}

impl Phase {
    /// What a piece of upkeep was, by the numbers before and after it.
    pub(crate) fn of_upkeep(before: LogStats, after: LogStats) -> Phase {
        if before.written_snapshots != after.written_snapshots {
            Phase::Snapshot
        } else if before.written_merging != after.written_merging {
            Phase::Merge
        } else if before.written_sealing != after.written_sealing {
            Phase::Seal
        } else {
            Phase::Other
        }
    }
}
