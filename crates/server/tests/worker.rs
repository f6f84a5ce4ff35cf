//! What `worker` promises of a connection, tested over real sockets on the real binary: order, ends, limits, draining.
//!
//! Speaks HTTP and WebSocket by hand, byte by byte where it matters, and shares no code with the server.

#[path = "worker/access.rs"]
mod access;
#[path = "worker/access_log.rs"]
mod access_log;
#[path = "worker/acme.rs"]
mod acme;
#[path = "worker/administration.rs"]
mod administration;
#[path = "worker/balance.rs"]
mod balance;
#[path = "worker/behind.rs"]
mod behind;
#[path = "worker/byte_by_byte.rs"]
mod byte_by_byte;
#[path = "worker/certificates.rs"]
mod certificates;
#[path = "worker/compression.rs"]
mod compression;
#[path = "worker/cost.rs"]
mod cost;
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
#[path = "worker/http2_limits.rs"]
mod http2_limits;
#[path = "worker/http2_socket.rs"]
mod http2_socket;
#[path = "worker/http2_websocket.rs"]
mod http2_websocket;
#[path = "worker/ladder.rs"]
mod ladder;
#[path = "worker/limits.rs"]
mod limits;
#[path = "worker/memory.rs"]
mod memory;
#[path = "worker/metrics.rs"]
mod metrics;
#[path = "worker/odd.rs"]
mod odd;
#[path = "worker/parity.rs"]
mod parity;
#[path = "worker/pipelining.rs"]
mod pipelining;
#[path = "worker/process.rs"]
mod process;
#[path = "worker/proxied.rs"]
mod proxied;
#[path = "worker/publishing_order.rs"]
mod publishing_order;
#[path = "worker/random_bytes.rs"]
mod random_bytes;
#[path = "worker/read_many.rs"]
mod read_many;
#[path = "worker/requests.rs"]
mod requests;
#[path = "worker/slow_peers.rs"]
mod slow_peers;
#[path = "worker/smuggling.rs"]
mod smuggling;
#[path = "worker/stalled.rs"]
mod stalled;
#[path = "worker/time_limits.rs"]
mod time_limits;
#[path = "worker/tls.rs"]
mod tls;
#[path = "worker/traces.rs"]
mod traces;
#[path = "worker/unread.rs"]
mod unread;
#[path = "worker/versions.rs"]
mod versions;
#[path = "worker/wire.rs"]
mod wire;
