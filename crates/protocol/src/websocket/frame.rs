//! Frames: their headers, and how they are written.
//!
//! ```text
//! byte 0   FIN · RSV1 · 00 · opcode (4 bits); RSV1 in the first frame of a message that is compressed (RFC 7692)
//! byte 1   MASK · length (7 bits), or 126: 2 bytes of length follow, or 127: 8 bytes
//!          4 bytes of mask, from a client
//!          the payload
//! ```

use super::close_code::CloseCode;
use super::mask::apply_mask;
use super::{Compression, FrameRules, Role, Violation};

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const COMPRESSED: u8 = 0x40;
const MASKED: u8 = 0x80;
const LENGTH_OF_2: u8 = 126;
const LENGTH_OF_8: u8 = 127;

/// The longest payload of a control frame.
pub const CONTROL_BYTES_MAX: usize = 125;

/// The longest header.
pub const HEADER_BYTES_MAX: usize = 14;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// Goes on with a fragmented message.
    Continuation,
    /// Begins a message of UTF-8.
    Text,
    /// Begins a message of bytes.
    Binary,
    /// Ends the connection.
    Close,
    /// Asks for a pong.
    Ping,
    /// Answers a ping, or says "I live".
    Pong,
}

impl Opcode {
    fn parse(nibble: u8) -> Result<Opcode, Violation> {
        match nibble {
            0 => Ok(Opcode::Continuation),
            1 => Ok(Opcode::Text),
            2 => Ok(Opcode::Binary),
            8 => Ok(Opcode::Close),
            9 => Ok(Opcode::Ping),
            10 => Ok(Opcode::Pong),
            _ => Err(Violation::protocol("a reserved opcode")),
        }
    }

    fn nibble(self) -> u8 {
        match self {
            Opcode::Continuation => 0,
            Opcode::Text => 1,
            Opcode::Binary => 2,
            Opcode::Close => 8,
            Opcode::Ping => 9,
            Opcode::Pong => 10,
        }
    }

    /// Whether such a frame may stand between the fragments of a message.
    pub fn is_control(self) -> bool {
        matches!(self, Opcode::Close | Opcode::Ping | Opcode::Pong)
    }
}

/// Whether more frames of the same message follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fin {
    /// The message goes on in another frame.
    More,
    /// The message ends with this frame.
    Last,
}

/// What stands before a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Whether the message ends here.
    pub fin: Fin,
    /// What the frame is.
    pub opcode: Opcode,
    /// Whether the message that begins here is compressed.
    pub compression: Compression,
    /// The mask, in frames of a client.
    pub mask: Option<[u8; 4]>,
    /// The length of the payload.
    pub payload_bytes: u64,
}

impl FrameHeader {
    /// Reads a header and its length from the front of `input`; `None` when more bytes are needed.
    ///
    /// Every rule of RFC 6455 that can be judged from a header alone is judged as soon as its bytes are there.
    pub fn parse(input: &[u8], rules: FrameRules) -> Result<Option<(FrameHeader, usize)>, Violation> {
        let Some(&first) = input.first() else {
            return Ok(None);
        };
        let compression = parse_reserved(first, rules.compression)?;
        let opcode = Opcode::parse(first & 0x0f)?;
        if compression == Compression::Deflate && !matches!(opcode, Opcode::Text | Opcode::Binary) {
            return Err(Violation::protocol("only the first frame of a message says that it is compressed"));
        }
        let fin = if first & FIN == 0 { Fin::More } else { Fin::Last };
        if opcode.is_control() && fin == Fin::More {
            return Err(Violation::protocol("a control frame is fragmented"));
        }
        let Some(&second) = input.get(1) else {
            return Ok(None);
        };
        let short_length = second & !MASKED;
        check_masked(second & MASKED != 0, rules.reader)?;
        if opcode.is_control() && CONTROL_BYTES_MAX < usize::from(short_length) {
            return Err(Violation::protocol("a control frame is longer than 125 bytes"));
        }
        let Some((payload_bytes, length_end)) = parse_length(short_length, &input[2..])? else {
            return Ok(None);
        };
        let header = FrameHeader { fin, opcode, compression, mask: None, payload_bytes };
        match rules.reader {
            Role::Client => Ok(Some((header, length_end))),
            Role::Server => Ok(input[length_end..]
                .first_chunk()
                .map(|&mask| (FrameHeader { mask: Some(mask), ..header }, length_end + 4))),
        }
    }
}

/// What the reserved bits say of a message, where it was agreed that they may.
fn parse_reserved(first: u8, agreed: Compression) -> Result<Compression, Violation> {
    match (first & RESERVED, agreed) {
        (0, _) => Ok(Compression::None),
        (COMPRESSED, Compression::Deflate) => Ok(Compression::Deflate),
        _ => Err(Violation::protocol("a reserved bit is set")),
    }
}

fn check_masked(is_masked: bool, reader: Role) -> Result<(), Violation> {
    match reader {
        Role::Server if !is_masked => Err(Violation::protocol("a client's frame is not masked")),
        Role::Client if is_masked => Err(Violation::protocol("a server's frame is masked")),
        Role::Server | Role::Client => Ok(()),
    }
}

/// The length of the payload and where it ends, from what stands after the first two bytes.
fn parse_length(short: u8, rest: &[u8]) -> Result<Option<(u64, usize)>, Violation> {
    let (length, end, least) = match short {
        LENGTH_OF_2 => match rest.first_chunk() {
            Some(&bytes) => (u64::from(u16::from_be_bytes(bytes)), 4, u64::from(LENGTH_OF_2)),
            None => return Ok(None),
        },
        LENGTH_OF_8 => match rest.first_chunk() {
            Some(&bytes) => (u64::from_be_bytes(bytes), 10, 1 << 16),
            None => return Ok(None),
        },
        _ => (u64::from(short), 2, 0),
    };
    if length < least {
        return Err(Violation::protocol("a length is not in its shortest form"));
    }
    if length >> 63 != 0 {
        return Err(Violation::protocol("the highest bit of a length is set"));
    }
    Ok(Some((length, end)))
}

/// Appends the header of a whole message of a server, whose payload of `payload_bytes` must follow.
pub fn write_header(out: &mut Vec<u8>, opcode: Opcode, payload_bytes: usize) {
    write_any_header(out, FIN | opcode.nibble(), None, payload_bytes);
}

/// As [`write_header`], of a payload that is compressed.
pub fn write_compressed_header(out: &mut Vec<u8>, opcode: Opcode, payload_bytes: usize) {
    write_any_header(out, FIN | COMPRESSED | opcode.nibble(), None, payload_bytes);
}

/// Appends a frame; a client must give a mask that nobody can guess.
pub fn write_frame(out: &mut Vec<u8>, opcode: Opcode, fin: Fin, mask: Option<[u8; 4]>, payload: &[u8]) {
    let fin_bit = match fin {
        Fin::More => 0,
        Fin::Last => FIN,
    };
    write_any_header(out, fin_bit | opcode.nibble(), mask, payload.len());
    let start = out.len();
    out.extend_from_slice(payload);
    if let Some(mask) = mask {
        apply_mask(&mut out[start..], mask);
    }
}

/// Appends a whole text frame of a server whose payload is built in place.
///
/// Room is left for the header of a payload of 126 to 65,535 bytes; for others the payload is moved once.
pub fn write_text_frame(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    const ROOM: usize = 4;
    let start = out.len();
    out.extend_from_slice(&[0; ROOM]);
    write(out);
    let mut header = Vec::with_capacity(HEADER_BYTES_MAX);
    write_header(&mut header, Opcode::Text, out.len() - start - ROOM);
    if header.len() == ROOM {
        out[start..start + ROOM].copy_from_slice(&header);
    } else {
        out.splice(start..start + ROOM, header);
    }
}

/// Appends the close frame of a server. A reason is cut where it would not fit.
pub fn write_close(out: &mut Vec<u8>, code: CloseCode, reason: &str) {
    write_frame(out, Opcode::Close, Fin::Last, None, &close_payload(code, reason));
}

/// The payload of a close frame.
pub fn close_payload(code: CloseCode, reason: &str) -> Vec<u8> {
    let mut payload = code.to_number().to_be_bytes().to_vec();
    let room = CONTROL_BYTES_MAX - payload.len();
    payload.extend_from_slice(&reason.as_bytes()[..reason.floor_char_boundary(room)]);
    payload
}

#[allow(clippy::cast_possible_truncation, reason = "each arm has checked the range")]
fn write_any_header(out: &mut Vec<u8>, first: u8, mask: Option<[u8; 4]>, payload_bytes: usize) {
    let mask_bit = if mask.is_some() { MASKED } else { 0 };
    out.push(first);
    match payload_bytes {
        0..126 => out.push(mask_bit | payload_bytes as u8),
        126..65_536 => {
            out.push(mask_bit | LENGTH_OF_2);
            out.extend_from_slice(&(payload_bytes as u16).to_be_bytes());
        }
        _ => {
            out.push(mask_bit | LENGTH_OF_8);
            out.extend_from_slice(&(payload_bytes as u64).to_be_bytes());
        }
    }
    if let Some(mask) = mask {
        out.extend_from_slice(&mask);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = b"before".to_vec();
        write(&mut out);
        out.split_off(6)
    }

    #[test]
    fn frames_read_as_in_the_specification() {
        // RFC 6455, section 5.7.
        let hello = written(|out| write_frame(out, Opcode::Text, Fin::Last, None, b"Hello"));
        assert_eq!(hello, b"\x81\x05Hello");
        let mask = Some([0x37, 0xfa, 0x21, 0x3d]);
        let masked = written(|out| write_frame(out, Opcode::Text, Fin::Last, mask, b"Hello"));
        assert_eq!(masked, b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
        let first = written(|out| write_frame(out, Opcode::Text, Fin::More, None, b"Hel"));
        assert_eq!(first, b"\x01\x03Hel");
        assert_eq!(written(|out| write_header(out, Opcode::Binary, 256)), b"\x82\x7e\x01\x00");
        assert_eq!(written(|out| write_header(out, Opcode::Binary, 65_536)), b"\x82\x7f\0\0\0\0\0\x01\0\0");
    }

    #[test]
    fn a_text_frame_built_in_place_is_the_same_at_any_length() {
        for len in [0, 1, 125, 126, 127, 65_535, 65_536, 70_000] {
            let payload = vec![b'x'; len];
            let in_place = written(|out| write_text_frame(out, |out| out.extend_from_slice(&payload)));
            assert_eq!(in_place, written(|out| write_frame(out, Opcode::Text, Fin::Last, None, &payload)));
        }
    }

    #[test]
    fn a_reason_that_is_too_long_is_cut_between_characters() {
        let close = written(|out| write_close(out, CloseCode::TOO_LARGE, &"é".repeat(100)));
        assert_eq!(close[..4], [0x88, 124, 0x03, 0xf1]);
        assert_eq!(&close[4..], "é".repeat(61).as_bytes());
    }
}
