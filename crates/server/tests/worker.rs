//! What `worker` promises of a connection, tested over real sockets on the real binary: order, ends, limits, draining.
//!
//! Speaks HTTP and WebSocket by hand, byte by byte where it matters, and shares no code with the server.

#[path = "worker/behind.rs"]
mod behind;
#[path = "worker/byte_by_byte.rs"]
mod byte_by_byte;
#[path = "worker/draining.rs"]
mod draining;
#[path = "worker/ends.rs"]
mod ends;
#[path = "worker/fairness.rs"]
mod fairness;
#[path = "worker/framing.rs"]
mod framing;
#[path = "worker/half_closed.rs"]
mod half_closed;
#[path = "worker/http2.rs"]
mod http2;
#[path = "worker/odd.rs"]
mod odd;
#[path = "worker/pipelining.rs"]
mod pipelining;
#[path = "worker/process.rs"]
mod process;
#[path = "worker/requests.rs"]
mod requests;
#[path = "worker/stalled.rs"]
mod stalled;
#[path = "worker/time_limits.rs"]
mod time_limits;
#[path = "worker/unread.rs"]
mod unread;
#[path = "worker/versions.rs"]
mod versions;
#[path = "worker/wire.rs"]
mod wire;
