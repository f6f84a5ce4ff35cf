//! Finds the end of a log, and all that it says up to there.
//!
//! Frames are read in order. The first one that is not whole is the end of its segment, if the next segment goes on
//! with the same number; or the torn end of the log, if nothing shows that it was ever synced; or damage, if a later
//! frame says that it was. A torn end is cut: what lies behind it is never read again, because frames written later
//! have a greater epoch, and an epoch never falls.

mod evidence;
mod replay;
mod scan;
mod slots;

use crate::format::{FrameHeader, Location, SegmentHeader};
use crate::open_error::DamageReason;
use crate::segments::{Segment, Segments};
use crate::settings::PlantedBug;
use crate::staging::{End, FIRST_FRAME_AT};
use crate::storage::Storage;
use crate::streams::Streams;
use crate::{LogSettings, OpenError, Random};
use evidence::Evidence;
use replay::Replay;
use scan::Scan;
use slots::Slot;
use std::collections::VecDeque;
use std::sync::Arc;

/// A log as it was found.
pub(crate) struct Recovered {
    pub(crate) streams: Streams,
    pub(crate) segments: Segments,
    pub(crate) end: End,
    /// What the headers of all segments have in common.
    pub(crate) header: SegmentHeader,
    /// Segments after the end, ready to be used.
    pub(crate) spares: VecDeque<Segment>,
}

/// Reads a log, or makes a new one in an empty storage.
pub(crate) fn recover(
    storage: &dyn Storage,
    settings: &LogSettings,
    random: &mut Random,
) -> Result<Recovered, OpenError> {
    let slots = slots::open(storage, settings, random)?;
    let header = SegmentHeader { bytes: settings.segment_bytes, ..slots[0].segment.header };
    let mut replay = Replay::new(settings);
    let mut scan = Scan::new(header.mark, settings);
    let (last, at) = read_frames(&slots, &mut scan, &mut replay)?;
    let evidence = check_end(&slots[last..], at, &scan, settings)?;

    // Only now is anything written: a log that is refused stays as it is.
    if !settings.has(PlantedBug::NoSyncAfterRecovery) {
        scan.rewrite_unvouched()?;
        storage.sync_directory()?;
    }
    let cut_epoch = if settings.has(PlantedBug::EpochTwice) { 0 } else { evidence.epoch_max };
    let end = End {
        segment: Arc::clone(&slots[last].segment),
        at,
        epoch: scan.epoch.max(cut_epoch).saturating_add(1),
        last_frame: scan.next_frame - 1,
        last_with_entries: scan.last_with_entries,
        vouched_upto: scan.vouched_upto,
    };
    let segments = Segments::default();
    let mut spares = VecDeque::new();
    for (index, slot) in slots.into_iter().enumerate() {
        if index <= last {
            segments.push(slot.segment);
        } else if let Some(spare) = slot.into_spare(storage, header)? {
            spares.push_back(spare);
        } else {
            break;
        }
    }
    Ok(Recovered { streams: replay.into_streams(), segments, end, header, spares })
}

/// Reads frames until one is not whole. Returns in which slot that is, and where.
fn read_frames(
    slots: &[Slot],
    scan: &mut Scan<'_>,
    replay: &mut Replay<'_>,
) -> Result<(usize, u32), OpenError> {
    let mut end = (0, FIRST_FRAME_AT);
    for (index, slot) in slots.iter().enumerate().take_while(|(_, slot)| slot.sound) {
        let segment = &slot.segment;
        let mut at = FIRST_FRAME_AT;
        while let Some((header, entries)) = scan.frame_at(segment, at)? {
            let first = Location { segment: segment.header.number, at: at + FrameHeader::BYTES_U32 };
            if replay.frame(&entries, header.entries_count, first).is_err() {
                return Err(damaged(slot, at, scan, DamageReason::Contradiction));
            }
            at = scan.accept(segment, at, &header);
            end = (index, at);
        }
        // Nothing of the expected number here: the segment before was the last one.
        if at == FIRST_FRAME_AT {
            break;
        }
    }
    Ok(end)
}

/// Decides whether the end in the first of these slots is one that a crash can have left.
fn check_end(
    slots: &[Slot],
    at: u32,
    scan: &Scan<'_>,
    settings: &LogSettings,
) -> Result<Evidence, OpenError> {
    let mut evidence = Evidence::default();
    for (index, slot) in slots.iter().enumerate() {
        let from = if index == 0 { at } else { FIRST_FRAME_AT };
        let found = Evidence::search(&slot.segment, from, slot.segment.header.mark)?;
        if !slot.sound && 0 < found.frames_count {
            return Err(damaged(slot, 0, scan, DamageReason::Header));
        }
        evidence = evidence.and(found);
    }
    if scan.next_frame <= evidence.durable_upto && !settings.has(PlantedBug::CutDamage) {
        return Err(damaged(&slots[0], at, scan, DamageReason::Synced));
    }
    Ok(evidence)
}

fn damaged(slot: &Slot, at: u32, scan: &Scan<'_>, reason: DamageReason) -> OpenError {
    let (segment, frame) = (slot.segment.header.number, scan.next_frame);
    OpenError::Damaged { segment, at: u64::from(at), frame, reason }
}
