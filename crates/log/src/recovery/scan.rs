//! Reads frames in order, and knows which of them only the page cache may hold.

use crate::LogSettings;
use crate::format::{ALIGN, FrameHeader, Point};
use crate::segments::Segment;
use crate::settings::PlantedBug;
use crate::staging::FIRST_FRAME_AT;
use bytes::Bytes;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

/// Where a scan is in the numbers of frames.
pub(crate) struct Scan<'a> {
    settings: &'a LogSettings,
    mark: u64,
    window: Window,
    /// The number that the next frame must have.
    pub(crate) next_frame: u64,
    /// The epoch of the last frame: the next one's is not less.
    pub(crate) epoch: u64,
    /// The last frame that a later one says is synced.
    pub(crate) vouched_upto: u64,
    /// The last frame with entries.
    pub(crate) last_with_entries: u64,
    /// The frames after `vouched_upto`.
    unvouched: VecDeque<Place>,
    /// The entries of the frame that was read last.
    entries: Bytes,
}

/// Where a frame is.
struct Place {
    segment: Arc<Segment>,
    number: u64,
    at: u32,
    /// What was read there, and checked.
    header: [u8; FrameHeader::BYTES],
    entries: Bytes,
}

impl<'a> Scan<'a> {
    /// Goes on from a point.
    pub(crate) fn new(mark: u64, from: Point, settings: &'a LogSettings) -> Scan<'a> {
        Scan {
            settings,
            mark,
            window: Window::default(),
            next_frame: from.next_frame,
            epoch: from.epoch,
            vouched_upto: from.vouched_upto,
            last_with_entries: from.last_with_entries,
            unvouched: VecDeque::new(),
            entries: Bytes::new(),
        }
    }

    /// Begins with the first frame of a segment, whichever that is; `None` if there is none.
    pub(crate) fn of_segment(segment: &Segment, settings: &'a LogSettings) -> io::Result<Option<Scan<'a>>> {
        let mut header = [0; FrameHeader::BYTES];
        if segment.header.bytes < u64::from(FIRST_FRAME_AT) + header.len() as u64 {
            return Ok(None);
        }
        segment.file.read_at(u64::from(FIRST_FRAME_AT), &mut header)?;
        let mark = segment.header.mark;
        let first = FrameHeader::decode(&header, mark);
        Ok(first.map(|first| {
            let from = Point { next_frame: first.number, epoch: first.epoch, ..Point::default() };
            Scan::new(mark, from, settings)
        }))
    }

    /// The next frame with its entries, if it is at this place and whole.
    pub(crate) fn frame_at(
        &mut self,
        segment: &Arc<Segment>,
        at: u32,
    ) -> io::Result<Option<(FrameHeader, Bytes)>> {
        let Some(bytes) = self.window.read(segment, at, FrameHeader::BYTES)? else {
            return Ok(None);
        };
        let header = bytes.first_chunk().and_then(|bytes| FrameHeader::decode(bytes, self.mark));
        let Some(header) = header.filter(|header| self.is_next(header)) else {
            return Ok(None);
        };
        let entries_bytes = header.entries_bytes as usize;
        let Some(entries) = self.window.read(segment, at + FrameHeader::BYTES_U32, entries_bytes)? else {
            return Ok(None);
        };
        let sound =
            crc32c::crc32c(&entries) == header.entries_crc || self.settings.has(PlantedBug::NoChecksum);
        self.entries = entries.clone();
        Ok(sound.then_some((header, entries)))
    }

    /// Goes on behind a frame. Returns where the next one begins.
    pub(crate) fn accept(&mut self, segment: &Arc<Segment>, at: u32, header: &FrameHeader) -> u32 {
        self.next_frame += 1;
        self.epoch = header.epoch;
        self.vouched_upto = header.durable_upto;
        if header.entries_count != 0 {
            self.last_with_entries = header.number;
        }
        while self.unvouched.front().is_some_and(|place| place.number <= header.durable_upto) {
            self.unvouched.pop_front();
        }
        self.unvouched.push_back(Place {
            segment: Arc::clone(segment),
            number: header.number,
            at,
            header: header.encode(self.mark),
            entries: std::mem::take(&mut self.entries),
        });
        FrameHeader::start_after(at + FrameHeader::BYTES_U32 + header.entries_bytes)
    }

    /// Writes the frames that nobody vouches for once more, and syncs them.
    ///
    /// They may be in the page cache only. A sync alone does not help: after one that failed, the kernel takes the
    /// pages for clean, and the next sync succeeds without writing them. They are those of one commit at most.
    pub(crate) fn rewrite_unvouched(&self) -> io::Result<()> {
        for (index, place) in self.unvouched.iter().enumerate() {
            let file = &place.segment.file;
            // Not what is there now: the page that was read may have gone since, and the disk have something else.
            if !self.settings.has(PlantedBug::NoRewriteAfterRecovery) {
                file.write_at(u64::from(place.at), &[&place.header, &*place.entries].concat())?;
            }
            let next = self.unvouched.get(index + 1);
            if next.is_none_or(|next| !Arc::ptr_eq(&next.segment, &place.segment)) {
                file.sync()?;
            }
        }
        Ok(())
    }

    fn is_next(&self, header: &FrameHeader) -> bool {
        let epoch = self.epoch <= header.epoch || self.settings.has(PlantedBug::StaleEpoch);
        header.number == self.next_frame
            && epoch
            && header.durable_upto < header.number
            && (header.entries_bytes as usize).is_multiple_of(ALIGN)
    }
}

/// A part of a segment that is in memory, so that small frames don't cost a call each.
#[derive(Default)]
struct Window {
    segment: u32,
    start: u32,
    bytes: Bytes,
}

impl Window {
    /// How much is read at once, if the segment has as much.
    const BYTES: usize = 1 << 20;

    /// Bytes of a segment, if it has them.
    fn read(&mut self, segment: &Segment, at: u32, count: usize) -> io::Result<Option<Bytes>> {
        let left = segment.end().saturating_sub(at) as usize;
        if left < count {
            return Ok(None);
        }
        if let Some(found) = self.find(segment, at, count) {
            return Ok(Some(found));
        }
        let mut bytes = vec![0; Window::BYTES.max(count).min(left)];
        segment.file.read_at(u64::from(at), &mut bytes)?;
        *self = Window { segment: segment.header.number, start: at, bytes: bytes.into() };
        Ok(Some(self.bytes.slice(..count)))
    }

    fn find(&self, segment: &Segment, at: u32, count: usize) -> Option<Bytes> {
        let skipped = at.checked_sub(self.start)? as usize;
        let end = skipped.checked_add(count)?;
        let inside = self.segment == segment.header.number && end <= self.bytes.len();
        inside.then(|| self.bytes.slice(skipped..end))
    }
}
