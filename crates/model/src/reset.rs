//! Resets: how a reader is told that its offset can't be continued.

use crate::Offset;
use std::fmt;

/// Why an offset can't be continued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResetReason {
    /// The stream of that offset was deleted or has expired; another may stand under its name.
    Deleted,
    /// Retention has removed messages after that offset.
    Trimmed,
    /// The offset is beyond the tail.
    Ahead,
    /// The messages were in memory only and the server has restarted.
    Lost,
}

impl ResetReason {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            ResetReason::Deleted => "deleted",
            ResetReason::Trimmed => "trimmed",
            ResetReason::Ahead => "ahead",
            ResetReason::Lost => "lost",
        }
    }

    /// The reason of that word, if it is one.
    pub fn parse(word: &str) -> Option<ResetReason> {
        use ResetReason::{Ahead, Deleted, Lost, Trimmed};
        [Deleted, Trimmed, Ahead, Lost].into_iter().find(|reason| reason.as_str() == word)
    }
}

impl fmt::Display for ResetReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// "Your offset can't be continued": why, and where it may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reset {
    /// Why.
    pub reason: ResetReason,
    /// The earliest offset of the stream that now has the name; `None` when there is none.
    pub earliest: Option<Offset>,
    /// Its tail.
    pub tail: Option<Offset>,
}
