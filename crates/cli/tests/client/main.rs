//! The Rust client against the real server, over real sockets: TLS, many follows over one connection, changes of the
//! transport, and a soak of all of it with a network that breaks.

#![expect(clippy::unwrap_used, reason = "a test may unwrap")]

mod examples;
mod front;
mod publishing;
mod sharing;
mod soak;
mod tls;
mod token;
mod world;
