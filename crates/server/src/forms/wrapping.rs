//! What a frame of `tidings.v1` is wrapped in, by the transport that carries it. The text of the frame is the same in all.

use bytes::Bytes;
use tidings_protocol::sse::{HEARTBEAT, write_plain_event};
use tidings_protocol::websocket::deflate::{Deflater, Window};
use tidings_protocol::websocket::frame::write_text_frame;

/// How frames are wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Wrapping {
    /// Each is a text message of a WebSocket.
    WebSocket {
        /// Those of streams are compressed where that pays; and how far back that may look.
        deflate: Option<Window>,
    },
    /// Each is an SSE event without a name.
    Event {
        /// Whether what is said at once is one chunk of a chunked response.
        chunked: bool,
    },
    /// Each is an element of an array, with a comma behind it.
    Element,
}

impl Wrapping {
    /// How messages of streams may be compressed.
    pub(crate) fn deflate(self) -> Option<Window> {
        match self {
            Wrapping::WebSocket { deflate } => deflate,
            Wrapping::Event { .. } | Wrapping::Element => None,
        }
    }

    /// Appends a frame that is for one follower.
    pub(crate) fn write(self, out: &mut Vec<u8>, text: impl FnOnce(&mut Vec<u8>)) {
        match self {
            Wrapping::WebSocket { .. } => write_text_frame(out, text),
            Wrapping::Event { .. } => write_plain_event(out, text),
            Wrapping::Element => {
                text(out);
                out.push(b',');
            }
        }
    }

    /// Appends a frame that is encoded once for all who get it: it may cost more.
    pub(super) fn write_shared(
        self,
        deflater: &mut Deflater,
        out: &mut Vec<u8>,
        text: impl FnOnce(&mut Vec<u8>),
    ) {
        match self {
            Wrapping::WebSocket { deflate: Some(window) } => deflater.write_text_frame(out, window, text),
            Wrapping::WebSocket { deflate: None } | Wrapping::Event { .. } | Wrapping::Element => {
                self.write(out, text);
            }
        }
    }

    /// Frames that were written one after another, ready to be sent.
    pub(crate) fn close(self, frames: Vec<u8>) -> Vec<u8> {
        match self {
            Wrapping::Event { chunked: true } => chunk(&frames),
            Wrapping::WebSocket { .. } | Wrapping::Event { chunked: false } | Wrapping::Element => frames,
        }
    }

    /// Puts them behind what is to be sent, if there are any.
    pub(crate) fn push(self, frames: Vec<u8>, out: &mut Vec<Bytes>) {
        if !frames.is_empty() {
            out.push(self.close(frames).into());
        }
    }
}

/// One chunk of a chunked response (RFC 9112, section 7.1).
pub(crate) fn chunk(content: &[u8]) -> Vec<u8> {
    let mut out = format!("{:x}\r\n", content.len()).into_bytes();
    out.extend_from_slice(content);
    out.extend_from_slice(b"\r\n");
    out
}

/// A comment of SSE that says nothing: everybody gets the same bytes.
pub(crate) fn heartbeat(chunked: bool) -> Bytes {
    Bytes::from_static(if chunked { HEARTBEAT_CHUNK } else { HEARTBEAT })
}

const HEARTBEAT_CHUNK: &[u8] = b"d\r\n: heartbeat\n\n\r\n";

/// The end of a chunked response.
pub(crate) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heartbeat_is_one_chunk() {
        assert_eq!(chunk(HEARTBEAT), HEARTBEAT_CHUNK);
    }
}
