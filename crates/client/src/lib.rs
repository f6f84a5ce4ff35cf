//! Rust client of tidings: publish to streams, read them, follow them for ever.
//!
//! Knows the protocol. What to do next in a follow (choose a transport, fall back, retry, resume) is decided
//! by a pure session that takes events and `now`; the transports only carry out what it says. Does not know
//! the engine, the log or the server.

mod answer;
mod backoff;
mod client;
mod clock;
mod failure;
mod follow;
mod http_client;
mod hub;
mod message;
mod publisher;
mod server_url;
mod session;
mod timing;
mod tls;
mod transport;

pub use client::{
    Client, ClientError, ClientOptions, CloseError, Closed, CreateError, CreateOptions, Created, DeleteError,
    FollowerCounts, HeadError, ListError, Page, Publish, PublishError, Published, ReadError, StreamEntry,
    StreamHead, StreamPages, Via,
};
pub use failure::{Failure, Malformed, Refusal, Unreachable};
pub use follow::{Follow, FollowError, FollowEvent, FollowOptions, Messages, Status};
pub use message::{Data, Message};
pub use publisher::{Publisher, PublisherOptions, Publishing};
pub use server_url::{InvalidUrl, ServerUrl};
pub use session::Standpoint;
pub use tidings_model::{
    ContentKind, ContentType, Offset, Reset, ResetReason, Skip, Start, StreamConfig, StreamName, Timestamp,
};
pub use tidings_protocol::{Producer, PublishIdentity};
pub use timing::Timing;
pub use tls::{InvalidCertificate, RootCertificate};
pub use transport::Transport;
