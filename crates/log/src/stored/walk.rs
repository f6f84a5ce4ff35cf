//! From the nearest place that is known back to the message that is asked for, then forward.
//!
//! Every entry in the log, and every part in a block, names what came before it in its stream. Messages that are not
//! sealed are found entry by entry, with a checkpoint every few of them; sealed ones by one look into each block.

use super::{ReadError, StoredStream};
use crate::BatchSize;
use crate::block::{BatchInBlock, BlockCursor, BlockError, Found as FoundInBlock};
use crate::contents::Files;
use crate::format::{Body, EntryHeader, Location};
use crate::segments::Segment;
use bytes::Bytes;
use std::sync::Arc;
use tidings_model::Batch;

/// A walk over the batches of one stream.
pub(super) struct Walk<'a> {
    stored: &'a StoredStream,
    files: Arc<Files>,
    /// The index that the next batch holds.
    next: u64,
    /// Blocks that hold what comes next, the first one last.
    blocks: Vec<BlockCursor>,
    /// Entries behind those blocks, the first one last.
    entries: Vec<FoundEntry>,
}

/// A batch where it is stored.
pub(super) enum Piece<'a> {
    InBlock(BatchInBlock<'a>),
    InLog(&'a FoundEntry),
}

impl Piece<'_> {
    /// Sizes and time.
    pub(super) fn size(&self) -> BatchSize {
        match self {
            Piece::InBlock(batch) => batch.size(),
            Piece::InLog(found) => BatchSize {
                first_index: found.header.first_index,
                count: found.header.count,
                bytes: u64::from(found.header.message_bytes),
                time: found.header.time,
            },
        }
    }

    /// The messages.
    pub(super) fn batch(&self) -> Result<Batch, ReadError> {
        match self {
            Piece::InBlock(batch) => Ok(batch.batch()),
            Piece::InLog(found) => found.batch(),
        }
    }
}

impl<'a> Walk<'a> {
    pub(super) fn new(stored: &'a StoredStream, from_index: u64) -> Walk<'a> {
        let files = stored.contents.files();
        Walk { stored, files, next: from_index, blocks: Vec::new(), entries: Vec::new() }
    }

    /// Hands over batch after batch until there are no more, or no more are wanted.
    pub(super) fn run(
        mut self,
        mut take: impl FnMut(Piece<'_>) -> Result<bool, ReadError>,
    ) -> Result<(), ReadError> {
        while self.find()? {
            while let Some(mut cursor) = self.blocks.pop() {
                let (id, at) = cursor.place();
                let mut done = Ok(true);
                cursor.next_batches(self.next, |batch| {
                    let size = batch.size();
                    // Messages between what came before and this are missing.
                    if self.next < size.first_index {
                        done = Err(BlockError::Damaged { id, at }.into());
                        return false;
                    }
                    self.next = size.first_index + u64::from(size.count);
                    done = take(Piece::InBlock(batch));
                    matches!(done, Ok(true))
                })?;
                if !done? {
                    return Ok(());
                }
            }
            while let Some(found) = self.entries.pop() {
                if self.next < found.header.first_index {
                    return Err(damaged_log(found.location));
                }
                self.next = found.header.end_index();
                if !take(Piece::InLog(&found))? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Finds what holds `next`, and what lies between that and the nearest place that is known. `false` at the tail.
    fn find(&mut self) -> Result<bool, ReadError> {
        let known = {
            let directory = self.stored.contents.directory();
            let record =
                directory.record_of(self.stored.id, self.stored.incarnation).ok_or(ReadError::Gone)?;
            if record.tail_index <= self.next {
                return Ok(false);
            }
            record.known_after(self.next)
        };
        // After the directory: what it names is in these files, or trimmed.
        self.files = self.stored.contents.files();
        let Some(known) = known else { return Ok(false) };
        if let Some(sealed) = self.walk_back_in_log(known)? {
            self.walk_back_in_blocks(sealed)?;
        }
        Ok(true)
    }

    /// Back from an entry to the one that holds `next`. Returns the segment in which the search goes on, if all that are
    /// not sealed come later.
    fn walk_back_in_log(&mut self, known: Location) -> Result<Option<u32>, ReadError> {
        let mut end_index = None;
        let mut here = known;
        while self.files.sealed < here.segment {
            let found = self.entry_at(here, end_index)?;
            let header = found.header;
            self.entries.push(found);
            if header.first_index <= self.next {
                return Ok(None);
            }
            // Every message lies behind the pointer to it: a pointer forward would have us walk for ever.
            match header.previous {
                Some(previous) if previous < here => here = previous,
                _ => return Err(damaged_log(here)),
            }
            end_index = Some(header.first_index);
        }
        Ok(Some(here.segment))
    }

    fn walk_back_in_blocks(&mut self, mut segment: u32) -> Result<(), ReadError> {
        loop {
            let lost = ReadError::Damaged { file: Segment::name(segment), at: 0 };
            let block = self.files.block_of(segment).ok_or(lost)?;
            let lost = ReadError::from(block.damaged(0));
            let FoundInBlock::Cursor(cursor) = BlockCursor::find(block, self.stored.incarnation, self.next)?
            else {
                // The messages of that segment are trimmed, or all before `next`, and what is asked for is later.
                return if self.entries.is_empty() && self.blocks.is_empty() { Err(lost) } else { Ok(()) };
            };
            let (first_index, previous) = (cursor.part_first_index(), cursor.previous_segment());
            self.blocks.push(cursor);
            if first_index <= self.next {
                return Ok(());
            }
            if previous == 0 || block.meta.first_segment <= previous {
                return Err(lost);
            }
            segment = previous;
        }
    }

    /// The header of the entry at a location that the directory or another entry named. It must be an entry of this
    /// stream and, if that is known, end where the one after it begins.
    fn entry_at(&self, location: Location, end_index: Option<u64>) -> Result<FoundEntry, ReadError> {
        let damaged = || damaged_log(location);
        let segment = self.files.segment(location.segment).ok_or_else(damaged)?;
        let start = u64::from(location.at);
        let left = segment.header.bytes.checked_sub(start).ok_or_else(damaged)?;
        // Most entries are small, and read whole with one call.
        let mut bytes = vec![0; FoundEntry::READ_BYTES.min(usize::try_from(left).unwrap_or(usize::MAX))];
        segment.file.read_at(start, &mut bytes)?;
        let header = bytes.first_chunk().and_then(EntryHeader::decode).filter(|header| {
            header.is_append()
                && header.incarnation == self.stored.incarnation
                && end_index.is_none_or(|end| header.end_index() == end)
        });
        let header = header.ok_or_else(damaged)?;
        Ok(FoundEntry { header, location, segment: Arc::clone(segment), bytes: bytes.into() })
    }
}

/// An entry with messages whose header is read.
pub(super) struct FoundEntry {
    header: EntryHeader,
    location: Location,
    segment: Arc<Segment>,
    /// The header, and what stands behind it.
    bytes: Bytes,
}

impl FoundEntry {
    /// How much is read at first.
    const READ_BYTES: usize = 512;

    fn batch(&self) -> Result<Batch, ReadError> {
        let damaged = || damaged_log(self.location);
        let body = self.body()?;
        if !self.header.is_sound(&body) {
            return Err(damaged());
        }
        match self.header.entry(&body).ok_or_else(damaged)?.body {
            Body::Append { first_index, messages, .. } => {
                Ok(Batch { first_index, time: self.header.time, messages })
            }
            Body::Create { .. } | Body::Delete | Body::Trim { .. } | Body::Restore { .. } => Err(damaged()),
        }
    }

    fn body(&self) -> Result<Bytes, ReadError> {
        let damaged = || damaged_log(self.location);
        let bytes = self.header.body_bytes().ok_or_else(damaged)?;
        let end = EntryHeader::BYTES.checked_add(bytes).ok_or_else(damaged)?;
        if end <= self.bytes.len() {
            return Ok(self.bytes.slice(EntryHeader::BYTES..end));
        }
        let start = u64::from(self.location.at) + EntryHeader::BYTES as u64;
        if self.segment.header.bytes < start.saturating_add(bytes as u64) {
            return Err(damaged());
        }
        let mut body = vec![0; bytes];
        self.segment.file.read_at(start, &mut body)?;
        Ok(body.into())
    }
}

fn damaged_log(location: Location) -> ReadError {
    ReadError::Damaged { file: Segment::name(location.segment), at: u64::from(location.at) }
}
