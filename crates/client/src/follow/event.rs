//! What a follow tells its user.

use crate::{Failure, Message, Transport};
use std::time::Duration;
use tidings_model::{Offset, Reset, Skip};

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
    /// The follow stayed behind on a stream where the server's settings let it skip (`behind = "latest"`): these messages
    /// are left out, and the newest come next. As long as they are kept, they can be read from `skip.from`.
    Skipped(Skip),
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
