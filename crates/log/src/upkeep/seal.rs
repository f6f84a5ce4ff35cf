//! Turns a full segment into a block.
//!
//! In a few passes, each over a part of all incarnations, so that memory holds a part of the segment and not all of it.

use super::{Obsolete, Pace, Trouble, Upkeep};
use crate::block::{BlockWriter, Paced};
use crate::directory::LOOK_AHEAD;
use crate::format::{EntryHeader, PartStream, aligned};
use crate::recovery::Scan;
use crate::segments::Segment;
use crate::staging::FIRST_FRAME_AT;
use crate::{Incarnations, LogSettings, PlantedBug};
use std::io;
use std::sync::Arc;
use tidings_model::Incarnation;

/// How many passes there are, and where the bits stand that tell them apart: incarnations are random below the highest bit.
const PASSES: u64 = 4;
const PASS_SHIFT: u32 = 61;

/// A part of all incarnations.
#[derive(Clone, Copy)]
struct Pass {
    number: u64,
    count: u64,
}

impl Pass {
    fn has(self, incarnation: Incarnation) -> bool {
        self.count == 1 || incarnation.to_bits() >> PASS_SHIFT & (PASSES - 1) == self.number
    }
}

/// The entries with messages of one pass, in the order of the log.
#[derive(Default)]
struct Entries {
    bytes: Vec<u8>,
    places: Vec<Place>,
}

/// An entry, where it is among those bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    incarnation: Incarnation,
    at: u32,
}

impl Upkeep {
    /// Writes the messages of the oldest segment that live as a block, sorted by stream.
    pub(super) fn seal(&mut self, segment: &Arc<Segment>, pace: &mut Pace<'_>) -> Result<(), Trouble> {
        let number = segment.header.number;
        let following = self.contents.files().segment(number + 1).cloned();
        let id = self.take_id();
        let mut writer = self.writer(id, (number, number))?;
        // Those of `memory` streams are the same in these bits for a whole process.
        let passes = if self.settings.incarnations == Incarnations::Disk { PASSES } else { 1 };
        let mut entries = Entries::for_pass(segment.header.bytes / passes);
        for number in 0..passes {
            let pass = Pass { number, count: passes };
            entries
                .read(segment, following.as_ref(), pass, &self.settings)?
                .ok_or_else(|| damaged(segment))?;
            self.seal_entries(&entries, &mut writer, pace)?.ok_or_else(|| damaged(segment))?;
        }
        drop(entries);
        let mut next = self.next_manifest();
        next.sealed = number;
        if writer.is_empty() {
            drop(writer);
            self.storage.remove(&crate::block::making_name(id))?;
        } else {
            let message_bytes = writer.message_bytes();
            let block = writer.finish()?;
            next.written.add_sealed(&block, message_bytes);
            next.blocks.push(block);
        }
        let early = self.settings.has(PlantedBug::RetireBeforeSnapshot);
        let retired = if early { number + 1 } else { next.replay.segment };
        self.install(next, &Obsolete::default())?;
        self.retire(retired)
    }

    /// Writes the entries of one pass; `None` where they are not what entries are.
    fn seal_entries(
        &self,
        entries: &Entries,
        writer: &mut BlockWriter,
        pace: &mut Pace<'_>,
    ) -> io::Result<Option<()>> {
        let forgets = self.settings.has(PlantedBug::SealForgetsPrevious);
        let mut runs = entries.places.chunk_by(|a, b| a.incarnation == b.incarnation).peekable();
        while runs.peek().is_some() {
            let some: Vec<&[Place]> = runs.by_ref().take(LOOK_AHEAD).collect();
            let earliest_indexes = self.earliest_indexes(&some);
            for (run, earliest_index) in some.into_iter().zip(earliest_indexes) {
                if let Some(earliest_index) = earliest_index
                    && entries.seal_run(run, earliest_index, writer, forgets)?.is_none()
                {
                    return Ok(None);
                }
                pace.wrote(writer.take_written());
            }
        }
        Ok(Some(()))
    }

    /// Where streams begin; `None` for those that are gone. Many at once: the records of a million streams are far apart.
    fn earliest_indexes(&self, runs: &[&[Place]]) -> Vec<Option<u64>> {
        let incarnations: Vec<Incarnation> =
            runs.iter().filter_map(|run| run.first()).map(|first| first.incarnation).collect();
        let found = self.contents.directory().earliest_indexes(&incarnations);
        found.into_iter().map(|earliest| earliest.map(|earliest| self.planted(earliest))).collect()
    }

    /// Where a stream begins; `None` if it is gone.
    pub(super) fn earliest_index(&self, incarnation: Incarnation) -> Option<u64> {
        let directory = self.contents.directory();
        let id = directory.of(incarnation)?;
        Some(self.planted(directory.record(id).earliest_index))
    }

    fn planted(&self, earliest_index: u64) -> u64 {
        earliest_index + u64::from(self.settings.has(PlantedBug::DropOneTooMany))
    }
}

impl Entries {
    /// Room for one pass where streams are many; growing by doubling would take twice of that.
    fn for_pass(pass_bytes: u64) -> Entries {
        let bytes = usize::try_from(pass_bytes / 8 * 9).unwrap_or_default();
        Entries { bytes: Vec::with_capacity(bytes), places: Vec::new() }
    }

    /// Reads all frames of a segment, and keeps the entries of one pass, sorted. The frames were synced, so the last one must
    /// come before the first one of the following segment; `None` where one of them is not what was written.
    fn read(
        &mut self,
        segment: &Arc<Segment>,
        following: Option<&Arc<Segment>>,
        pass: Pass,
        settings: &LogSettings,
    ) -> io::Result<Option<()>> {
        self.bytes.clear();
        self.places.clear();
        let mut at = FIRST_FRAME_AT;
        let Some(mut scan) = Scan::of_segment(segment, settings)? else { return Ok(None) };
        while let Some((header, entries)) = scan.frame_at(segment, at)? {
            if self.take(&entries, header.entries_count, pass).is_none() {
                return Ok(None);
            }
            at = scan.accept(segment, at, &header);
        }
        self.places.sort_unstable();
        if settings.has(PlantedBug::SealUnfinished) {
            return Ok(Some(()));
        }
        let Some(following) = following else { return Ok(None) };
        let goes_on =
            Scan::of_segment(following, settings)?.is_some_and(|it| it.next_frame == scan.next_frame);
        Ok(goes_on.then_some(()))
    }

    /// Takes from the entries of one frame those of a pass.
    fn take(&mut self, mut entries: &[u8], count: u32, pass: Pass) -> Option<()> {
        for _ in 0..count {
            let header = EntryHeader::decode(entries.first_chunk()?)?;
            let (entry, rest) = entries.split_at_checked(aligned(usize::try_from(header.bytes).ok()?))?;
            if header.is_append() && pass.has(header.incarnation) {
                let at = u32::try_from(self.bytes.len()).ok()?;
                self.places.push(Place { incarnation: header.incarnation, at });
                self.bytes.extend_from_slice(entry);
            }
            entries = rest;
        }
        entries.is_empty().then_some(())
    }

    /// Writes the entries of one stream; `None` where they are not what entries are.
    fn seal_run(
        &self,
        run: &[Place],
        earliest_index: u64,
        writer: &mut BlockWriter,
        forgets: bool,
    ) -> io::Result<Option<()>> {
        let Some((first, _)) = run.first().and_then(|first| self.entry_at(first.at)) else { return Ok(None) };
        let previous_segment = first.previous.filter(|_| !forgets).map_or(0, |previous| previous.segment);
        let stream = PartStream { incarnation: first.incarnation, previous_segment };
        for place in run {
            let Some((header, body)) = self.entry_at(place.at) else { return Ok(None) };
            if header.end_index() <= earliest_index {
                continue;
            }
            let Some(messages) = header.message_slices(body) else { return Ok(None) };
            writer.push(stream, header.first_index, header.time, messages)?;
        }
        Ok(Some(()))
    }

    fn entry_at(&self, at: u32) -> Option<(EntryHeader, &[u8])> {
        let bytes = self.bytes.get(at as usize..)?;
        let header = EntryHeader::decode(bytes.first_chunk()?)?;
        let body = bytes.get(EntryHeader::BYTES..)?.get(..header.body_bytes()?)?;
        Some((header, body))
    }
}

fn damaged(segment: &Segment) -> Trouble {
    Trouble::Damaged(format!("{} is not what was written", Segment::name(segment.header.number)))
}
