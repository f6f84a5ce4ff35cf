//! What a session wants done, and what it is told in return.

use crate::{Failure, Message, Page};
use std::time::Duration;
use tidings_model::{Offset, Reset, Skip, Start};

/// One try of one transport. What is heard of an attempt that the session has given up is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AttemptId(pub(crate) u64);

/// What the driver of a session has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Ask for a page at once. Polls and long polls ask several times in one attempt, each time after the
    /// answer before.
    Poll {
        /// Whose events these are.
        id: AttemptId,
        /// From where.
        from: Start,
        /// The `ETag` of the last answer for the same place.
        etag: Option<String>,
    },
    /// Ask for a page when there is one.
    LongPoll {
        /// Whose events these are.
        id: AttemptId,
        /// From where.
        from: Start,
    },
    /// Ask for a response that never ends.
    Sse {
        /// Whose events these are.
        id: AttemptId,
        /// From where.
        from: Start,
    },
    /// Connect a WebSocket that follows nothing yet.
    WebSocket {
        /// Whose events these are.
        id: AttemptId,
    },
    /// Subscribe on the WebSocket of this attempt.
    Subscribe {
        /// Which one.
        id: AttemptId,
        /// From where.
        from: Start,
    },
    /// Give the attempt up.
    Close {
        /// Which one.
        id: AttemptId,
    },
}

/// What a transport hears.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Heard {
    /// Bytes that say nothing but that somebody is there.
    Bytes,
    /// The first frame of a WebSocket.
    Hello {
        /// How often something is heard of a server that has nothing to say.
        heartbeat: Duration,
    },
    /// Messages, one after another.
    Messages(Vec<Message>),
    /// Everything before this place was sent (an SSE control, `subscribed` or `live` of a WebSocket).
    At {
        /// The place.
        offset: Offset,
        /// Whether it is the tail.
        up_to_date: bool,
    },
    /// It stayed behind, and goes on further on.
    Skipped(Skip),
    /// The answer to a poll or a long poll.
    Page(Page),
    /// SSE: `retry:`.
    Retry(Duration),
    /// WebSocket: come back within that time.
    Drain {
        /// How much time there is.
        within: Duration,
    },
    /// The offset can't be continued.
    Reset(Reset),
    /// The stream is closed; this is its end.
    Closed {
        /// The end.
        offset: Offset,
    },
    /// There is no such stream.
    Missing,
    /// The attempt has failed.
    Lost(Failure),
}
