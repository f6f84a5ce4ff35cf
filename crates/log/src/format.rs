//! The bytes of the log, version 1: segment headers, frames, entries. `docs/format.md` has the tables.
//!
//! Pure encoding and decoding. Nothing here trusts a byte: every length is checked before it is used.

mod config;
mod entry;
mod fields;
mod frame;
mod segment_header;

pub(crate) use entry::{Body, Entry, EntryHeader, encode};
pub(crate) use frame::FrameHeader;
pub(crate) use segment_header::{FormatError, SegmentHeader};

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
