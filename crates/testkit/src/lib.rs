//! The test harness: starts the real binary, speaks to it over real sockets, breaks the network between.
//!
//! Its four transports are written by hand over `TcpStream`, apart from the product's own client and wire crates, so that a test can't
//! share their mistakes. Knows `docs/protocol.md` and nothing else of tidings.

mod api;
mod authority;
mod binary;
mod clock;
mod elsewhere;
mod follower;
mod http;
mod proxy;
mod random;
mod reader;
mod relay;
mod server;
mod socket;
mod wall_clock;

pub use api::{Api, Producer};
pub use authority::{Authority, CertificateFiles};
pub use binary::tidings_binary;
pub use clock::{Deadline, PATIENCE, eventually, pause};
pub use elsewhere::{Asked, Elsewhere, Told};
pub use follower::{Event, FollowError, Follower, ManyFollower, Message, Reset, Skipped, Start, Transport};
pub use http::{Connection, Request, Response};
pub use proxy::{Fault, Proxy};
pub use random::Random;
pub use reader::Reader;
pub use relay::Relay;
pub use server::{Server, ServerBuilder};
pub use socket::{Close, Frame, Socket, Upgrade};
pub use wall_clock::WallClock;
