//! The four transports: forms of one reader, one file each.
//!
//! To add one: write its file beside the others, with a type that implements [`Exchange`](crate::exchange::Exchange)
//! and steps the reader that it is given, and put its line into [`TRANSPORTS`]. (A WebSocket has no line there: it is
//! asked for by an upgrade.)
//!
//! Many streams over one connection or in one request are a [`feed`], of which the WebSocket and [`read_many`] are forms.

mod feed;
mod long_poll;
mod page;
mod poll;
mod read_many;
mod sse;
pub(crate) mod websocket;

use crate::about::About;
use crate::authorise::Principal;
use crate::exchange::Opened;
use crate::worker::core::Core;
use crate::worker::followers::Owner;
use std::num::NonZeroU16;
use std::sync::Arc;
use tidings_engine::{FollowerKind, Reader, Stream};
use tidings_model::StreamName;
use tidings_protocol::{
    ETag, ErrorCode, IfNoneMatch, Live, Problem, ReadManyRequest, ReadRequest, StartKind,
};

/// Kinds of followers, for counting.
pub(crate) const LONG_POLL: FollowerKind = FollowerKind(0);
pub(crate) const SSE: FollowerKind = FollowerKind(1);
pub(crate) const WEBSOCKET: FollowerKind = FollowerKind(2);

/// Who is to be answered, and how.
#[derive(Clone, Copy)]
pub(crate) struct Follower {
    pub(crate) owner: Owner,
    /// Whether a response without a length has to be cut into chunks by us.
    pub(crate) chunked: bool,
}

/// A read that is permitted: what is kept of it for as long as it is held, so it is small.
pub(crate) struct Read {
    pub(crate) reader: Reader,
    /// Whether a response without a length has to be cut into chunks by us.
    pub(crate) chunked: bool,
    /// Whether it is a long poll.
    waits: bool,
    /// Whether each message is wrapped with its offset and time.
    pub(crate) envelope: bool,
    /// At most that many messages in one answer; [`ReadRequest::LIMIT_MAX`] bounds it.
    limit: Option<NonZeroU16>,
    given: StartKind,
    /// What a request has that was asked before, by a cache or by its client.
    repeated: Option<Box<Repeated>>,
}

struct Repeated {
    /// The cache key of the last live answer.
    cursor: Option<u64>,
    /// The pages that the reader already has.
    if_none_match: IfNoneMatch,
}

const _: () = assert!(size_of::<Read>() <= 40, "every held long poll and every SSE response has one");

impl Read {
    pub(crate) fn new(request: &ReadRequest, reader: Reader, chunked: bool) -> Read {
        let is_first = request.cursor.is_none() && request.if_none_match == IfNoneMatch::Nothing;
        let repeated = (!is_first).then(|| {
            let if_none_match = request.if_none_match.clone();
            Box::new(Repeated { cursor: request.cursor, if_none_match })
        });
        Read {
            reader,
            chunked,
            waits: request.live == Live::LONG_POLL,
            envelope: request.envelope,
            limit: request.limit.and_then(|limit| NonZeroU16::new(u16::try_from(limit).ok()?)),
            given: request.start.kind(),
            repeated,
        }
    }

    fn describe(&self, transport: &'static str, about: &mut About) {
        about.by(transport);
        about.reads(self.reader.stream(), self.reader.next());
    }

    fn limit(&self) -> Option<u64> {
        self.limit.map(|limit| u64::from(limit.get()))
    }

    /// The cache key of the last live answer.
    fn cursor(&self) -> Option<u64> {
        self.repeated.as_ref()?.cursor
    }

    /// Whether the reader has that page already.
    fn has(&self, page: &ETag) -> bool {
        self.repeated.as_ref().is_some_and(|repeated| repeated.if_none_match.matches(page))
    }
}

/// Begins to answer a read. What of the request matters only now is not in [`Read`].
pub(crate) type Open = fn(Read, Owner, &ReadRequest, &mut Core) -> Opened;

/// Begins to answer a read of many streams, of which some may be forbidden.
pub(crate) type OpenMany = fn(&ReadManyRequest, &Principal, Follower, &mut Core) -> Opened;

/// One way to wait.
pub(crate) struct Transport {
    /// Its word in `live=`.
    live: Live,
    /// For one stream.
    pub(crate) open: Open,
    /// For many of them in one request.
    pub(crate) open_many: OpenMany,
}

static TRANSPORTS: [Transport; 3] = [
    Transport { live: Live::POLL, open: poll::open, open_many: read_many::poll },
    Transport { live: Live::LONG_POLL, open: long_poll::open, open_many: read_many::long_poll },
    Transport { live: Live::SSE, open: sse::open, open_many: read_many::sse },
];

/// The transport that a request names.
pub(crate) fn of(live: Live) -> Result<&'static Transport, Problem> {
    TRANSPORTS.iter().find(|transport| transport.live == live).ok_or_else(|| unknown(live))
}

fn unknown(live: Live) -> Problem {
    let words: Vec<_> = TRANSPORTS.iter().skip(1).map(|it| format!("`{}`", it.live.as_str())).collect();
    let detail =
        format!("`live={}` is unknown: it is {}; leave it out to poll", live.as_str(), words.join(" or "));
    Problem::new(ErrorCode::InvalidParameter, detail)
}

/// The stream of that name, or the answer that there is none.
pub(crate) fn find(core: &Core, name: &StreamName) -> Result<Arc<Stream>, Problem> {
    core.engine.find(name, core.now).ok_or_else(Problem::stream_not_found)
}
