//! The four transports: forms of one reader, one file each.
//!
//! To add one: write its file beside the others, with a type that implements [`Exchange`](crate::exchange::Exchange)
//! and steps the reader that it is given, and put its line into [`TRANSPORTS`]. (A WebSocket has no line there: it is
//! asked for by an upgrade.)

mod long_poll;
mod page;
mod poll;
mod sse;
pub(crate) mod websocket;

use crate::exchange::Opened;
use crate::worker::core::Core;
use crate::worker::followers::Owner;
use std::sync::Arc;
use tidings_engine::{FollowerKind, Reader, Stream};
use tidings_model::StreamName;
use tidings_protocol::{ErrorCode, Live, Problem, ReadRequest};

/// Kinds of followers, for counting.
pub(crate) const LONG_POLL: FollowerKind = FollowerKind(0);
pub(crate) const SSE: FollowerKind = FollowerKind(1);
pub(crate) const WEBSOCKET: FollowerKind = FollowerKind(2);

/// A read, parsed and permitted.
pub(crate) struct Read {
    pub(crate) request: ReadRequest,
    pub(crate) reader: Reader,
    pub(crate) owner: Owner,
    /// Whether a response without a length has to be cut into chunks by us.
    pub(crate) chunked: bool,
}

/// Begins to answer a read.
pub(crate) type Open = fn(Read, &mut Core) -> Opened;

/// The transports by their word in `live=`.
const TRANSPORTS: [(Live, Open); 3] =
    [(Live::POLL, poll::open), (Live::LONG_POLL, long_poll::open), (Live::SSE, sse::open)];

/// The transport that a request names.
pub(crate) fn of(live: Live) -> Result<Open, Problem> {
    let found = TRANSPORTS.iter().find(|(word, _)| *word == live);
    found.map(|(_, open)| *open).ok_or_else(|| unknown(live))
}

fn unknown(live: Live) -> Problem {
    let words: Vec<_> = TRANSPORTS.iter().skip(1).map(|(word, _)| format!("`{}`", word.as_str())).collect();
    let detail =
        format!("`live={}` is unknown: it is {}; leave it out to poll", live.as_str(), words.join(" or "));
    Problem::new(ErrorCode::InvalidParameter, detail)
}

/// The stream of that name, or the answer that there is none.
pub(crate) fn find(core: &Core, name: &StreamName) -> Result<Arc<Stream>, Problem> {
    core.engine.find(name, core.now).ok_or_else(Problem::stream_not_found)
}
