//! Finds frames wherever they are, also behind damage, and decides which of them ever counted.

use super::tolerant;
use crate::format::{ALIGN, EntryHeader, FrameHeader, SegmentHeader, aligned};
use crate::staging::FIRST_FRAME_AT;
use crate::storage::{Storage, StorageFile};
use bytes::Bytes;
use std::io;
use std::sync::Arc;

/// A file that may hold frames.
pub(super) struct FrameFile {
    pub(super) file: Arc<dyn StorageFile>,
    /// What stands at its beginning, if that is sound.
    pub(super) header: Option<SegmentHeader>,
}

/// A whole frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct FoundFrame {
    pub(super) number: u64,
    epoch: u64,
    count: u32,
    bytes: u32,
    pub(super) place: Place,
}

/// Where something is in one of the files.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) file: usize,
    pub(super) at: u64,
}

/// All frames that were found.
#[derive(Default)]
pub(super) struct Frames {
    pub(super) files: Vec<FrameFile>,
    whole: Vec<FoundFrame>,
    /// Number and epoch of each header, also where the entries behind it are damaged: both were true.
    headers: Vec<(u64, u64)>,
    /// The last frame that any header says was synced.
    pub(super) durable_upto: u64,
}

/// An entry where it was found.
pub(super) struct FoundEntry {
    pub(super) header: EntryHeader,
    pub(super) body: Bytes,
    pub(super) place: Place,
}

impl Frames {
    /// Opens a segment, or one that was.
    pub(super) fn open(storage: &dyn Storage, name: &str) -> io::Result<FrameFile> {
        let file = storage.open(name)?;
        let bytes = file.bytes()?.min(SegmentHeader::BYTES as u64);
        let header = tolerant::read(&*file, 0, usize::try_from(bytes).unwrap_or_default());
        Ok(FrameFile { header: SegmentHeader::decode(&header).ok(), file })
    }

    /// Searches a file at every place where a frame may begin. Returns its size, and whether there was a header of one.
    pub(super) fn search(&mut self, file: FrameFile, mark: u64) -> io::Result<(u64, bool)> {
        let before = self.headers.len();
        let bytes = tolerant::read_all(&*file.file)?;
        let index = self.files.len();
        let mut at = FIRST_FRAME_AT as usize;
        while at + FrameHeader::BYTES <= bytes.len() {
            at += self.look(&bytes, at, index, mark).unwrap_or(ALIGN);
        }
        self.files.push(file);
        Ok((bytes.len() as u64, before < self.headers.len()))
    }

    /// The frame at a place, if one begins there. Returns how much of it need not be searched.
    fn look(&mut self, bytes: &[u8], at: usize, file: usize, mark: u64) -> Option<usize> {
        // No log has a mark of zero.
        if mark == 0 || bytes[at..at + ALIGN] != mark.to_le_bytes() {
            return None;
        }
        let header = FrameHeader::decode(bytes[at..].first_chunk()?, mark)?;
        self.headers.push((header.number, header.epoch));
        self.durable_upto = self.durable_upto.max(header.durable_upto);
        let start = at + FrameHeader::BYTES;
        let entries = bytes.get(start..start.checked_add(header.entries_bytes as usize)?)?;
        if crc32c::crc32c(entries) != header.entries_crc {
            return None;
        }
        let place = Place { file, at: at as u64 };
        let (number, epoch, count, bytes) =
            (header.number, header.epoch, header.entries_count, header.entries_bytes);
        self.whole.push(FoundFrame { number, epoch, count, bytes, place });
        Some(FrameHeader::BYTES + aligned(entries.len()))
    }

    /// The frames that counted, in order. Those that a recovery had cut are left out, as far as anything says that it did; and
    /// so is what lies behind the first frame that is missing and that nothing says was synced: no acknowledgement
    /// was given for it.
    pub(super) fn counted(&mut self) -> Vec<FoundFrame> {
        // Of those with one number the last one written comes first.
        self.whole.sort_unstable_by_key(|frame| (frame.number, std::cmp::Reverse(frame.epoch)));
        self.whole.dedup_by_key(|frame| frame.number);
        self.headers.sort_unstable();
        let mut headers = self.headers.iter().peekable();
        let (mut epoch, mut next) = (0, self.durable_upto + 1);
        let mut counted = Vec::new();
        for frame in &self.whole {
            while let Some((_, other)) = headers.next_if(|(number, _)| *number <= frame.number) {
                epoch = epoch.max(*other);
            }
            if frame.epoch < epoch {
                continue;
            }
            if self.durable_upto < frame.number {
                if frame.number != next {
                    break;
                }
                next += 1;
            }
            counted.push(*frame);
        }
        counted
    }

    /// The entries of a frame.
    pub(super) fn entries(&self, frame: &FoundFrame) -> Vec<FoundEntry> {
        let Place { file, at } = frame.place;
        let start = at + FrameHeader::BYTES as u64;
        let bytes = Bytes::from(tolerant::read(&*self.files[file].file, start, frame.bytes as usize));
        let mut entries = Vec::new();
        let mut next = 0;
        for _ in 0..frame.count {
            let Some((header, body)) = decode(&bytes.slice(next.min(bytes.len())..)) else { break };
            let place = Place { file, at: start + next as u64 };
            next += aligned(EntryHeader::BYTES + body.len());
            entries.push(FoundEntry { header, body, place });
        }
        entries
    }

    /// The entry at a place where one was found.
    pub(super) fn entry(&self, place: Place) -> Option<(EntryHeader, Bytes)> {
        let file = &*self.files[place.file].file;
        let header = tolerant::read(file, place.at, EntryHeader::BYTES);
        let bytes = EntryHeader::decode(header.first_chunk()?)?.bytes as usize;
        decode(&tolerant::read(file, place.at, bytes).into())
    }
}

/// The entry at the beginning of `bytes`.
fn decode(bytes: &Bytes) -> Option<(EntryHeader, Bytes)> {
    let header = EntryHeader::decode(bytes.first_chunk()?)?;
    let end = EntryHeader::BYTES.checked_add(header.body_bytes()?)?;
    let body = (end <= bytes.len()).then(|| bytes.slice(EntryHeader::BYTES..end))?;
    header.is_sound(&body).then_some((header, body))
}
