//! The four transports: forms of one reader, one file each.
//!
//! To add one: write its file with a type that implements [`Exchange`](crate::exchange::Exchange), and name it in [`open`].

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
use tidings_protocol::{Live, Problem, ReadRequest};

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

/// Begins to read, by the transport that the request names.
pub(crate) fn open(read: Read, core: &mut Core) -> Opened {
    match read.request.live {
        Live::Poll => poll::open(read, core),
        Live::LongPoll => long_poll::open(read, core),
        Live::Sse => sse::open(read, core),
    }
}

/// The stream of that name, or the answer that there is none.
pub(crate) fn find(core: &Core, name: &StreamName) -> Result<Arc<Stream>, Problem> {
    core.engine.find(name, core.now).ok_or_else(Problem::stream_not_found)
}
