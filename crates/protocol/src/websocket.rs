//! The WebSocket of RFC 6455, and the messages of `tidings.v1` that travel in it.
//!
//! ```text
//! bytes ──frame_decoder──► parts of frames ──assembler──► messages ──client_message / server_message──► meaning
//!                                            └ deflate
//! ```
//! Each arrow is plain data that takes bytes from its caller's buffer. Does not know sockets, subscriptions or time.

pub mod assembler;
pub mod client_message;
pub mod close_code;
pub mod deflate;
pub mod frame;
pub mod frame_decoder;
pub mod handshake;
pub mod input;
mod mask;
pub mod memory;
pub mod server_message;

/// The subprotocol; not insisted on.
pub const SUBPROTOCOL: &str = "tidings.v1";

/// Which end of the connection reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Frames must be masked.
    Server,
    /// Frames must not be masked.
    Client,
}

/// Whether the payload of a message is compressed (RFC 7692), or may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// As it is.
    None,
    /// By DEFLATE, each message apart from all others.
    Deflate,
}

/// Which frames a reader understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameRules {
    /// Which end reads.
    pub reader: Role,
    /// What was agreed for messages that come.
    pub compression: Compression,
}

impl FrameRules {
    /// For a connection without extensions.
    pub const fn plain(reader: Role) -> FrameRules {
        FrameRules { reader, compression: Compression::None }
    }
}

/// The peer has broken a rule: the connection ends with this close code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason} ({code})")]
pub struct Violation {
    /// What to close with.
    pub code: close_code::CloseCode,
    /// Which rule, short enough for a close frame.
    pub reason: &'static str,
}

impl Violation {
    /// A frame against RFC 6455.
    pub(crate) const fn protocol(reason: &'static str) -> Violation {
        Violation { code: close_code::CloseCode::PROTOCOL, reason }
    }
}
