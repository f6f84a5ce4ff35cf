//! The bytes of the log, version 2: segments, frames, entries, blocks, snapshots, the manifest. `docs/format.md` has the
//! tables.
//!
//! Pure encoding and decoding. Nothing here trusts a byte: every length is checked before it is used.

mod block;
mod config;
mod entry;
mod fields;
mod frame;
mod manifest;
mod page;
mod record;
mod segment_header;
mod snapshot;

pub(crate) use block::{
    BlockFooter, BlockHeader, Entries, IndexEntry, IndexPage, Key, TableEntry, TablePage, Top,
};
pub(crate) use entry::{Body, Entry, EntryHeader, encode};
pub(crate) use frame::FrameHeader;
pub(crate) use manifest::{BlockMeta, Manifest, Point, Written};
#[doc(hidden)]
pub use page::fuzz_page;
pub(crate) use page::{
    PAGE_HEADER_BYTES, Page, PageBuilder, PagedBatch, Part, PartStream, is_page, is_sound_page, page_bytes,
};
pub(crate) use record::{decode_record, encode_record, encode_record_in_part};
pub(crate) use segment_header::{FormatError, SegmentHeader};
pub(crate) use snapshot::{Chunk, SnapshotHeader};

/// The version of the format that is written, and the only one that is read.
pub(crate) const VERSION: u32 = 2;

/// Frames and entries begin at multiples of this.
pub(crate) const ALIGN: usize = 8;

/// The bytes up to the next multiple of [`ALIGN`].
pub(crate) fn aligned(bytes: usize) -> usize {
    bytes.next_multiple_of(ALIGN)
}

/// Where an entry of the log begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Location {
    /// The number of the segment, from 1.
    pub(crate) segment: u32,
    /// The position in it.
    pub(crate) at: u32,
}
