//! Frames out of bytes that arrive in pieces.
//!
//! Keeps a torn header and how far a payload has come; payloads stay in the caller's buffer, unmasked in place.

use super::frame::{Fin, FrameHeader, HEADER_BYTES_MAX, Opcode};
use super::input::Input;
use super::mask::apply_mask;
use super::{FrameRules, Violation};

/// The state between two pieces. 16 bytes, and nothing behind them.
#[derive(Clone, Debug)]
pub struct FrameDecoder {
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    /// Before or inside a header.
    Header { bytes: [u8; HEADER_BYTES_MAX], len: u8 },
    /// Inside a payload; also at its end when it is empty and was not given yet.
    Payload { opcode: Opcode, fin: Fin, mask: Option<[u8; 4]>, left: u64 },
}

/// What comes next out of the bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum FramePart<'a> {
    /// A frame begins. At least one part of its payload follows, also when it is empty.
    Header(FrameHeader),
    /// A part of the payload, unmasked.
    Payload {
        /// What the frame is.
        opcode: Opcode,
        /// Whether the message ends with this frame.
        fin: Fin,
        /// The bytes, in the caller's buffer.
        bytes: &'a mut [u8],
        /// Whether the frame goes on after them.
        rest: Rest,
    },
}

/// Whether a frame goes on after a part of its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// More of the payload follows.
    More,
    /// The frame is complete.
    None,
}

impl FrameDecoder {
    /// Before the first frame.
    pub fn new() -> FrameDecoder {
        FrameDecoder { state: State::Header { bytes: [0; HEADER_BYTES_MAX], len: 0 } }
    }

    /// Whether it stands between two frames: a new one would go on as well as this one.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Header { len: 0, .. })
    }

    /// The next part, taking from the front of `input`; `None` when all was taken and more must come.
    ///
    /// After a violation nothing that follows has a meaning: the connection must be closed.
    pub fn next_part<'a>(
        &mut self,
        rules: FrameRules,
        input: &mut Input<'a>,
    ) -> Option<Result<FramePart<'a>, Violation>> {
        match &mut self.state {
            State::Header { bytes, len } => {
                let header = match next_header(bytes, len, rules, input)? {
                    Ok(header) => header,
                    Err(violation) => return Some(Err(violation)),
                };
                let FrameHeader { fin, opcode, mask, payload_bytes, .. } = header;
                self.state = State::Payload { opcode, fin, mask, left: payload_bytes };
                Some(Ok(FramePart::Header(header)))
            }
            State::Payload { opcode, fin, mask, left } => {
                if input.is_empty() && 0 < *left {
                    return None;
                }
                let count =
                    usize::try_from(*left).map_or(input.rest().len(), |left| left.min(input.rest().len()));
                let bytes = input.take(count);
                *mask = mask.map(|mask| apply_mask(bytes, mask));
                *left -= count as u64;
                let rest = if *left == 0 { Rest::None } else { Rest::More };
                let part = FramePart::Payload { opcode: *opcode, fin: *fin, bytes, rest };
                if rest == Rest::None {
                    *self = FrameDecoder::new();
                }
                Some(Ok(part))
            }
        }
    }
}

impl Default for FrameDecoder {
    fn default() -> FrameDecoder {
        FrameDecoder::new()
    }
}

/// Reads a header: in place when it is whole, else byte by byte into `torn`.
fn next_header(
    torn: &mut [u8; HEADER_BYTES_MAX],
    torn_len: &mut u8,
    rules: FrameRules,
    input: &mut Input<'_>,
) -> Option<Result<FrameHeader, Violation>> {
    if *torn_len == 0 {
        match FrameHeader::parse(input.rest(), rules) {
            Ok(Some((header, bytes))) => {
                input.take(bytes);
                return Some(Ok(header));
            }
            Ok(None) => {}
            Err(violation) => return Some(Err(violation)),
        }
    }
    while !input.is_empty() {
        torn[usize::from(*torn_len)] = input.take(1)[0];
        *torn_len += 1;
        match FrameHeader::parse(&torn[..usize::from(*torn_len)], rules) {
            Ok(Some((header, _))) => return Some(Ok(header)),
            Ok(None) => {}
            Err(violation) => return Some(Err(violation)),
        }
    }
    None
}

#[cfg(test)]
mod tests;
