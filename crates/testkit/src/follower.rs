//! Followers: one per transport, all giving the same events.

mod envelope;
mod long_poll;
mod many;
mod poll;
mod sse;
mod websocket;

pub use many::ManyFollower;

use crate::clock::Deadline;
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;

/// The four ways to receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Ask at an interval.
    Poll,
    /// The server holds the question until there is news.
    LongPoll,
    /// One response that never ends.
    Sse,
    /// One connection, both directions.
    WebSocket,
}

impl Transport {
    /// All of them.
    pub const ALL: [Transport; 4] =
        [Transport::Poll, Transport::LongPoll, Transport::Sse, Transport::WebSocket];
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Transport::Poll => "poll",
            Transport::LongPoll => "long-poll",
            Transport::Sse => "sse",
            Transport::WebSocket => "websocket",
        })
    }
}

/// Where a follower begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// What the `offset` parameter is to be: a token, `-1`, `now`, or something wrong on purpose.
    Offset(String),
    /// So many messages before the tail.
    Last(u64),
}

impl Start {
    /// At the earliest message.
    pub fn beginning() -> Start {
        Start::Offset("-1".to_owned())
    }

    /// At the tail.
    pub fn now() -> Start {
        Start::Offset("now".to_owned())
    }

    /// After that place.
    pub fn after(offset: &str) -> Start {
        Start::Offset(offset.to_owned())
    }

    pub(crate) fn query(&self) -> String {
        match self {
            Start::Offset(offset) => format!("offset={offset}"),
            Start::Last(count) => format!("last={count}"),
        }
    }
}

/// One message as it was received.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// The offset after it.
    pub offset: String,
    /// When it was stored, as the server wrote it.
    pub time: String,
    /// Its JSON text, byte for byte.
    pub data: String,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.offset, self.data)
    }
}

/// "Your offset can't be continued", over whatever transport it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reset {
    /// Why.
    pub reason: String,
    /// The earliest offset of the stream, if there is one.
    pub earliest: Option<String>,
    /// Its tail, if there is one.
    pub tail: Option<String>,
}

/// What a follower was skipped over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Where it stood.
    pub from: String,
    /// Where it goes on.
    pub to: String,
    /// How many messages lie between, as the server says.
    pub messages: u64,
}

impl Skipped {
    /// Whether it goes on further on in the same stream, and says right how far.
    fn is_right(&self) -> bool {
        let parts = |offset: &str| {
            let (incarnation, index) = offset.split_once('_')?;
            Some((incarnation.to_owned(), index.parse::<u64>().ok()?))
        };
        match (parts(&self.from), parts(&self.to)) {
            (Some((from_life, from)), Some((to_life, to))) => {
                from_life == to_life && 0 < self.messages && from + self.messages == to
            }
            _ => false,
        }
    }
}

/// What a follower receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A message.
    Message(Message),
    /// It stayed behind, and goes on at the newest message.
    Skipped(Skipped),
    /// Everything that was stored has been received.
    Live,
    /// The offset can't be continued; nothing follows.
    Reset(Reset),
    /// The stream is closed and everything has been received; nothing follows.
    Closed,
}

/// Why a follower receives no more.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The connection was lost or never came about: try again from the last offset.
    #[error("the connection was lost: {0}")]
    Connection(io::Error),
    /// The server said no.
    #[error("refused with {status} {code}: {detail}")]
    Refused {
        /// The HTTP status, 0 where the transport has none.
        status: u16,
        /// The stable code.
        code: String,
        /// The rest.
        detail: String,
    },
    /// The server broke the protocol: always a bug.
    #[error("against the protocol: {0}")]
    Violation(String),
}

impl From<io::Error> for FollowError {
    fn from(error: io::Error) -> FollowError {
        // Said by the decoders of this crate about bytes that arrived.
        if error.kind() == io::ErrorKind::InvalidData {
            FollowError::Violation(error.to_string())
        } else {
            FollowError::Connection(error)
        }
    }
}

impl FollowError {
    /// Whether trying again is what a client should do.
    pub fn is_passing(&self) -> bool {
        match self {
            FollowError::Connection(_) => true,
            FollowError::Refused { status, .. } => *status == 503,
            FollowError::Violation(_) => false,
        }
    }
}

/// What one transport has to do.
trait Feed {
    /// Waits until the deadline for at least one event.
    fn read(&mut self, deadline: Deadline, received: &mut Received) -> Result<(), FollowError>;
}

/// What has arrived: the events in order, and the place that the server named last.
#[derive(Debug, Default)]
struct Received {
    events: VecDeque<Event>,
    /// Known as soon as the server names one, before any message.
    offset: Option<String>,
}

impl Received {
    /// Takes messages; none may go back or repeat.
    fn messages(&mut self, messages: Vec<Message>) -> Result<(), FollowError> {
        for message in messages {
            if self.offset.as_ref().is_some_and(|before| message.offset <= *before) {
                return Err(FollowError::Violation(format!("{message:?} after {:?}", self.offset)));
            }
            self.offset = Some(message.offset.clone());
            self.events.push_back(Event::Message(message));
        }
        Ok(())
    }

    /// Takes the offset that a header, a control or a frame names, which has to be where the messages end.
    fn stands_at(&mut self, offset: &str) -> Result<(), FollowError> {
        match &self.offset {
            Some(known) if known != offset => {
                Err(FollowError::Violation(format!("the messages end at {known}, the server says {offset}")))
            }
            Some(_) => Ok(()),
            None => {
                self.offset = Some(offset.to_owned());
                Ok(())
            }
        }
    }

    /// Takes a skip, which has to begin where the messages end.
    fn skipped(&mut self, skipped: Skipped) -> Result<(), FollowError> {
        if self.offset.as_ref().is_some_and(|at| *at != skipped.from) || !skipped.is_right() {
            return Err(FollowError::Violation(format!("{skipped:?} at {:?}", self.offset)));
        }
        self.offset = Some(skipped.to.clone());
        self.events.push_back(Event::Skipped(skipped));
        Ok(())
    }

    fn event(&mut self, event: Event) {
        self.events.push_back(event);
    }
}

/// One follower over one transport. Blocks its thread.
pub struct Follower {
    feed: Box<dyn Feed + Send>,
    received: Received,
    offset: Option<String>,
}

impl fmt::Debug for Follower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follower").field("received", &self.received).finish_non_exhaustive()
    }
}

impl Follower {
    /// Connects and asks.
    pub fn open(
        transport: Transport,
        address: SocketAddr,
        stream: &str,
        start: &Start,
    ) -> Result<Follower, FollowError> {
        let feed: Box<dyn Feed + Send> = match transport {
            Transport::Poll => Box::new(poll::Poll::open(address, stream, start)?),
            Transport::LongPoll => Box::new(long_poll::LongPoll::open(address, stream, start)?),
            Transport::Sse => Box::new(sse::Sse::open(address, stream, start)?),
            Transport::WebSocket => Box::new(websocket::WebSocket::open(address, stream, start)?),
        };
        let offset = match start {
            Start::Offset(token) if token.contains('_') => Some(token.clone()),
            Start::Offset(_) | Start::Last(_) => None,
        };
        Ok(Follower { feed, received: Received { events: VecDeque::new(), offset: offset.clone() }, offset })
    }

    /// The next event; `None` when there is none by the deadline.
    pub fn next(&mut self, deadline: Deadline) -> Result<Option<Event>, FollowError> {
        while self.received.events.is_empty() && !deadline.passed() {
            self.feed.read(deadline, &mut self.received)?;
        }
        let event = self.received.events.pop_front();
        if let Some(Event::Message(message)) = &event {
            self.offset = Some(message.offset.clone());
        } else if let Some(Event::Skipped(skipped)) = &event {
            self.offset = Some(skipped.to.clone());
        } else if self.received.events.is_empty() {
            self.offset.clone_from(&self.received.offset);
        }
        Ok(event)
    }

    /// Where another follower may go on after the events that [`Follower::next`] has given so far.
    pub fn offset(&self) -> Option<&str> {
        self.offset.as_deref()
    }
}
