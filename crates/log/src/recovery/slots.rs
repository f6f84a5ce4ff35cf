//! The segment files that are there, before a frame of them is read.

use crate::format::{FormatError, SegmentHeader};
use crate::open_error::DamageReason;
use crate::segments::{Segment, SegmentError};
use crate::storage::{Storage, is_full};
use crate::{LogSettings, OpenError, Random};
use std::io;
use std::sync::Arc;

/// A segment file.
pub(super) struct Slot {
    pub(super) segment: Arc<Segment>,
    /// Whether its header is what was written. Where it isn't, the one in `segment` is made up from the first.
    pub(super) sound: bool,
}

/// Opens all segments, or makes the first one. They are numbered from 1 without a gap; the first one is sound, and
/// all sound ones belong to the same log.
pub(super) fn open(
    storage: &dyn Storage,
    settings: &LogSettings,
    random: &mut Random,
) -> Result<Vec<Slot>, OpenError> {
    let mut numbers: Vec<u32> = storage.list()?.iter().filter_map(|name| Segment::number(name)).collect();
    numbers.sort_unstable();
    if numbers.is_empty() {
        // A mark of zero would be found in every unwritten byte.
        let (log_id, mark) = (random(), random().max(1));
        let header = SegmentHeader { number: 1, bytes: settings.segment_bytes, log_id, mark };
        return Ok(vec![Slot { segment: Arc::new(Segment::make(storage, header)?), sound: true }]);
    }
    let mut slots: Vec<Slot> = Vec::new();
    for (number, expected) in numbers.into_iter().zip(1..) {
        if number != expected {
            return Err(damaged(expected, DamageReason::Missing));
        }
        let first = slots.first().map(|slot| slot.segment.header);
        slots.push(open_one(storage, number, first)?);
    }
    Ok(slots)
}

fn open_one(storage: &dyn Storage, number: u32, first: Option<SegmentHeader>) -> Result<Slot, OpenError> {
    match (Segment::open(storage, number), first) {
        (Ok(segment), None) => Ok(Slot { segment: Arc::new(segment), sound: true }),
        (Ok(segment), Some(first)) => {
            let header = segment.header;
            let sound = header.log_id == first.log_id && header.mark == first.mark;
            let segment =
                Arc::new(Segment { header: SegmentHeader { mark: first.mark, ..header }, ..segment });
            Ok(Slot { segment, sound })
        }
        (Err(SegmentError::Format(FormatError::Damaged)), Some(first)) => {
            let file = storage.open(&Segment::name(number))?;
            let header = SegmentHeader { number, bytes: file.bytes()?, ..first };
            Ok(Slot { segment: Arc::new(Segment { header, file }), sound: false })
        }
        (Err(SegmentError::Format(FormatError::Damaged)), None) => Err(damaged(number, DamageReason::Header)),
        (Err(SegmentError::Format(FormatError::Newer { version })), _) => {
            Err(OpenError::NewerFormat { version })
        }
        (Err(SegmentError::Storage(error)), _) => Err(OpenError::Storage(error)),
    }
}

fn damaged(segment: u32, reason: DamageReason) -> OpenError {
    OpenError::Damaged { segment, at: 0, frame: 0, reason }
}

impl Slot {
    /// The segment, to be used after the end of the log. One without a sound header is made anew; on a full
    /// storage that can wait.
    pub(super) fn into_spare(
        self,
        storage: &dyn Storage,
        header: SegmentHeader,
    ) -> io::Result<Option<Segment>> {
        let Segment { header: own, ref file } = *self.segment;
        if self.sound {
            return Ok(Some(Segment { header: own, file: Arc::clone(file) }));
        }
        match Segment::make(storage, SegmentHeader { number: own.number, ..header }) {
            Ok(segment) => Ok(Some(segment)),
            Err(error) if is_full(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
