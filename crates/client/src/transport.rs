//! The four ways to receive. Each file beside this one carries out what the session says, over one of them. All of them
//! bring the same frames.

mod frames;
pub(crate) mod long_poll;
pub(crate) mod poll;
mod report;
pub(crate) mod sse;
pub(crate) mod websocket;

pub(crate) use report::{Report, Reporter};

use crate::Via;
use std::fmt;

/// One of the four ways to receive, from the plainest to the most direct.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    /// All of them, from the plainest to the most direct.
    pub const ALL: [Transport; 4] =
        [Transport::Poll, Transport::LongPoll, Transport::Sse, Transport::WebSocket];

    /// The word for it on the command line and in lists of followers.
    pub fn as_str(self) -> &'static str {
        match self {
            Transport::Poll => "poll",
            Transport::LongPoll => "long-poll",
            Transport::Sse => "sse",
            Transport::WebSocket => "websocket",
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Via {
    /// Whether this transport may be used.
    pub(crate) fn allows(self, transport: Transport) -> bool {
        match self {
            Via::Auto => true,
            Via::Poll { .. } => transport == Transport::Poll,
            Via::LongPoll => transport == Transport::LongPoll,
            Via::Sse => transport == Transport::Sse,
            Via::WebSocket => transport == Transport::WebSocket,
        }
    }
}
