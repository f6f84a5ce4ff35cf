//! What becomes of a follower that stays behind, and how it is told that something was skipped.

use crate::Offset;

/// What a live follower gets that reads more slowly than others publish.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Behind {
    /// All messages, however far behind it is.
    #[default]
    CatchUp,
    /// Not more than so many messages: if more wait for it, it is skipped to the newest one.
    Latest {
        /// How many may wait, at least 1.
        messages_max: u64,
    },
}

impl Behind {
    /// How many messages may wait where nobody says.
    pub const MESSAGES_MAX: u64 = 1_000;
}

/// What a follower was skipped over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skip {
    /// Where it stood: what comes next there, it did not get.
    pub from: Offset,
    /// Where it goes on, further on in the same stream.
    pub to: Offset,
}

impl Skip {
    /// How many messages lie between, at least 1.
    pub fn messages(&self) -> u64 {
        self.to.index - self.from.index
    }
}
