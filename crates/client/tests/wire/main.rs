//! The client against a peer that plays canned bytes over real sockets: what it sends, and what it makes of
//! answers, of connections that break, and of resets.

mod follow;
mod operations;
mod peer;
