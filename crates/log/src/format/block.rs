//! Blocks: header, index pages, their top, table pages, footer. Data pages are in `page.rs`.

use super::fields::{u32_at, u64_at};
use super::manifest::{put_u32s, put_u64s};
use super::page::{PageKind, decode_page, encode_page};
use super::{FormatError, VERSION};

const MAGIC: [u8; 8] = *b"TIDBLCK\n";

/// The order of messages in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    /// The bits of the incarnation.
    pub(crate) incarnation: u64,
    pub(crate) index: u64,
}

/// The first bytes of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockHeader {
    pub(crate) id: u32,
    pub(crate) log_id: u64,
}

impl BlockHeader {
    /// The space it takes.
    pub(crate) const BYTES: usize = 4096;

    const FIELDS_BYTES: usize = 28;

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        put_u32s(&mut out, &[VERSION, self.id]);
        put_u64s(&mut out, &[self.log_id]);
        let crc = crc32c::crc32c(&out);
        put_u32s(&mut out, &[crc]);
        out.resize(BlockHeader::BYTES, 0);
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<BlockHeader, FormatError> {
        let fields: &[u8; BlockHeader::FIELDS_BYTES] = bytes.first_chunk().ok_or(FormatError::Damaged)?;
        if !fields.starts_with(&MAGIC) || u32_at(fields, 24) != crc32c::crc32c(&fields[..24]) {
            return Err(FormatError::Damaged);
        }
        match u32_at(fields, 8) {
            VERSION => Ok(BlockHeader { id: u32_at(fields, 12), log_id: u64_at(fields, 16) }),
            version => Err(FormatError::of_version(version)),
        }
    }
}

/// The last bytes of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockFooter {
    pub(crate) id: u32,
    pub(crate) log_id: u64,
    pub(crate) top_at: u64,
    pub(crate) top_bytes: u64,
    pub(crate) streams_count: u64,
    pub(crate) messages_count: u64,
    pub(crate) message_bytes: u64,
    pub(crate) first_segment: u32,
    pub(crate) last_segment: u32,
}

impl BlockFooter {
    pub(crate) const BYTES: usize = 128;

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        put_u32s(&mut out, &[VERSION, self.id]);
        let BlockFooter { log_id, top_at, top_bytes, streams_count, messages_count, message_bytes, .. } =
            *self;
        put_u64s(&mut out, &[log_id, top_at, top_bytes, streams_count, messages_count, message_bytes]);
        put_u32s(&mut out, &[self.first_segment, self.last_segment]);
        out.resize(BlockFooter::BYTES - 4, 0);
        let crc = crc32c::crc32c(&out);
        put_u32s(&mut out, &[crc]);
        out
    }

    /// The footer, if these bytes are one. Its CRC too, which the manifest knows.
    pub(crate) fn decode(bytes: &[u8; BlockFooter::BYTES]) -> Option<(BlockFooter, u32)> {
        let crc = u32_at(bytes, BlockFooter::BYTES - 4);
        let sound = bytes.starts_with(&MAGIC)
            && u32_at(bytes, 8) == VERSION
            && crc == crc32c::crc32c(&bytes[..BlockFooter::BYTES - 4]);
        let footer = BlockFooter {
            id: u32_at(bytes, 12),
            log_id: u64_at(bytes, 16),
            top_at: u64_at(bytes, 24),
            top_bytes: u64_at(bytes, 32),
            streams_count: u64_at(bytes, 40),
            messages_count: u64_at(bytes, 48),
            message_bytes: u64_at(bytes, 56),
            first_segment: u32_at(bytes, 64),
            last_segment: u32_at(bytes, 68),
        };
        sound.then_some((footer, crc))
    }

    /// How long the file is if the footer is right.
    pub(crate) fn file_bytes(&self) -> Option<u64> {
        self.top_at.checked_add(self.top_bytes)?.checked_add(BlockFooter::BYTES as u64)
    }
}

/// What index and table pages have in common: up to 127 entries of 32 bytes.
pub(crate) struct Entries;

impl Entries {
    pub(crate) const COUNT_MAX: usize = 127;

    fn encode(entries: impl Iterator<Item = [u64; 4]>, kind: PageKind, block: u32) -> Vec<u8> {
        let mut body = Vec::with_capacity(Entries::COUNT_MAX * 32);
        entries.for_each(|fields| put_u64s(&mut body, &fields));
        encode_page(kind, block, body.len(), &body)
    }

    fn decode<T>(
        bytes: &[u8],
        kind: PageKind,
        block: u32,
        entry: impl Fn([u64; 4]) -> Option<T>,
    ) -> Option<Vec<T>> {
        let (found, _, body) = decode_page(bytes, block)?;
        let (entries, rest) = body.as_chunks::<32>();
        let sound = found == kind && rest.is_empty() && entries.len() <= Entries::COUNT_MAX;
        let fields = |bytes: &[u8; 32]| [0, 8, 16, 24].map(|at| u64_at(bytes, at));
        if sound { entries.iter().map(|bytes| entry(fields(bytes))).collect() } else { None }
    }
}

/// Where data pages are.
pub(crate) struct IndexPage;

/// Where one data page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IndexEntry {
    /// Its first message.
    pub(crate) first: Key,
    pub(crate) at: u64,
    /// With its header.
    pub(crate) bytes: u32,
}

impl IndexPage {
    pub(crate) fn encode(entries: &[IndexEntry], block: u32) -> Vec<u8> {
        let fields = |entry: &IndexEntry| {
            [entry.first.incarnation, entry.first.index, entry.at, u64::from(entry.bytes)]
        };
        Entries::encode(entries.iter().map(fields), PageKind::Index, block)
    }

    pub(crate) fn decode(bytes: &[u8], block: u32) -> Option<Vec<IndexEntry>> {
        Entries::decode(bytes, PageKind::Index, block, |[incarnation, index, at, bytes]| {
            let bytes = u32::try_from(bytes).ok()?;
            Some(IndexEntry { first: Key { incarnation, index }, at, bytes })
        })
    }
}

/// Which streams a block has.
pub(crate) struct TablePage;

/// One stream of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TableEntry {
    /// Its first message.
    pub(crate) first: Key,
    pub(crate) messages_count: u64,
    pub(crate) message_bytes: u64,
}

impl TablePage {
    pub(crate) fn encode(entries: &[TableEntry], block: u32) -> Vec<u8> {
        let fields = |entry: &TableEntry| {
            [entry.first.incarnation, entry.first.index, entry.messages_count, entry.message_bytes]
        };
        Entries::encode(entries.iter().map(fields), PageKind::Table, block)
    }

    pub(crate) fn decode(bytes: &[u8], block: u32) -> Option<Vec<TableEntry>> {
        let entry = |[incarnation, index, messages_count, message_bytes]: [u64; 4]| {
            Some(TableEntry { first: Key { incarnation, index }, messages_count, message_bytes })
        };
        Entries::decode(bytes, PageKind::Table, block, entry)
    }
}

/// Where the index and table pages of a block are. In memory while the block is open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Top {
    pub(crate) index: Vec<IndexEntry>,
    pub(crate) table: Vec<IndexEntry>,
}

impl Top {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(12 + (self.index.len() + self.table.len()) * 28);
        let count = |entries: &[IndexEntry]| u32::try_from(entries.len()).expect("a block is not that large");
        put_u32s(&mut out, &[count(&self.index), count(&self.table)]);
        for entry in self.index.iter().chain(&self.table) {
            put_u64s(&mut out, &[entry.first.incarnation, entry.first.index, entry.at]);
            put_u32s(&mut out, &[entry.bytes]);
        }
        let crc = crc32c::crc32c(&out);
        put_u32s(&mut out, &[crc]);
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Top> {
        let (body, crc) = bytes.split_last_chunk::<4>()?;
        if u32::from_le_bytes(*crc) != crc32c::crc32c(body) {
            return None;
        }
        let (counts, entries) = body.split_first_chunk::<8>()?;
        let (entries, rest) = entries.as_chunks::<28>();
        let (index_count, table_count) = (u32_at(counts, 0) as usize, u32_at(counts, 4) as usize);
        if !rest.is_empty() || index_count.checked_add(table_count) != Some(entries.len()) {
            return None;
        }
        let entry = |bytes: &[u8; 28]| IndexEntry {
            first: Key { incarnation: u64_at(bytes, 0), index: u64_at(bytes, 8) },
            at: u64_at(bytes, 16),
            bytes: u32_at(bytes, 24),
        };
        let (index, table) = entries.split_at(index_count);
        Some(Top { index: index.iter().map(entry).collect(), table: table.iter().map(entry).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flips(good: &[u8], is_refused: impl Fn(&[u8]) -> bool) {
        for bit in 0..good.len() * 8 {
            let mut bad = good.to_vec();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(is_refused(&bad), "{bit}");
        }
    }

    #[test]
    fn header_and_footer_read_back_and_a_flipped_bit_is_seen() {
        let header = BlockHeader { id: 3, log_id: 9 };
        let good = header.encode();
        assert_eq!(BlockHeader::decode(&good), Ok(header));
        flips(&good[..28], |bad| BlockHeader::decode(bad).is_err());
        let footer = BlockFooter {
            id: 3,
            log_id: 9,
            top_at: 5_000,
            top_bytes: 100,
            streams_count: 1,
            messages_count: 7,
            message_bytes: 8,
            first_segment: 1,
            last_segment: 2,
        };
        let good = footer.encode();
        assert_eq!(BlockFooter::decode(good.first_chunk().unwrap()).unwrap().0, footer);
        flips(&good, |bad| BlockFooter::decode(bad.first_chunk().unwrap()).is_none());
        assert_eq!(footer.file_bytes(), Some(5_000 + 100 + 128));
    }

    #[test]
    fn pages_of_entries_read_back_and_a_flipped_bit_is_seen() {
        let key = |n: u64| Key { incarnation: n, index: n * 2 };
        let index: Vec<_> =
            (0..127).map(|n| IndexEntry { first: key(n), at: n * 9, bytes: u32::MAX }).collect();
        let good = IndexPage::encode(&index, 4);
        assert_eq!(IndexPage::decode(&good, 4).as_ref(), Some(&index));
        assert_eq!(IndexPage::decode(&good, 5), None);
        flips(&good, |bad| IndexPage::decode(bad, 4).is_none());
        let table = [TableEntry { first: key(1), messages_count: 2, message_bytes: 3 }];
        let good = TablePage::encode(&table, 4);
        assert_eq!(TablePage::decode(&good, 4).unwrap(), table);
        assert_eq!(IndexPage::decode(&good, 4), None);
        let top = Top { table: index[..3].to_vec(), index };
        let good = top.encode();
        assert_eq!(Top::decode(&good).unwrap(), top);
        flips(&good, |bad| Top::decode(bad).is_none());
    }
}
