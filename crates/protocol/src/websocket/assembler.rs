//! Messages out of frames.
//!
//! Joins fragments, within a limit that is checked against the length a header declares, before memory is taken;
//! inflates what is compressed, within the same limit; checks UTF-8 as it arrives; gives control frames between fragments. All state is kept here, so that a read that
//! is given up loses nothing. Does not know what a message means, nor answers a ping or a close by itself.

use super::close_code::CloseCode;
use super::deflate::Inflated;
use super::frame::{Fin, FrameHeader, Opcode};
use super::frame_decoder::{FrameDecoder, FramePart, Rest};
use super::input::Input;
use super::memory::{Lease, MessageMemory};
use super::{Compression, FrameRules, Role, Violation};
use std::borrow::Cow;
use std::sync::Arc;

/// What holds for all connections of one kind, as long as they live.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Which end reads.
    pub reader: Role,
    /// The largest message, all its fragments together, when it is inflated.
    pub message_bytes_max: usize,
    /// What all unfinished messages together are charged to.
    pub memory: Arc<MessageMemory>,
}

impl Rules {
    /// With memory of its own, enough for any one message.
    pub fn new(reader: Role, message_bytes_max: usize) -> Rules {
        Rules { reader, message_bytes_max, memory: Arc::new(MessageMemory::new(usize::MAX)) }
    }
}

/// What the peer said. Borrows from the caller's buffer when it came in one frame and one piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// Text.
    Text(Cow<'a, str>),
    /// Bytes.
    Binary(Cow<'a, [u8]>),
    /// To be answered with a pong of the same payload.
    Ping(Cow<'a, [u8]>),
    /// The peer lives.
    Pong(Cow<'a, [u8]>),
    /// To be answered with a close of the same code, unless one was sent before. The last message.
    Close {
        /// Why, where the peer said so.
        code: Option<CloseCode>,
        /// Why, for people.
        reason: String,
    },
}

/// The state between two reads: at most 32 bytes when [`is_idle`](Assembler::is_idle), and then as good as a new one.
#[derive(Debug)]
pub struct Assembler {
    decoder: FrameDecoder,
    held: Option<Box<Held>>,
    compression: Compression,
    is_over: bool,
}

/// What has come of unfinished messages.
#[derive(Debug, Default)]
struct Held {
    /// The message whose fragments are coming.
    message: Option<Unfinished>,
    /// The payload of a control frame, which may stand between them.
    control: Vec<u8>,
}

#[derive(Debug)]
struct Unfinished {
    kind: Kind,
    bytes: Vec<u8>,
    /// As many have come, which are fewer or more than `bytes` where they are compressed.
    wire_bytes: u64,
    lease: Lease,
}

/// What a message that spans several reads or frames will be.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Up to `valid_bytes` the text is known to be whole characters of UTF-8.
    Text {
        valid_bytes: usize,
    },
    Binary,
}

/// A message may be larger when it is compressed than when it is not, but not by more than this: one without an end, of blocks with nothing
/// in them, would otherwise never come to its limit.
const COMPRESSED_RATIO_MAX: usize = 2;

const TOO_LARGE: Violation = Violation { code: CloseCode::TOO_LARGE, reason: "a message above the limit" };
const NOT_UTF8: Violation = Violation { code: CloseCode::INVALID_DATA, reason: "text that is not UTF-8" };

impl Assembler {
    /// Before the first frame of a connection for which that was agreed.
    pub fn new(compression: Compression) -> Assembler {
        Assembler { decoder: FrameDecoder::new(), held: None, compression, is_over: false }
    }

    /// Whether nothing unfinished is held, so that a new one would go on as well as this one.
    pub fn is_idle(&self) -> bool {
        self.decoder.is_idle() && self.held.is_none() && !self.is_over
    }

    /// The next message, taking from the front of `input`; `None` when all was taken and more must come.
    ///
    /// After a close or a violation nothing more comes: whatever follows is taken and dropped.
    pub fn next_message<'a>(
        &mut self,
        rules: &Rules,
        input: &mut Input<'a>,
    ) -> Option<Result<Message<'a>, Violation>> {
        if self.is_over {
            input.take_all();
            return None;
        }
        let outcome = self.assemble(rules, input).transpose()?;
        if matches!(outcome, Ok(Message::Close { .. }) | Err(_)) {
            *self = Assembler { is_over: true, ..Assembler::new(self.compression) };
        }
        Some(outcome)
    }

    fn assemble<'a>(
        &mut self,
        rules: &Rules,
        input: &mut Input<'a>,
    ) -> Result<Option<Message<'a>>, Violation> {
        let frame_rules = FrameRules { reader: rules.reader, compression: self.compression };
        while let Some(part) = self.decoder.next_part(frame_rules, input) {
            match part? {
                FramePart::Header(header) => self.on_header(rules, &header)?,
                FramePart::Payload { opcode, bytes, rest, .. } if opcode.is_control() => {
                    if let Some(payload) = self.control_payload(bytes, rest) {
                        return control_message(opcode, payload).map(Some);
                    }
                }
                FramePart::Payload { opcode, fin, bytes, rest } => {
                    let end = match rest {
                        Rest::More => Fin::More,
                        Rest::None => fin,
                    };
                    if let Some(message) = self.data_message(rules, opcode, end, bytes)? {
                        return Ok(Some(message));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Checks what a frame may be here, and that its payload may be held.
    fn on_header(&mut self, rules: &Rules, header: &FrameHeader) -> Result<(), Violation> {
        let unfinished = self.held.as_ref().and_then(|held| held.message.as_ref());
        match (header.opcode, unfinished) {
            (Opcode::Ping | Opcode::Pong | Opcode::Close, _) => return Ok(()),
            (Opcode::Continuation, None) => {
                return Err(Violation::protocol("a continuation without a message to continue"));
            }
            (Opcode::Text | Opcode::Binary, Some(_)) => {
                return Err(Violation::protocol("a message begins before the last one has ended"));
            }
            (Opcode::Continuation, Some(_)) | (Opcode::Text | Opcode::Binary, None) => {}
        }
        let is_compressed = match unfinished {
            Some(message) => message.lease.inflates(),
            None => header.compression == Compression::Deflate,
        };
        let wire_bytes_max = if is_compressed {
            rules.message_bytes_max.saturating_mul(COMPRESSED_RATIO_MAX)
        } else {
            rules.message_bytes_max
        };
        let wire_bytes = unfinished.map_or(0, |message| message.wire_bytes);
        if (wire_bytes_max as u64) < wire_bytes.saturating_add(header.payload_bytes) {
            return Err(TOO_LARGE);
        }
        if is_compressed && unfinished.is_none() {
            self.held.get_or_insert_default().message =
                Some(Unfinished::compressed(header.opcode, &rules.memory)?);
        }
        Ok(())
    }

    /// The payload of a control frame once it is whole.
    fn control_payload<'a>(&mut self, bytes: &'a [u8], rest: Rest) -> Option<Cow<'a, [u8]>> {
        let has_beginning = self.held.as_ref().is_some_and(|held| !held.control.is_empty());
        match rest {
            Rest::None if !has_beginning => Some(Cow::Borrowed(bytes)),
            Rest::None | Rest::More => {
                let held = self.held.get_or_insert_default();
                held.control.extend_from_slice(bytes);
                if rest == Rest::More {
                    return None;
                }
                let payload = std::mem::take(&mut held.control);
                self.held.take_if(|held| held.message.is_none());
                Some(Cow::Owned(payload))
            }
        }
    }

    /// The message that ends with these bytes, or `None` after keeping them.
    fn data_message<'a>(
        &mut self,
        rules: &Rules,
        opcode: Opcode,
        end: Fin,
        bytes: &'a [u8],
    ) -> Result<Option<Message<'a>>, Violation> {
        let is_alone = self.held.as_ref().is_none_or(|held| held.message.is_none());
        if is_alone && end == Fin::Last {
            return whole_message(opcode, bytes).map(Some);
        }
        let held = self.held.get_or_insert_default();
        let message = held.message.get_or_insert_with(|| Unfinished::new(opcode, &rules.memory));
        message.append(rules, bytes)?;
        if end == Fin::More {
            return Ok(None);
        }
        // Control frames are never torn here: the frame that has just ended is a data frame.
        let message = self.held.take().and_then(|held| held.message);
        message.map(|message| message.finish(rules)).transpose()
    }
}

impl Unfinished {
    fn new(opcode: Opcode, memory: &Arc<MessageMemory>) -> Unfinished {
        Unfinished { kind: Kind::of(opcode), bytes: Vec::new(), wire_bytes: 0, lease: Lease::new(memory) }
    }

    fn compressed(opcode: Opcode, memory: &Arc<MessageMemory>) -> Result<Unfinished, Violation> {
        Ok(Unfinished { lease: Lease::with_inflater(memory)?, ..Unfinished::new(opcode, memory) })
    }

    /// Keeps a part. Memory grows with what has arrived, not with what was declared, and never beyond the limit.
    fn append(&mut self, rules: &Rules, part: &[u8]) -> Result<(), Violation> {
        self.wire_bytes += part.len() as u64;
        if self.lease.inflates() {
            self.inflate(rules, part)?;
        } else {
            self.reserve(self.bytes.len() + part.len(), rules.message_bytes_max)?;
            self.bytes.extend_from_slice(part);
        }
        if let Kind::Text { valid_bytes } = &mut self.kind {
            *valid_bytes += whole_characters(&self.bytes[*valid_bytes..])?;
        }
        Ok(())
    }

    fn inflate(&mut self, rules: &Rules, mut part: &[u8]) -> Result<(), Violation> {
        /// What is made room for at once, beyond what a part takes by itself: JSON is inflated to about three times its size.
        const ROOM_BYTES: usize = 256;
        const ROOM_RATIO: usize = 3;
        while let Some(inflater) = self.lease.inflater()
            && inflater.inflate(&mut part, &mut self.bytes)? == Inflated::Full
        {
            if rules.message_bytes_max < self.bytes.len() {
                return Err(TOO_LARGE);
            }
            // One byte beyond the limit tells what is above it from what just reaches it.
            let bytes_max = rules.message_bytes_max.saturating_add(1);
            let room = part.len().saturating_mul(ROOM_RATIO).saturating_add(ROOM_BYTES);
            self.reserve(self.bytes.len().saturating_add(room).min(bytes_max), bytes_max)?;
        }
        Ok(())
    }

    /// Makes room for so many bytes in all, and for as many again while they are not above the limit.
    fn reserve(&mut self, bytes: usize, bytes_max: usize) -> Result<(), Violation> {
        let before = self.bytes.capacity();
        if before < bytes {
            let capacity = before.saturating_mul(2).min(bytes_max).max(bytes);
            self.lease.charge(capacity - before)?;
            self.bytes.reserve_exact(capacity - self.bytes.len());
        }
        Ok(())
    }

    fn finish(mut self, rules: &Rules) -> Result<Message<'static>, Violation> {
        if let Some(inflater) = self.lease.inflater() {
            let end = inflater.end();
            self.inflate(rules, end)?;
        }
        if let Some(inflater) = self.lease.inflater() {
            inflater.check_end()?;
        }
        if rules.message_bytes_max < self.bytes.len() {
            return Err(TOO_LARGE);
        }
        match self.kind {
            Kind::Binary => Ok(Message::Binary(Cow::Owned(self.bytes))),
            Kind::Text { .. } => match String::from_utf8(self.bytes) {
                Ok(text) => Ok(Message::Text(Cow::Owned(text))),
                Err(_) => Err(NOT_UTF8),
            },
        }
    }
}

impl Kind {
    fn of(opcode: Opcode) -> Kind {
        if opcode == Opcode::Text { Kind::Text { valid_bytes: 0 } } else { Kind::Binary }
    }
}

/// How many bytes are whole characters; what follows may be the beginning of one.
fn whole_characters(bytes: &[u8]) -> Result<usize, Violation> {
    match simdutf8::compat::from_utf8(bytes) {
        Ok(_) => Ok(bytes.len()),
        Err(error) if error.error_len().is_none() => Ok(error.valid_up_to()),
        Err(_) => Err(NOT_UTF8),
    }
}

fn whole_message(opcode: Opcode, bytes: &[u8]) -> Result<Message<'_>, Violation> {
    if opcode != Opcode::Text {
        return Ok(Message::Binary(Cow::Borrowed(bytes)));
    }
    match simdutf8::basic::from_utf8(bytes) {
        Ok(text) => Ok(Message::Text(Cow::Borrowed(text))),
        Err(_) => Err(NOT_UTF8),
    }
}

fn control_message(opcode: Opcode, payload: Cow<'_, [u8]>) -> Result<Message<'_>, Violation> {
    match opcode {
        Opcode::Ping => Ok(Message::Ping(payload)),
        Opcode::Pong => Ok(Message::Pong(payload)),
        Opcode::Close => close_message(&payload),
        Opcode::Continuation | Opcode::Text | Opcode::Binary => unreachable!("only control frames come here"),
    }
}

fn close_message(payload: &[u8]) -> Result<Message<'static>, Violation> {
    let (code, reason) = match payload {
        [] => return Ok(Message::Close { code: None, reason: String::new() }),
        [_] => return Err(Violation::protocol("a close frame with half a code")),
        [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
    };
    let code = CloseCode::from_number(code);
    let code = code.ok_or(Violation::protocol("a close code that may not be sent"))?;
    match std::str::from_utf8(reason) {
        Ok(reason) => Ok(Message::Close { code: Some(code), reason: reason.to_owned() }),
        Err(_) => Err(Violation { reason: "a close reason that is not UTF-8", ..NOT_UTF8 }),
    }
}

#[cfg(test)]
mod tests;
