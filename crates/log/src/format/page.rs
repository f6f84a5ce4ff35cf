//! Data pages of a block: the messages of a few streams, one after another, perhaps compressed.

use super::fields::{FieldReader, put_varint, u32_at};
use super::manifest::put_u32s;
use bytes::Bytes;
use std::borrow::Cow;
use std::ops::Range;
use tidings_model::{Batch, Incarnation, Timestamp};

/// What a page holds, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PageKind {
    /// Messages, as they are.
    Stored = 0,
    /// Messages, compressed.
    Lz4 = 1,
    /// Where data pages are.
    Index = 2,
    /// Which streams there are.
    Table = 3,
}

impl PageKind {
    fn of(bits: u8) -> Option<PageKind> {
        [PageKind::Stored, PageKind::Lz4, PageKind::Index, PageKind::Table].get(usize::from(bits)).copied()
    }
}

/// The size of what stands before the body of a page.
pub(crate) const PAGE_HEADER_BYTES: usize = 24;

/// A page of a block.
pub(super) fn encode_page(kind: PageKind, block: u32, raw_bytes: usize, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(PAGE_HEADER_BYTES + body.len());
    let length = |bytes: usize| u32::try_from(bytes).expect("a page is smaller than a segment and a page");
    put_u32s(&mut out, &[0, length(body.len()), length(raw_bytes), block, kind as u32, 0]);
    out.extend_from_slice(body);
    let crc = crc32c::crc32c(&out[4..]);
    out[..4].copy_from_slice(&crc.to_le_bytes());
    out
}

/// Kind, bytes before compression, and body of a page, if these bytes are one of this block.
pub(super) fn decode_page(bytes: &[u8], block: u32) -> Option<(PageKind, usize, &[u8])> {
    let (header, body) = bytes.split_first_chunk::<PAGE_HEADER_BYTES>()?;
    let sound = u32_at(header, 0) == crc32c::crc32c(&bytes[4..])
        && u32_at(header, 4) as usize == body.len()
        && u32_at(header, 12) == block
        && header[17..].iter().all(|byte| *byte == 0);
    if sound { Some((PageKind::of(header[16])?, u32_at(header, 8) as usize, body)) } else { None }
}

/// Whether these bytes can be the header of a page of this block. Cheap, for whoever searches.
pub(crate) fn is_page(header: &[u8; PAGE_HEADER_BYTES], block: u32) -> bool {
    u32_at(header, 12) == block
        && PageKind::of(header[16]).is_some()
        && header[17..].iter().all(|byte| *byte == 0)
}

/// Whether these bytes are a page of this block, of any kind.
pub(crate) fn is_sound_page(bytes: &[u8], block: u32) -> bool {
    decode_page(bytes, block).is_some()
}

/// The size of the whole page that begins so.
pub(crate) fn page_bytes(header: &[u8; PAGE_HEADER_BYTES]) -> usize {
    PAGE_HEADER_BYTES + u32_at(header, 4) as usize
}

/// LZ4 can't blow up bytes more than that, so a false size can't make us allocate more.
const LZ4_RATIO_MAX: usize = 255;

/// Bytes as they are to be stored: compressed where that saves an eighth.
pub(super) fn compressed(raw: &[u8]) -> (PageKind, Cow<'_, [u8]>) {
    let packed = lz4_flex::block::compress(raw);
    if packed.len() <= raw.len() / 8 * 7 {
        (PageKind::Lz4, packed.into())
    } else {
        (PageKind::Stored, raw.into())
    }
}

/// The bytes as they were.
pub(super) fn expanded(kind: PageKind, stored: &[u8], raw_bytes: usize) -> Option<Vec<u8>> {
    match kind {
        PageKind::Stored => (stored.len() == raw_bytes).then(|| stored.to_vec()),
        PageKind::Lz4 if raw_bytes <= stored.len().saturating_mul(LZ4_RATIO_MAX) => {
            let mut raw = vec![0; raw_bytes];
            let bytes = lz4_flex::block::decompress_into(stored, &mut raw).ok()?;
            (bytes == raw_bytes).then_some(raw)
        }
        PageKind::Lz4 | PageKind::Index | PageKind::Table => None,
    }
}

/// What is written of a batch.
#[derive(Clone, Copy)]
pub(crate) struct PagedBatch<'a> {
    pub(crate) first_index: u64,
    pub(crate) time: Timestamp,
    pub(crate) count: u32,
    /// The length of each message, as LEB128.
    lens: &'a [u8],
    messages: &'a [u8],
    /// Where the messages begin in the page.
    start: usize,
}

/// A page that is being put together.
#[derive(Default)]
pub(crate) struct PageBuilder {
    raw: Vec<u8>,
    first: Option<super::Key>,
    part: Option<OpenPart>,
    /// Pages for which compression is not tried, because it did not pay lately.
    skips: u32,
}

/// The part that takes batches.
struct OpenPart {
    start: usize,
    incarnation: Incarnation,
    next_index: u64,
    time: Timestamp,
    batches_count: u32,
    messages_count: u32,
}

impl PageBuilder {
    /// A page ends with the batch that makes it that long.
    const BYTES: usize = 32 << 10;
    /// How many pages are stored as they are after one that did not compress.
    const SKIPS: u32 = 15;

    /// Whether the page should be finished.
    pub(crate) fn is_full(&self) -> bool {
        PageBuilder::BYTES <= self.raw.len()
    }

    /// Adds a batch, whose messages may be walked twice.
    pub(crate) fn push<'a>(
        &mut self,
        stream: PartStream,
        first_index: u64,
        time: Timestamp,
        messages: impl ExactSizeIterator<Item = &'a [u8]> + Clone,
    ) {
        let count = messages.len();
        self.begin_batch(stream, first_index, time, count);
        for message in messages.clone() {
            put_varint(&mut self.raw, message.len() as u64);
        }
        for message in messages {
            self.raw.extend_from_slice(message);
        }
    }

    /// Adds a batch that another page has.
    pub(crate) fn push_paged(&mut self, stream: PartStream, batch: &PagedBatch<'_>) {
        self.begin_batch(stream, batch.first_index, batch.time, batch.count as usize);
        self.raw.extend_from_slice(batch.lens);
        self.raw.extend_from_slice(batch.messages);
    }

    fn begin_batch(&mut self, stream: PartStream, first_index: u64, time: Timestamp, count: usize) {
        let incarnation = stream.incarnation;
        let goes_on = self
            .part
            .as_ref()
            .is_some_and(|part| part.incarnation == incarnation && part.next_index == first_index);
        if !goes_on {
            self.begin_part(stream, first_index, time);
        }
        let Some(part) = &mut self.part else { return };
        put_varint(&mut self.raw, count as u64);
        put_varint(&mut self.raw, zigzag(time.0.wrapping_sub(part.time.0)));
        part.time = time;
        part.batches_count += 1;
        part.messages_count += u32::try_from(count).expect("an entry counts its messages with 32 bits");
        part.next_index += count as u64;
    }

    fn begin_part(&mut self, stream: PartStream, first_index: u64, time: Timestamp) {
        self.end_part();
        let incarnation = stream.incarnation;
        let start = self.raw.len();
        self.first.get_or_insert(super::Key { incarnation: incarnation.to_bits(), index: first_index });
        for field in [incarnation.to_bits(), first_index, time.0] {
            self.raw.extend_from_slice(&field.to_le_bytes());
        }
        put_u32s(&mut self.raw, &[0, 0, 0, stream.previous_segment]);
        let (batches_count, messages_count) = (0, 0);
        self.part = Some(OpenPart {
            start,
            incarnation,
            next_index: first_index,
            time,
            batches_count,
            messages_count,
        });
    }

    /// Fills in the counts of the open part.
    fn end_part(&mut self) {
        let Some(part) = self.part.take() else { return };
        let bytes = self.raw.len() - part.start - Part::HEADER_BYTES;
        let bytes = u32::try_from(bytes).expect("a page is smaller than a segment and a page");
        let counts = [part.batches_count, part.messages_count, bytes];
        for (at, count) in [24, 28, 32].into_iter().zip(counts) {
            self.raw[part.start + at..part.start + at + 4].copy_from_slice(&count.to_le_bytes());
        }
    }

    /// The page as it is stored, and the key of its first message. Begins the next one.
    pub(crate) fn finish(&mut self, block: u32) -> Option<(super::Key, Vec<u8>)> {
        self.end_part();
        let first = self.first.take()?;
        let (kind, body) = if 0 < self.skips {
            self.skips -= 1;
            (PageKind::Stored, Cow::from(&self.raw))
        } else {
            let tried = compressed(&self.raw);
            self.skips = if tried.0 == PageKind::Stored { PageBuilder::SKIPS } else { 0 };
            tried
        };
        let page = encode_page(kind, block, self.raw.len(), &body);
        self.raw.clear();
        Some((first, page))
    }
}

/// Whose messages a part has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PartStream {
    pub(crate) incarnation: Incarnation,
    /// The segment with the last messages that came before those that were sealed with these; 0 for none. Asked of the first
    /// part that a block has of a stream.
    pub(crate) previous_segment: u32,
}

/// A page, checked and expanded.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    raw: Bytes,
}

/// The messages of one stream in a page.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) stream: PartStream,
    pub(crate) first_index: u64,
    pub(crate) messages_count: u32,
    time: Timestamp,
    batches_count: u32,
    body: Range<usize>,
}

impl Page {
    /// The page that these bytes are, if they are one of this block.
    pub(crate) fn decode(bytes: &[u8], block: u32) -> Option<Page> {
        let (kind, raw_bytes, body) = decode_page(bytes, block)?;
        Some(Page { raw: expanded(kind, body, raw_bytes)?.into() })
    }

    /// Its parts; `None` where they are not what a page has.
    pub(crate) fn parts(&self) -> impl Iterator<Item = Option<Part>> {
        let mut at = 0;
        let mut broken = false;
        std::iter::from_fn(move || {
            if broken || at == self.raw.len() {
                return None;
            }
            let part = self.part_at(at);
            match &part {
                Some(part) => at = part.body.end,
                None => broken = true,
            }
            Some(part)
        })
    }

    fn part_at(&self, at: usize) -> Option<Part> {
        let header: &[u8; Part::HEADER_BYTES] = self.raw.get(at..)?.first_chunk()?;
        let mut fields = FieldReader(header);
        let incarnation = Incarnation::from_bits(fields.u64()?)?;
        let (first_index, time) = (fields.u64()?, Timestamp(fields.u64()?));
        let (batches_count, messages_count) = (fields.u32()?, fields.u32()?);
        let (bytes, previous_segment) = (fields.u32()? as usize, fields.u32()?);
        let start = at + Part::HEADER_BYTES;
        let body = start..start.checked_add(bytes)?;
        first_index.checked_add(u64::from(messages_count))?;
        let sound = body.end <= self.raw.len() && batches_count != 0 && batches_count <= messages_count;
        let stream = PartStream { incarnation, previous_segment };
        sound.then_some(Part { stream, first_index, messages_count, time, batches_count, body })
    }

    /// The batches of a part; `None` where they are not what a part has.
    pub(crate) fn batches(&self, part: &Part) -> impl Iterator<Item = Option<PagedBatch<'_>>> {
        let body = &self.raw[part.body.clone()];
        let mut rest = FieldReader(body);
        let (mut index, mut time, mut left) = (part.first_index, part.time, part.batches_count);
        let end_index = part.end_index();
        let start = part.body.start;
        std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            let batch = next_batch(&mut rest, body, start, index, time)
                .filter(|batch| index + u64::from(batch.count) <= end_index)
                .filter(|batch| left != 0 || (rest.is_at_end() && batch.end_index() == end_index));
            match &batch {
                Some(batch) => (index, time) = (batch.end_index(), batch.time),
                None => left = 0,
            }
            Some(batch)
        })
    }

    /// The messages of a batch, as parts of the page.
    pub(crate) fn batch(&self, batch: &PagedBatch<'_>) -> Batch {
        let mut messages = Vec::with_capacity(batch.count as usize);
        let mut at = batch.start;
        let mut lens = FieldReader(batch.lens);
        for _ in 0..batch.count {
            let bytes = lens.varint().and_then(|bytes| usize::try_from(bytes).ok());
            let bytes = bytes.expect("the lengths were walked when the batch was found");
            messages.push(self.raw.slice(at..at + bytes));
            at += bytes;
        }
        Batch { first_index: batch.first_index, time: batch.time, messages }
    }
}

/// Takes the next batch from `rest`, which is the end of `body`, which begins at `start` of the page.
fn next_batch<'a>(
    rest: &mut FieldReader<'a>,
    body: &'a [u8],
    start: usize,
    first_index: u64,
    before: Timestamp,
) -> Option<PagedBatch<'a>> {
    let count = u32::try_from(rest.varint()?).ok().filter(|count| *count != 0)?;
    let time = Timestamp(before.0.wrapping_add(unzigzag(rest.varint()?)));
    // Each length has a byte at least, so that a false count can't make us allocate or walk much.
    if rest.0.len() < count as usize {
        return None;
    }
    let lens = rest.0;
    let mut bytes = 0_usize;
    for _ in 0..count {
        bytes = bytes.checked_add(usize::try_from(rest.varint()?).ok()?)?;
    }
    let lens = &lens[..lens.len() - rest.0.len()];
    let start = start + body.len() - rest.0.len();
    let messages = rest.bytes(bytes)?;
    Some(PagedBatch { first_index, time, count, lens, messages, start })
}

/// Reads all batches of a page with this body, whatever it is. For the fuzz target of pages.
#[doc(hidden)]
pub fn fuzz_page(body: &[u8]) {
    let (kind, body) = match body.split_first() {
        Some((0, [low, high, body @ ..])) => {
            (PageKind::Lz4, expanded(PageKind::Lz4, body, usize::from(u16::from_le_bytes([*low, *high]))))
        }
        Some((_, body)) => (PageKind::Stored, Some(body.to_vec())),
        None => return,
    };
    let Some(raw) = body else { return };
    let page = Page::decode(&encode_page(PageKind::Stored, 1, raw.len(), &raw), 1);
    let page = page.unwrap_or_else(|| panic!("a page of {kind:?} bytes with a right checksum is one"));
    for part in page.parts().flatten() {
        for batch in page.batches(&part).flatten() {
            let read = page.batch(&batch);
            assert_eq!(read.bytes() as u64, batch.message_bytes(), "each byte is in one message");
            assert_eq!(read.end_index(), batch.end_index());
        }
    }
}

impl PagedBatch<'_> {
    /// The index after the last message.
    pub(crate) fn end_index(&self) -> u64 {
        self.first_index + u64::from(self.count)
    }

    /// The bytes of all messages.
    pub(crate) fn message_bytes(&self) -> u64 {
        self.messages.len() as u64
    }
}

impl Part {
    /// The size of what stands before the batches.
    const HEADER_BYTES: usize = 40;

    /// The index after the last message.
    pub(crate) fn end_index(&self) -> u64 {
        self.first_index + u64::from(self.messages_count)
    }
}

/// Small numbers of either sign as small numbers.
fn zigzag(difference: u64) -> u64 {
    let sign = if difference >> 63 == 0 { 0 } else { u64::MAX };
    (difference << 1) ^ sign
}

fn unzigzag(bits: u64) -> u64 {
    let sign = if bits & 1 == 0 { 0 } else { u64::MAX };
    (bits >> 1) ^ sign
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(bits: u64) -> PartStream {
        PartStream { incarnation: Incarnation::of_disk(bits), previous_segment: 4 }
    }

    fn read(page: &Page) -> Vec<(u64, Batch)> {
        let mut found = Vec::new();
        for part in page.parts() {
            let part = part.unwrap();
            for batch in page.batches(&part) {
                found.push((part.stream.incarnation.to_bits(), page.batch(&batch.unwrap())));
            }
        }
        found
    }

    #[test]
    fn a_page_reads_back_and_a_flipped_bit_is_seen() {
        for filler in [b"x".repeat(50), (0..50_u8).map(|n| n.wrapping_mul(167)).collect()] {
            let mut builder = PageBuilder::default();
            let batches = [
                (1, 0, 1_000, vec![filler.as_slice(), b""]),
                (1, 2, 900, vec![b"two"]),
                (1, 9, 2_000, vec![b"after a gap"]),
                (7, 3, 0, vec![&filler, &filler, &filler]),
            ];
            for (bits, first_index, time, messages) in &batches {
                builder.push(stream(*bits), *first_index, Timestamp(*time), messages.iter().copied());
            }
            let (first, good) = builder.finish(5).unwrap();
            assert_eq!((first.incarnation, first.index), (1, 0));
            let page = Page::decode(&good, 5).unwrap();
            let expected = batches.map(|(bits, first_index, time, messages)| {
                let messages = messages.into_iter().map(Bytes::copy_from_slice).collect();
                (bits, Batch { first_index, time: Timestamp(time), messages })
            });
            assert_eq!(read(&page), expected);
            assert_eq!(page.parts().count(), 3);
            assert!(Page::decode(&good, 6).is_none() && Page::decode(&good[..good.len() - 1], 5).is_none());
            for bit in 0..good.len() * 8 {
                let mut bad = good.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                assert!(Page::decode(&bad, 5).is_none(), "{bit}");
            }
        }
    }

    #[test]
    fn a_batch_moves_from_page_to_page_as_it_is() {
        let mut builder = PageBuilder::default();
        builder.push(stream(1), 5, Timestamp(7), [b"one".as_slice(), b"three"].into_iter());
        let (_, bytes) = builder.finish(1).unwrap();
        let page = Page::decode(&bytes, 1).unwrap();
        let part = page.parts().next().unwrap().unwrap();
        for batch in page.batches(&part) {
            builder.push_paged(part.stream, &batch.unwrap());
        }
        let (_, again) = builder.finish(1).unwrap();
        assert_eq!(bytes, again);
    }

    #[test]
    fn zigzag_keeps_both_signs_small() {
        for (difference, bits) in [(0, 0), (u64::MAX, 1), (1, 2), (5, 10)] {
            assert_eq!((zigzag(difference), unzigzag(bits)), (bits, difference));
        }
    }
}
