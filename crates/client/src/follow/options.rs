//! How to follow.

use std::time::Duration;
use tidings_model::Start;

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
    /// Whether to wait for a stream that does not exist yet. It is then read from its first message on,
    /// whatever `start` says of `now` or `last`: nothing was there when the follow began.
    pub wait_for_stream: bool,
}

impl Default for FollowOptions {
    /// From `now` on, over the best transport, a stream that exists.
    fn default() -> FollowOptions {
        FollowOptions { via: Via::Auto, start: Start::Now, wait_for_stream: false }
    }
}
