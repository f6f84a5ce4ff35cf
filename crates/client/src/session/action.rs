//! What a session wants done, what it is told in return, and what it tells.

use crate::{Failure, Message, Status, Transport};
use std::time::Duration;
use tidings_model::{Offset, Reset, Skip, Start, StreamName};
use tidings_protocol::websocket::server_message::ServerMessage;

/// One try of one transport. What is heard of an attempt that the session has given up is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AttemptId(pub(crate) u64);

/// What is asked for: streams, each from its place.
pub(crate) type Question = Vec<(StreamName, Start)>;

/// What the driver of a session has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Begin an attempt. A WebSocket begins without streams.
    Open { id: AttemptId, transport: Transport, streams: Question },
    /// The next question of a poll or a long poll. One that is still held is given up.
    Ask { id: AttemptId, streams: Question },
    /// Subscribe on the WebSocket of this attempt.
    Subscribe { id: AttemptId, stream: StreamName, from: Start },
    /// Unsubscribe on the WebSocket of this attempt.
    Unsubscribe { id: AttemptId, stream: StreamName },
    /// Ask the WebSocket of this attempt for a sign of life.
    Ping { id: AttemptId },
    /// Give the attempt up.
    Close { id: AttemptId },
}

/// What a transport hears.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Heard {
    /// Bytes that say nothing but that somebody is there.
    Bytes,
    /// Frames, one after another.
    Frames(Vec<ServerMessage>),
    /// The whole answer to a poll or a long poll.
    Page(FramePage),
    /// The attempt has failed.
    Lost(Failure),
}

/// The whole answer to a poll or a long poll.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FramePage {
    pub(crate) frames: Vec<ServerMessage>,
    /// Each stream in it was sent up to its tail, or has ended.
    pub(crate) up_to_date: bool,
    /// How long the server advises to wait before the next poll.
    pub(crate) poll_interval: Option<Duration>,
}

/// What a session tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// What happens in a stream.
    Stream(StreamName, StreamEvent),
    /// How the session is getting on.
    Status(Status),
}

/// What happens in a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StreamEvent {
    /// The next messages, never empty.
    Messages(Vec<Message>),
    /// Everything that is stored was given.
    Live { offset: Offset },
    /// These messages were left out.
    Skipped(Skip),
    /// It does not exist yet and is asked for again.
    Missing { after: Duration },
    /// The place can't be continued; the session has let it go.
    Reset(Reset),
    /// Everything was given and nothing will follow; the session has let it go.
    Closed { offset: Offset },
    /// There is no such stream; the session has let it go.
    NotFound,
    /// It can't be had; the session has let it go.
    Failed(Failure),
}
