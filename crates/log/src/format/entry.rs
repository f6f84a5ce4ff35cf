//! Entries: one change of one stream each.
//!
//! ```text
//! | header, 56 bytes, with a checksum of its own | body | zeros up to a multiple of 8 |
//! ```
//! The header is enough to walk through a stream without reading its messages.

use super::config::{creation, put_creation};
use super::fields::{FieldReader, put_text, u32_at, u64_at};
use super::record::{put_remembered, remembered};
use super::{Location, aligned};
use crate::{Identity, Producer, Remembered};
use bytes::Bytes;
use std::sync::Arc;
use tidings_model::{Incarnation, StreamConfig, StreamName, Timestamp};

const KIND_CREATE: u8 = 1;
const KIND_APPEND: u8 = 2;
const KIND_CLOSE: u8 = 3;
const KIND_DELETE: u8 = 4;
const KIND_TRIM: u8 = 5;
const KIND_RESTORE: u8 = 6;

const FLAG_CLOSE: u8 = 1;
const FLAG_PRODUCER: u8 = 2;
const FLAG_KEY: u8 = 4;
const FLAG_SEQ: u8 = 8;

/// One change of one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) incarnation: Incarnation,
    /// When it was staged.
    pub(crate) time: Timestamp,
    pub(crate) body: Body,
}

/// What changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// The stream is new.
    Create { name: StreamName, config: StreamConfig },
    /// Messages are appended, or the stream is closed, or both.
    Append { first_index: u64, messages: Vec<Bytes>, identity: Identity, seq: Option<Arc<str>>, close: bool },
    /// The stream is gone.
    Delete,
    /// The stream begins later.
    Trim {
        earliest_index: u64,
        /// Bytes of the messages that are kept.
        kept_bytes: u64,
        /// When the oldest of them was stored; 0 where it is not known.
        oldest: Timestamp,
    },
    /// The stream, which is new here, goes on where it was in another log.
    Restore { first_index: u64, remembered: Remembered },
}

impl Entry {
    /// The bytes that its messages take, with their lengths.
    pub(crate) fn message_bytes(&self) -> u64 {
        match &self.body {
            Body::Append { messages, .. } => {
                messages.iter().map(|message| (size_of::<u32>() + message.len()) as u64).sum()
            }
            Body::Create { .. } | Body::Delete | Body::Trim { .. } | Body::Restore { .. } => 0,
        }
    }
}

/// What stands before the body of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EntryHeader {
    /// The bytes of the entry with this header, without the zeros after it.
    pub(crate) bytes: u32,
    kind: u8,
    flags: u8,
    pub(crate) incarnation: Incarnation,
    pub(crate) time: Timestamp,
    /// The index of the first message; where a stream is trimmed, its new earliest index.
    pub(crate) first_index: u64,
    /// How many messages there are.
    pub(crate) count: u32,
    /// The bytes of all messages.
    pub(crate) message_bytes: u32,
    /// The entry with messages that came before in this stream.
    pub(crate) previous: Option<Location>,
    body_crc: u32,
}

impl EntryHeader {
    /// Its size.
    pub(crate) const BYTES: usize = 56;

    const CRC_AT: usize = 52;

    /// The header that these bytes are, if they are what was written.
    pub(crate) fn decode(bytes: &[u8; EntryHeader::BYTES]) -> Option<EntryHeader> {
        if u32_at(bytes, EntryHeader::CRC_AT) != masked_crc(&bytes[..EntryHeader::CRC_AT]) {
            return None;
        }
        let previous = Location { segment: u32_at(bytes, 40), at: u32_at(bytes, 44) };
        Some(EntryHeader {
            bytes: u32_at(bytes, 0),
            kind: bytes[4],
            flags: bytes[5],
            incarnation: Incarnation::from_bits(u64_at(bytes, 8))?,
            time: Timestamp(u64_at(bytes, 16)),
            first_index: u64_at(bytes, 24),
            count: u32_at(bytes, 32),
            message_bytes: u32_at(bytes, 36),
            previous: (previous.segment != 0).then_some(previous),
            body_crc: u32_at(bytes, 48),
        })
    }

    /// Whether the entry holds messages.
    pub(crate) fn is_append(&self) -> bool {
        self.kind == KIND_APPEND
    }

    /// The index after the last message.
    pub(crate) fn end_index(&self) -> u64 {
        self.first_index.saturating_add(u64::from(self.count))
    }

    /// The size of the body, if the length of the entry has room for a header.
    pub(crate) fn body_bytes(&self) -> Option<usize> {
        usize::try_from(self.bytes).ok()?.checked_sub(EntryHeader::BYTES)
    }

    /// Whether these are the bytes of the body that were written.
    pub(crate) fn is_sound(&self, body: &[u8]) -> bool {
        self.body_crc == crc32c::crc32c(body)
    }

    /// The entry, from its body; `None` if it says what no entry says. Messages are parts of `body`, not copies.
    pub(crate) fn entry(&self, body: &Bytes) -> Option<Entry> {
        let mut fields = FieldReader(body);
        let decoded = match self.kind {
            KIND_CREATE => {
                let (name, config) = creation(&mut fields)?;
                Body::Create { name, config }
            }
            KIND_APPEND | KIND_CLOSE => self.append(body, &mut fields)?,
            KIND_DELETE => Body::Delete,
            KIND_TRIM => {
                let (kept_bytes, oldest) = (fields.u64()?, Timestamp(fields.u64()?));
                Body::Trim { earliest_index: self.first_index, kept_bytes, oldest }
            }
            KIND_RESTORE => {
                Body::Restore { first_index: self.first_index, remembered: remembered(&mut fields)? }
            }
            _ => return None,
        };
        fields.is_at_end().then_some(Entry { incarnation: self.incarnation, time: self.time, body: decoded })
    }

    /// The messages in the body of an append, without a copy of any. Nothing is kept of what identifies it.
    pub(crate) fn message_slices<'a>(&self, body: &'a [u8]) -> Option<MessageSlices<'a>> {
        let mut fields = FieldReader(body);
        if self.flags & FLAG_PRODUCER != 0 {
            fields.bytes(16)?;
            fields.text()?;
        }
        if self.flags & FLAG_KEY != 0 {
            fields.bytes(16)?;
            fields.text()?;
        }
        if self.flags & FLAG_SEQ != 0 {
            fields.text()?;
        }
        let slices = MessageSlices { rest: fields.0, left: self.count as usize };
        // Walked once to the end, so that whoever walks it again finds no surprise.
        let mut walked = slices.clone();
        let sound = walked.by_ref().count() == slices.left && walked.rest.is_empty();
        sound.then_some(slices)
    }

    fn append(&self, body: &Bytes, fields: &mut FieldReader<'_>) -> Option<Body> {
        if self.flags & !(FLAG_CLOSE | FLAG_PRODUCER | FLAG_KEY | FLAG_SEQ) != 0 {
            return None;
        }
        let close = self.flags & FLAG_CLOSE != 0;
        // An append has messages; a close has none, and closes.
        if self.is_append() != (0 < self.count) || (!self.is_append() && !close) {
            return None;
        }
        let identity = match self.flags & (FLAG_PRODUCER | FLAG_KEY) {
            0 => Identity::None,
            FLAG_PRODUCER => {
                let (epoch, seq) = (fields.u64()?, fields.u64()?);
                Identity::Producer(Producer { id: fields.text()?.into(), epoch, seq })
            }
            FLAG_KEY => {
                let body_hash = fields.array()?;
                Identity::Key { key: fields.text()?.into(), body_hash }
            }
            _ => return None,
        };
        let seq = if self.flags & FLAG_SEQ != 0 { Some(fields.text()?.into()) } else { None };
        let messages = self.messages(body, fields)?;
        Some(Body::Append { first_index: self.first_index, messages, identity, seq, close })
    }

    fn messages(&self, body: &Bytes, fields: &mut FieldReader<'_>) -> Option<Vec<Bytes>> {
        let count = usize::try_from(self.count).ok()?;
        // Each message takes at least its length, so that a false count can't make us allocate much.
        if fields.0.len() / size_of::<u32>() < count {
            return None;
        }
        let mut messages = Vec::with_capacity(count);
        for _ in 0..count {
            let bytes = usize::try_from(fields.u32()?).ok()?;
            let start = body.len() - fields.0.len();
            fields.bytes(bytes)?;
            messages.push(body.slice(start..start + bytes));
        }
        Some(messages)
    }
}

/// The messages of an entry, one after another.
#[derive(Clone, Debug)]
pub(crate) struct MessageSlices<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> Iterator for MessageSlices<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.left = self.left.checked_sub(1)?;
        let (bytes, rest) = self.rest.split_first_chunk::<4>()?;
        let (message, rest) = rest.split_at_checked(u32::from_le_bytes(*bytes) as usize)?;
        self.rest = rest;
        Some(message)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for MessageSlices<'_> {}

/// Appends an entry to `out`, whose length is a multiple of 8 before and after.
pub(crate) fn encode(entry: &Entry, previous: Option<Location>, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + EntryHeader::BYTES, 0);
    let parts = put_body(&entry.body, out);
    let body_crc = crc32c::crc32c(&out[start + EntryHeader::BYTES..]);
    let bytes = length(out.len() - start);
    let previous = previous.unwrap_or(Location { segment: 0, at: 0 });
    let header = &mut out[start..start + EntryHeader::BYTES];
    header[0..4].copy_from_slice(&bytes.to_le_bytes());
    header[4] = parts.kind;
    header[5] = parts.flags;
    header[8..16].copy_from_slice(&entry.incarnation.to_bits().to_le_bytes());
    header[16..24].copy_from_slice(&entry.time.0.to_le_bytes());
    header[24..32].copy_from_slice(&parts.first_index.to_le_bytes());
    header[32..36].copy_from_slice(&parts.count.to_le_bytes());
    header[36..40].copy_from_slice(&parts.message_bytes.to_le_bytes());
    header[40..44].copy_from_slice(&previous.segment.to_le_bytes());
    header[44..48].copy_from_slice(&previous.at.to_le_bytes());
    header[48..52].copy_from_slice(&body_crc.to_le_bytes());
    let crc = masked_crc(&header[..EntryHeader::CRC_AT]);
    header[EntryHeader::CRC_AT..].copy_from_slice(&crc.to_le_bytes());
    out.resize(start + aligned(out.len() - start), 0);
}

/// A checksum that may stand inside of what another one guards.
///
/// The CRC over bytes that end with their own CRC is always the same: the frame of a delete would be taken for whole with any
/// other entry of that length in it, as a torn write in a segment that is used again leaves there. (The crash sweep found one.)
fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// What the header says about the body.
#[derive(Default)]
struct Parts {
    kind: u8,
    flags: u8,
    first_index: u64,
    count: u32,
    message_bytes: u32,
}

fn put_body(body: &Body, out: &mut Vec<u8>) -> Parts {
    match body {
        Body::Create { name, config } => {
            put_creation(out, name.as_str(), config);
            Parts { kind: KIND_CREATE, ..Parts::default() }
        }
        Body::Delete => Parts { kind: KIND_DELETE, ..Parts::default() },
        Body::Trim { earliest_index, kept_bytes, oldest } => {
            out.extend_from_slice(&kept_bytes.to_le_bytes());
            out.extend_from_slice(&oldest.0.to_le_bytes());
            Parts { kind: KIND_TRIM, first_index: *earliest_index, ..Parts::default() }
        }
        Body::Restore { first_index, remembered } => {
            put_remembered(out, remembered);
            Parts { kind: KIND_RESTORE, first_index: *first_index, ..Parts::default() }
        }
        Body::Append { first_index, messages, identity, seq, close } => {
            let mut flags = if *close { FLAG_CLOSE } else { 0 };
            flags |= put_identity(out, identity);
            if let Some(seq) = seq {
                put_text(out, seq);
                flags |= FLAG_SEQ;
            }
            for message in messages {
                out.extend_from_slice(&length(message.len()).to_le_bytes());
                out.extend_from_slice(message);
            }
            Parts {
                kind: if messages.is_empty() { KIND_CLOSE } else { KIND_APPEND },
                flags,
                first_index: *first_index,
                count: length(messages.len()),
                message_bytes: length(messages.iter().map(Bytes::len).sum()),
            }
        }
    }
}

fn put_identity(out: &mut Vec<u8>, identity: &Identity) -> u8 {
    match identity {
        Identity::None => 0,
        Identity::Producer(producer) => {
            out.extend_from_slice(&producer.epoch.to_le_bytes());
            out.extend_from_slice(&producer.seq.to_le_bytes());
            put_text(out, &producer.id);
            FLAG_PRODUCER
        }
        Identity::Key { key, body_hash } => {
            out.extend_from_slice(body_hash);
            put_text(out, key);
            FLAG_KEY
        }
    }
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("operations are checked against the size of a segment when they are staged")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RememberedKey, RememberedProducer};
    use tidings_model::ContentType;

    fn append(identity: Identity, seq: Option<Arc<str>>, messages: &[&'static [u8]], close: bool) -> Body {
        let messages = messages.iter().map(|bytes| Bytes::from_static(bytes)).collect();
        Body::Append { first_index: 7, messages, identity, seq, close }
    }

    fn bodies() -> Vec<Body> {
        let producer = Producer { id: "p".into(), epoch: 1, seq: 2 };
        let key = Identity::Key { key: "k".into(), body_hash: [3; 16] };
        let config = StreamConfig {
            content_type: ContentType::text(),
            lifetime: tidings_model::Lifetime::Forever,
            retention: tidings_model::Retention::default(),
            durability: None,
        };
        let producers =
            vec![RememberedProducer { id: "p".into(), epoch: 3, seq: 1, end_indexes: vec![2, 9] }];
        let keys =
            vec![RememberedKey { key: "k".into(), body_hash: [4; 16], end_index: 8, time: Timestamp(6) }];
        let remembered = Remembered { producers, keys, seq: Some("s".into()) };
        vec![
            Body::Restore { first_index: 9, remembered },
            Body::Restore { first_index: 0, remembered: Remembered::default() },
            Body::Create { name: StreamName::parse("a/b").unwrap(), config },
            Body::Delete,
            Body::Trim { earliest_index: 9, kept_bytes: 5, oldest: Timestamp(3) },
            append(Identity::None, None, &[b"", b"one", b"22222222"], false),
            append(Identity::Producer(producer), Some("s".into()), &[], true),
            append(key, None, &[b"x"], true),
        ]
    }

    fn decode(bytes: &[u8]) -> Option<(EntryHeader, Entry)> {
        let header = EntryHeader::decode(bytes.first_chunk()?)?;
        let body = bytes.get(EntryHeader::BYTES..)?.get(..header.body_bytes()?)?;
        if !header.is_sound(body) {
            return None;
        }
        Some((header, header.entry(&Bytes::copy_from_slice(body))?))
    }

    #[test]
    fn the_checksum_of_a_frame_tells_headers_apart() {
        let frame_crc = |bits: u64| {
            let entry =
                Entry { incarnation: Incarnation::of_disk(bits), time: Timestamp(11), body: Body::Delete };
            let mut bytes = Vec::new();
            encode(&entry, None, &mut bytes);
            crc32c::crc32c(&bytes)
        };
        assert_ne!(frame_crc(1), frame_crc(2));
    }

    #[test]
    fn an_entry_reads_back_and_a_flipped_bit_is_seen() {
        let previous = Some(Location { segment: 3, at: 4096 });
        for body in bodies() {
            let entry = Entry { incarnation: Incarnation::of_disk(5), time: Timestamp(11), body };
            let mut good = Vec::new();
            encode(&entry, previous, &mut good);
            assert_eq!(good.len() % 8, 0);
            let (header, decoded) = decode(&good).unwrap();
            assert_eq!((header.previous, decoded), (previous, entry));
            let bytes = usize::try_from(header.bytes).unwrap();
            for bit in 0..bytes * 8 {
                let mut bad = good.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(decode(&bad), None, "bit {bit}");
            }
        }
    }
}
