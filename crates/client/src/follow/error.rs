//! Why a follow can't go on.

use crate::Failure;
use tidings_model::{Reset, Skip};

/// Why a follow can't go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FollowError {
    /// There is no such stream.
    #[error("there is no such stream")]
    StreamNotFound,
    /// The server won't, and asking again does not help.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// The follow ended with a reset, and was asked to go on without being told where.
    #[error("the offset can't be continued ({}): say where to go on", .0.reason)]
    Reset(Reset),
    /// The server has left messages out for a reader that stayed behind. Only [`Messages`](crate::Messages) says so in
    /// this way; it goes on after them.
    #[error("{} messages were left out, from {} to {}", .0.messages(), .0.from, .0.to)]
    Skipped(Skip),
    /// The follow ended, since the stream is closed.
    #[error("the stream is closed")]
    Closed,
}

impl FollowError {
    /// Whether following again in the same way may work later.
    pub fn is_retryable(&self) -> bool {
        match self {
            FollowError::Failed(failure) => failure.is_retryable(),
            FollowError::StreamNotFound
            | FollowError::Reset(_)
            | FollowError::Skipped(_)
            | FollowError::Closed => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Malformed, Unreachable};
    use tidings_model::ResetReason;

    #[test]
    fn only_a_failure_that_passes_is_retryable() {
        let reset = Reset { reason: ResetReason::Deleted, earliest: None, tail: None };
        assert!(FollowError::Failed(Unreachable::Ended.into()).is_retryable());
        assert!(!FollowError::StreamNotFound.is_retryable());
        assert!(!FollowError::Reset(reset).is_retryable());
        assert!(!FollowError::Closed.is_retryable());
        assert!(!FollowError::Failed(Malformed("x".into()).into()).is_retryable());
    }
}
