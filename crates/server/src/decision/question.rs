//! A question to the application: may this one do that, from there, in this way?

use std::net::IpAddr;
use tidings_auth::{Digest, Principal, PrincipalKind, Right};
use tidings_model::StreamName;
use tidings_protocol::Live;

/// The words for what is asked about.
pub(super) const CONNECT: &str = "connect";
pub(super) const READ: &str = "read";
pub(super) const PUBLISH: &str = "publish";

/// One question. Two that are equal have the same answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    /// Who: the token or key, and how it came. A renewed token is somebody else.
    who: (PrincipalKind, Option<Digest>),
    /// `None` for a connection.
    right: Option<Right>,
    pub(crate) stream: Option<StreamName>,
    pub(crate) address: IpAddr,
    pub(crate) via: Via,
}

/// The way in which somebody comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Via {
    /// A request that is answered once, and is none of the others.
    Http,
    Poll,
    LongPoll,
    Sse,
    WebSocket,
}

impl Via {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Via::Http => "http",
            Via::Poll => "poll",
            Via::LongPoll => "long-poll",
            Via::Sse => "sse",
            Via::WebSocket => "websocket",
        }
    }

    /// The way of a read with that query: a look, so that it is not parsed twice.
    pub(crate) fn of_read(query: &str) -> Via {
        let live = query.split('&').find_map(|pair| pair.strip_prefix("live="));
        match live {
            None => Via::Poll,
            Some(word) if word == Live::LONG_POLL.as_str() => Via::LongPoll,
            Some(word) if word == Live::SSE.as_str() => Via::Sse,
            // It is about to be refused.
            Some(_) => Via::Http,
        }
    }
}

/// From where and how somebody asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whence {
    pub(crate) address: IpAddr,
    pub(crate) via: Via,
}

impl Question {
    /// Whether somebody may do something with a stream.
    pub(crate) fn of_right(
        principal: &Principal,
        right: Right,
        stream: StreamName,
        Whence { address, via }: Whence,
    ) -> Question {
        let who = (principal.kind(), principal.evidence());
        Question { who, right: Some(right), stream: Some(stream), address, via }
    }

    /// Whether somebody may have a WebSocket, perhaps with a stream that it begins with.
    pub(crate) fn of_connection(
        principal: &Principal,
        stream: Option<StreamName>,
        address: IpAddr,
    ) -> Question {
        let who = (principal.kind(), principal.evidence());
        Question { who, right: None, stream, address, via: Via::WebSocket }
    }

    /// The same about somebody else.
    pub(crate) fn about(self, principal: &Principal) -> Question {
        Question { who: (principal.kind(), principal.evidence()), ..self }
    }

    pub(crate) fn right(&self) -> Option<Right> {
        self.right
    }

    /// What it is about, in one word.
    pub(crate) fn event(&self) -> &'static str {
        match self.right {
            None => CONNECT,
            Some(Right::Read) => READ,
            Some(Right::Publish | Right::Create | Right::Delete | Right::List | Right::Admin) => PUBLISH,
        }
    }
}
