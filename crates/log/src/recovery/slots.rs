//! The segment files that are there, before a frame of them is read.

use crate::format::{FormatError, Manifest, Point, SegmentHeader};
use crate::manifest_file::ManifestFile;
use crate::open_error::DamageReason;
use crate::segments::{Segment, SegmentError};
use crate::staging::FIRST_FRAME_AT;
use crate::storage::{Storage, is_full};
use crate::{LogSettings, OpenError, Random};
use std::io;
use std::sync::Arc;

/// A segment file.
pub(super) struct Slot {
    pub(super) segment: Arc<Segment>,
    /// Whether its header is what was written. Where it isn't, the one in `segment` is made up from the manifest.
    pub(super) sound: bool,
}

/// Begins a new log, if nothing of an old one is there.
pub(super) fn begin(
    storage: &dyn Storage,
    names: &[String],
    random: &mut Random,
) -> Result<ManifestFile, OpenError> {
    if let Some(number) = names.iter().find_map(|name| Segment::number(name)) {
        // Version 1 had no manifest.
        return match Segment::open(storage, number) {
            Err(SegmentError::Format(FormatError::Older { version })) => {
                Err(OpenError::OlderFormat { version })
            }
            Err(SegmentError::Format(FormatError::Newer { version })) => {
                Err(OpenError::NewerFormat { version })
            }
            _ => Err(ManifestFile::damaged()),
        };
    }
    let suffixed = |suffix: &str| names.iter().any(|name| name.ends_with(suffix));
    if suffixed(".block") || suffixed(".snapshot") {
        return Err(ManifestFile::damaged());
    }
    // A mark of zero would be found in every unwritten byte.
    let (log_id, mark) = (random(), random().max(1));
    let replay = Point { next_frame: 1, segment: 1, at: FIRST_FRAME_AT, ..Point::default() };
    let first = Manifest { log_id, mark, replay, next_id: 1, ..Manifest::default() };
    Ok(ManifestFile::create(storage, first)?)
}

/// Opens all segments that are needed, without a gap, up to that of `replay` at least. The first of them is sound.
pub(super) fn open(
    storage: &dyn Storage,
    names: &[String],
    manifest: &Manifest,
    settings: &LogSettings,
) -> Result<Vec<Slot>, OpenError> {
    let first = manifest.first_segment();
    let mut numbers: Vec<u32> = names.iter().filter_map(|name| Segment::number(name)).collect();
    numbers.retain(|number| first <= *number);
    numbers.sort_unstable();
    let (log_id, mark) = (manifest.log_id, manifest.mark);
    let header = SegmentHeader { number: first, bytes: settings.segment_bytes, log_id, mark };
    if numbers.is_empty() && manifest.number == 1 {
        // The manifest of a new log is made before its first segment.
        return Ok(vec![Slot { segment: Arc::new(Segment::make(storage, header)?), sound: true }]);
    }
    let mut slots: Vec<Slot> = Vec::new();
    for expected in first..=numbers.last().copied().unwrap_or(first).max(manifest.replay.segment) {
        if numbers.binary_search(&expected).is_err() {
            return Err(damaged(expected, DamageReason::Missing));
        }
        let slot = open_one(storage, SegmentHeader { number: expected, ..header })?;
        // A crash leaves no segment cut: it has its name only with all of its space. What was in it can't be told.
        let whole =
            slots.first().is_some_and(|first| first.segment.header.bytes <= slot.segment.header.bytes);
        if !slot.sound && !whole {
            return Err(damaged(expected, DamageReason::Header));
        }
        slots.push(slot);
    }
    Ok(slots)
}

fn open_one(storage: &dyn Storage, expected: SegmentHeader) -> Result<Slot, OpenError> {
    match Segment::open(storage, expected.number) {
        Ok(segment) => {
            let header = segment.header;
            let sound = header.log_id == expected.log_id && header.mark == expected.mark;
            let header = SegmentHeader { mark: expected.mark, ..header };
            Ok(Slot { segment: Arc::new(Segment { header, ..segment }), sound })
        }
        Err(SegmentError::Format(FormatError::Damaged)) => {
            let file = storage.open(&Segment::name(expected.number))?;
            let header = SegmentHeader { bytes: file.bytes()?, ..expected };
            Ok(Slot { segment: Arc::new(Segment { header, file }), sound: false })
        }
        Err(SegmentError::Format(FormatError::Newer { version })) => Err(OpenError::NewerFormat { version }),
        Err(SegmentError::Format(FormatError::Older { version })) => Err(OpenError::OlderFormat { version }),
        Err(SegmentError::Storage(error)) => Err(OpenError::Storage(error)),
    }
}

fn damaged(segment: u32, reason: DamageReason) -> OpenError {
    OpenError::Damaged { file: Segment::name(segment), at: 0, frame: 0, reason }
}

impl Slot {
    /// The segment, to be used after the end of the log. One without a sound header is made anew; on a full storage that can
    /// wait.
    pub(super) fn into_spare(
        self,
        storage: &dyn Storage,
        header: SegmentHeader,
    ) -> io::Result<Option<Segment>> {
        let Segment { header: own, ref file } = *self.segment;
        // One of another size is made anew too: what is staged is checked against the size that the settings say.
        if self.sound && own.bytes == header.bytes {
            return Ok(Some(Segment { header: own, file: Arc::clone(file) }));
        }
        match Segment::make(storage, SegmentHeader { number: own.number, ..header }) {
            Ok(segment) => Ok(Some(segment)),
            Err(error) if is_full(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Damage in this segment.
    pub(super) fn damaged(&self, at: u32, frame: u64, reason: DamageReason) -> OpenError {
        let file = Segment::name(self.segment.header.number);
        OpenError::Damaged { file, at: u64::from(at), frame, reason }
    }
}
