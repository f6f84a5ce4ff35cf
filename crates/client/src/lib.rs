//! Rust client of tidings: publish to streams, read them, follow them for ever.
//!
//! A stream is a named sequence of messages that a server keeps, and every reader of it is an **offset**: a place between
//! two messages. Save the offset of the last message that you have dealt with, and go on from there whenever you like,
//! over whatever transport, after whatever has happened in between.
//!
//! ```no_run
//! use tidings_client::{Client, FollowOptions, Start, StreamName};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::new("https://updates.example.com")?;
//! let orders = StreamName::parse("orders/42")?;
//!
//! let mut messages = client.follow(&orders, FollowOptions::from(Start::Last(10))).into_messages();
//! while let Some(message) = messages.next().await {
//!     let message = message?;
//!     println!("{} {:?}", message.offset, message.data.as_json());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Follow
//!
//! [`Client::follow`] gives a [`Follow`], which reconnects and resumes by itself, for ever. It is a `Stream` of
//! [`FollowEvent`]s; [`Follow::into_messages`] makes it one of bare [`Message`]s. What can't be continued is told: a
//! [`FollowEvent::Reset`] says why, and where one may go on. Nothing is skipped in silence, doubled, or out of order.
//!
//! All follows of a [`Client`], and of its clones, share **one session and one connection**, however many streams they
//! follow and wherever each stands. The session chooses the transport: a plain read at once, while a WebSocket is dialled;
//! SSE, long polls, or polls where a network lets nothing better through; and back up, when it does. [`Client::set_via`]
//! forces one, also while messages flow. The numbers by which it chooses are in [`Timing`].
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use tidings_client::{Client, FollowEvent, FollowOptions, StreamName};
//!
//! let client = Client::new("http://127.0.0.1:4437")?;
//! let mut orders = client.follow(&StreamName::parse("orders/42")?, FollowOptions::default());
//! let mut chat = client.follow(&StreamName::parse("chat/lobby")?, FollowOptions::default());
//! loop {
//!     // Either may be cancelled by the other: what was not taken comes the next time.
//!     let event = tokio::select! {
//!         event = orders.next() => event?,
//!         event = chat.next() => event?,
//!     };
//!     if let FollowEvent::Messages(messages) = event {
//!         println!("{} more", messages.len());
//!     }
//! }
//! # }
//! ```
//!
//! A follow that takes its messages slowly costs nobody else anything, and loses nothing: its buffer is bounded
//! ([`FollowOptions::buffer`]), and what does not fit is read from the server's log when there is room.
//!
//! # Publish
//!
//! [`Client::publish`] publishes once. A [`Publisher`] publishes in order, each message once, however often it has to be
//! sent: over the WebSocket of the session, where there is one, else by requests.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use tidings_client::{Client, ContentType, PublisherOptions, StreamName};
//!
//! let client = Client::new("http://127.0.0.1:4437")?;
//! let options = PublisherOptions { create: true, ..PublisherOptions::new(ContentType::json()) };
//! let publisher = client.publisher(&StreamName::parse("orders/42")?, options);
//! let published = publisher.publish(vec![r#"{"status":"shipped"}"#.into()]).await?;
//! println!("stored before {:?}", published.offset);
//! # Ok(())
//! # }
//! ```
//!
//! # TLS
//!
//! `https://` URLs are spoken to by rustls, with the root certificates of the system. Further ones are named in
//! [`ClientOptions::root_certificates`].
//!
//! # Inside
//!
//! Knows the protocol. What to do next (choose a transport, fall back, retry, resume) is decided by a pure session that
//! takes events and `now`, by the rules and cases of `conformance/session`; the hub drives it, and the transports only
//! carry out what it says. Does not know the engine, the log or the server.

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
mod token;
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
pub use token::Token;
pub use transport::Transport;
