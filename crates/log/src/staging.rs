//! The end of the log: frames that are put together, and the one write that a commit makes of them.

use crate::failure::Failure;
use crate::filler::FillError;
use crate::format::{FrameHeader, Location, Point, SegmentHeader};
use crate::group::Group;
use crate::segments::Segment;
use crate::settings::PlantedBug;
use crate::{LogSettings, StorageFailed};
use std::sync::Arc;

/// Which part of a segment an entry may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// All but the reserve.
    Open,
    /// Also the reserve, which is kept for what goes on when the storage is full: deletes and trims.
    Reserve,
}

/// Where the log goes on, and what is staged for that place.
pub(crate) struct Staging {
    mark: u64,
    epoch: u64,
    frame_bytes_max: usize,
    /// The number of the next frame that is begun.
    next_frame: u64,
    /// The last frame that is known to be synced.
    durable_upto: u64,
    /// The last frame with entries.
    last_with_entries: u64,
    /// The greatest `durable_upto` that is written.
    vouched_upto: u64,
    /// Segments before the last one to which something is staged. Mostly none.
    full: Vec<SegmentWrite>,
    last: SegmentWrite,
    frame: Option<OpenFrame>,
}

/// The end of the log, as recovery found it.
pub(crate) struct End {
    pub(crate) segment: Arc<Segment>,
    pub(crate) at: u32,
    /// Greater than that of any frame that may be found later.
    pub(crate) epoch: u64,
    /// The last frame, which is synced.
    pub(crate) last_frame: u64,
    /// The last frame with entries.
    pub(crate) last_with_entries: u64,
    /// The `durable_upto` of the last frame.
    pub(crate) vouched_upto: u64,
}

/// What is staged for one segment: frames, and room for the header of an open one.
struct SegmentWrite {
    segment: Arc<Segment>,
    at: u32,
    bytes: Vec<u8>,
}

/// A frame that takes entries.
#[derive(Clone, Copy)]
struct OpenFrame {
    /// Where it begins in the bytes of the last write.
    start: usize,
    entries_count: u32,
}

impl Staging {
    pub(crate) fn new(end: End, mark: u64, settings: &LogSettings) -> Staging {
        Staging {
            mark,
            epoch: end.epoch,
            frame_bytes_max: settings.frame_bytes,
            next_frame: end.last_frame + 1,
            durable_upto: end.last_frame,
            last_with_entries: end.last_with_entries,
            vouched_upto: end.vouched_upto,
            full: Vec::new(),
            last: SegmentWrite { segment: end.segment, at: end.at, bytes: Vec::new() },
            frame: None,
        }
    }

    /// The longest group of entries that an empty segment holds.
    pub(crate) fn group_bytes_max(segment_bytes: u64) -> u64 {
        let other = SegmentHeader::BYTES + FrameHeader::BYTES;
        segment_bytes.saturating_sub(other as u64 + reserve_bytes(segment_bytes))
    }

    /// The bytes that the next commit writes.
    pub(crate) fn bytes(&self) -> usize {
        self.full.iter().map(|write| write.bytes.len()).sum::<usize>() + self.last.bytes.len()
    }

    /// Adds the entries of one operation. They share a frame, so that all of them are there after a crash or none.
    /// `next_segment` gives the segment of a number; if it can't, nothing changes. Returns where the first entry is
    /// going to be.
    pub(crate) fn place(
        &mut self,
        group: &Group,
        room: Room,
        next_segment: impl FnOnce(u32) -> Result<Arc<Segment>, FillError>,
    ) -> Result<Location, FillError> {
        let bytes = group.bytes();
        let fits_frame = self
            .frame
            .is_some_and(|frame| self.last.bytes.len() - frame.start + bytes.len() <= self.frame_bytes_max);
        let room = if fits_frame { self.last.room(room) } else { self.last.frame_room(room) };
        // Also where there are no entries: nothing is begun where a message would find no room.
        if room < (bytes.len() as u64).max(1) {
            self.roll(next_segment(self.last.segment.header.number + 1)?);
            assert!(
                bytes.len() as u64 <= self.last.frame_room(Room::Open),
                "an operation is checked against the size that new segments have"
            );
        } else if !fits_frame {
            self.seal();
        }
        if self.frame.is_none() {
            self.begin();
        }
        let at = self.last.end();
        self.last.bytes.extend_from_slice(bytes);
        if let Some(frame) = &mut self.frame {
            frame.entries_count += group.count();
        }
        Ok(Location { segment: self.last.segment.header.number, at })
    }

    /// Adds an empty frame if the last one with entries has none after it that says that it is synced.
    pub(crate) fn vouch(&mut self) {
        let fits =
            FrameHeader::start_after(self.last.end()) + FrameHeader::BYTES_U32 <= self.last.segment.end();
        if self.bytes() == 0 && self.vouched_upto < self.last_with_entries && fits {
            self.begin();
        }
    }

    /// The end of what is committed. Nothing may be staged.
    pub(crate) fn point(&self) -> Point {
        Point {
            next_frame: self.next_frame,
            epoch: self.epoch,
            vouched_upto: self.vouched_upto,
            last_with_entries: self.last_with_entries,
            segment: self.last.segment.header.number,
            at: FrameHeader::start_after(self.last.at),
        }
    }

    /// Writes and syncs all that is staged: one write and one sync, or one of each for each segment.
    pub(crate) fn commit(&mut self, failure: &Failure, settings: &LogSettings) -> Result<(), StorageFailed> {
        self.seal();
        if self.bytes() == 0 {
            return Ok(());
        }
        for write in self.full.iter().chain([&self.last]).filter(|write| !write.bytes.is_empty()) {
            let file = &write.segment.file;
            file.write_at(u64::from(write.at), &write.bytes)
                .map_err(|error| failure.set("writing the log", &error))?;
            if settings.has(PlantedBug::AcknowledgeBeforeSync) {
                continue;
            }
            let mut synced = file.sync();
            if settings.has(PlantedBug::RetrySync) && synced.is_err() {
                synced = file.sync();
            }
            synced.map_err(|error| failure.set("syncing the log", &error))?;
        }
        self.full.clear();
        self.last.at = self.last.end();
        self.last.bytes.clear();
        self.vouched_upto = self.durable_upto;
        self.durable_upto = self.next_frame - 1;
        Ok(())
    }

    /// The segment in which the log goes on.
    pub(crate) fn segment(&self) -> u32 {
        self.last.segment.header.number
    }

    /// The number of the segment that is going to be needed, once the one in use is half full.
    pub(crate) fn next_segment(&self) -> Option<u32> {
        let half_full = self.last.segment.header.bytes / 2 < u64::from(self.last.at);
        half_full.then(|| self.last.segment.header.number + 1)
    }

    fn roll(&mut self, segment: Arc<Segment>) {
        self.seal();
        let next = SegmentWrite { segment, at: FIRST_FRAME_AT, bytes: Vec::new() };
        let before = std::mem::replace(&mut self.last, next);
        if !before.bytes.is_empty() {
            self.full.push(before);
        }
    }

    fn begin(&mut self) {
        let end = self.last.end();
        let skipped = (FrameHeader::start_after(end) - end) as usize;
        let start = self.last.bytes.len() + skipped;
        self.frame = Some(OpenFrame { start, entries_count: 0 });
        self.last.bytes.resize(start + FrameHeader::BYTES, 0);
    }

    /// Fills in the header of the open frame.
    fn seal(&mut self) {
        let Some(frame) = self.frame.take() else {
            return;
        };
        let number = self.next_frame;
        let (header, entries) = self.last.bytes[frame.start..].split_at_mut(FrameHeader::BYTES);
        let sealed = FrameHeader {
            number,
            durable_upto: self.durable_upto,
            epoch: self.epoch,
            entries_bytes: u32::try_from(entries.len()).expect("a frame is inside a segment"),
            entries_count: frame.entries_count,
            entries_crc: crc32c::crc32c(entries),
        };
        header.copy_from_slice(&sealed.encode(self.mark));
        self.next_frame += 1;
        if 0 < frame.entries_count {
            self.last_with_entries = number;
        }
    }
}

impl SegmentWrite {
    /// Where the next byte goes.
    fn end(&self) -> u32 {
        self.at + u32::try_from(self.bytes.len()).expect("what is staged is inside a segment")
    }

    /// How much of the open frame is left.
    fn room(&self, room: Room) -> u64 {
        self.room_after(self.end(), room)
    }

    /// How much room a new frame has for entries.
    fn frame_room(&self, room: Room) -> u64 {
        self.room_after(FrameHeader::start_after(self.end()) + FrameHeader::BYTES_U32, room)
    }

    fn room_after(&self, at: u32, room: Room) -> u64 {
        let reserve = match room {
            Room::Open => reserve_bytes(self.segment.header.bytes),
            Room::Reserve => 0,
        };
        self.segment.header.bytes.saturating_sub(reserve + u64::from(at))
    }
}

/// Where the first frame of a segment begins.
pub(crate) const FIRST_FRAME_AT: u32 = 4096;
const _: () = assert!(FIRST_FRAME_AT as usize == SegmentHeader::BYTES);

/// What is kept of a segment for deletes and trims on a full storage: at the default size room for 30,000 commits of one.
fn reserve_bytes(segment_bytes: u64) -> u64 {
    segment_bytes / 16
}
