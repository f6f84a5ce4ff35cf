//! What a follow tells its user.

use crate::{Failure, Message, Transport};
use std::time::Duration;
use tidings_model::{Offset, Reset, Start};

/// Which transport a follow uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Via {
    /// The best one that works, found out while it goes.
    #[default]
    Auto,
    /// Ask at an interval; `None` takes the advice of the server.
    Poll {
        /// The interval.
        every: Option<Duration>,
    },
    /// Long polls only.
    LongPoll,
    /// SSE only.
    Sse,
    /// WebSocket only.
    WebSocket,
}

/// How to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowOptions {
    /// Over which transport.
    pub via: Via,
    /// Where to begin.
    pub start: Start,
    /// Whether to wait for a stream that does not exist yet. It is then read from its first message on, whatever
    /// `start` says of `now` or `last`: nothing was there when the follow began.
    pub wait_for_stream: bool,
}

impl Default for FollowOptions {
    /// From `now` on, over the best transport, a stream that exists.
    fn default() -> FollowOptions {
        FollowOptions { via: Via::Auto, start: Start::Now, wait_for_stream: false }
    }
}

/// What happens in a follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FollowEvent {
    /// The next messages, never empty: each one once, in order.
    Messages(Vec<Message>),
    /// Everything that is stored was given; from here on messages come as they are published.
    Live {
        /// The tail.
        offset: Offset,
    },
    /// The offset can't be continued. The follow has ended; it goes on only where the user says.
    Reset(Reset),
    /// The stream is closed and everything was given. The follow has ended.
    Closed {
        /// The last offset there will ever be.
        offset: Offset,
    },
    /// How the follow is getting on. Nothing needs to be done about it.
    Status(Status),
}

/// How a follow is getting on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Messages now come over this transport.
    Connected {
        /// Which.
        transport: Transport,
    },
    /// The connection was lost or could not be made; the follow tries again by itself.
    Retrying {
        /// After this long.
        after: Duration,
        /// What happened.
        failure: Failure,
    },
    /// The stream does not exist yet; the follow asks again by itself.
    WaitingForStream {
        /// After this long.
        after: Duration,
    },
}

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
    /// The follow ended, since the stream is closed.
    #[error("the stream is closed")]
    Closed,
}

impl FollowError {
    /// Whether following again in the same way may work later.
    pub fn is_retryable(&self) -> bool {
        match self {
            FollowError::Failed(failure) => failure.is_retryable(),
            FollowError::StreamNotFound | FollowError::Reset(_) | FollowError::Closed => false,
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
