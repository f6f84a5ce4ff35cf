//! Finds the end of a log, and all that it says up to there.
//!
//! The manifest names the snapshot and the blocks; then frames are read in order. The first one that is not whole is the
//! end of its segment, if the next segment goes on with the same number; or the torn end of the log, if nothing shows that
//! it was ever synced; or damage, if a later frame says that it was. A torn end is cut: what lies behind it is never read
//! again, because frames written later have a greater epoch, and an epoch never falls.

mod evidence;
mod leftovers;
mod replay;
mod scan;
mod slots;

pub(crate) use scan::Scan;

use crate::block::{Block, BlockError};
use crate::contents::{Contents, Files};
use crate::format::{FormatError, FrameHeader, Location, Manifest, Point, SegmentHeader};
use crate::manifest_file::ManifestFile;
use crate::open_error::DamageReason;
use crate::segments::{Segment, Spare};
use crate::settings::PlantedBug;
use crate::staging::{End, FIRST_FRAME_AT};
use crate::storage::Storage;
use crate::streams::{Contradiction, Streams};
use crate::{LogSettings, OpenError, Random, snapshot};
use bytes::Bytes;
use evidence::Evidence;
use replay::Replay;
use slots::Slot;
use std::collections::VecDeque;
use std::sync::Arc;

/// A log as it was found.
pub(crate) struct Recovered {
    pub(crate) contents: Arc<Contents>,
    pub(crate) streams: Streams,
    pub(crate) end: End,
    /// What the headers of all segments have in common.
    pub(crate) header: SegmentHeader,
    pub(crate) manifest: ManifestFile,
    /// Segments that are sealed, and kept until a snapshot has what they say.
    pub(crate) retired: Vec<Arc<Segment>>,
    /// Segments after the end, ready to be used.
    pub(crate) ready: VecDeque<Segment>,
    /// Old segments, to be used again.
    pub(crate) spares: Vec<Spare>,
    /// Whether the reserve is there.
    pub(crate) reserved: bool,
}

/// Reads a log, or makes a new one in an empty storage.
pub(crate) fn recover(
    storage: &dyn Storage,
    settings: &LogSettings,
    random: &mut Random,
) -> Result<Recovered, OpenError> {
    let names = storage.list()?;
    let mut manifest = match ManifestFile::load(storage, &names, settings)? {
        Some(manifest) => manifest,
        None => slots::begin(storage, &names, random)?,
    };
    let current = manifest.current().clone();
    let slots = slots::open(storage, &names, &current, settings)?;
    let header = SegmentHeader { bytes: settings.segment_bytes, ..slots[0].segment.header };
    let directory = snapshot::load(storage, &current)?;
    let blocks = open_blocks(storage, &current)?;
    let contents = Arc::new(Contents::new(directory, Files::new(Vec::new(), blocks, current.sealed)));

    let mut replay = Replay::new(settings, Arc::clone(&contents));
    let mut scan = Scan::new(current.mark, current.replay, settings);
    let known = slots_before_replay(&current);
    read_known(&slots[..=known], &current, settings, &mut |entries, count, first| {
        replay.index_frame(entries, count, first)
    })?;
    let (last, at) = read_frames(&slots[known..], current.replay.at, &mut scan, &mut replay)?;
    let last = known + last;
    let evidence = check_end(&slots[last..], at, &scan, settings)?;

    // Only now is anything written: a log that is refused stays as it is.
    if !settings.has(PlantedBug::NoSyncAfterRecovery) {
        scan.rewrite_unvouched()?;
        if !settings.has(PlantedBug::NoManifestRewrite) {
            manifest.rewrite()?;
        }
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
    let (retired, ready) = sort_segments(storage, slots, last, header, &contents)?;
    let streams = replay.into_streams();
    contents.directory_mut().begin_order();
    contents.set_committed_segment(end.segment.header.number);
    let leftovers = leftovers::tidy(storage, manifest.current(), header)?;
    let (spares, reserved) = (leftovers.spares, leftovers.reserved);
    Ok(Recovered { contents, streams, end, header, manifest, retired, ready, spares, reserved })
}

/// Reads all needed frames without what they say, for a log whose streams or blocks are damaged. Returns how many there are.
pub(crate) fn check_frames(
    storage: &dyn Storage,
    manifest: &Manifest,
    settings: &LogSettings,
) -> Result<u64, OpenError> {
    let slots = slots::open(storage, &storage.list()?, manifest, settings)?;
    let known = slots_before_replay(manifest);
    read_known(&slots[..=known], manifest, settings, &mut |_, _, _| Ok(()))?;
    let slots = &slots[known..];
    let mut scan = Scan::new(manifest.mark, manifest.replay, settings);
    let mut end = (0, manifest.replay.at);
    for (index, slot) in slots.iter().enumerate().take_while(|(_, slot)| slot.sound) {
        let start = if index == 0 { manifest.replay.at } else { FIRST_FRAME_AT };
        let mut at = start;
        while let Some((header, _)) = scan.frame_at(&slot.segment, at)? {
            at = scan.accept(&slot.segment, at, &header);
        }
        if index != 0 && at == start {
            break;
        }
        end = (index, at);
    }
    check_end(&slots[end.0..], end.1, &scan, settings)?;
    Ok(scan.next_frame - manifest.replay.next_frame)
}

/// Opens the blocks that the manifest names.
fn open_blocks(storage: &dyn Storage, manifest: &Manifest) -> Result<Vec<Arc<Block>>, OpenError> {
    let open = |meta| match Block::open(storage, meta, manifest.log_id) {
        Ok(block) => Ok(Arc::new(block)),
        Err(error) => Err(block_error(error)),
    };
    manifest.blocks.iter().copied().map(open).collect()
}

/// Why a log with such a block can't be opened.
pub(crate) fn block_error(error: BlockError) -> OpenError {
    match error {
        BlockError::Storage(error) => OpenError::Storage(error),
        BlockError::Damaged { id, at } => {
            OpenError::Damaged { file: Block::name(id), at, frame: 0, reason: DamageReason::Content }
        }
        BlockError::Version(FormatError::Newer { version }) => OpenError::NewerFormat { version },
        BlockError::Version(FormatError::Older { version }) => OpenError::OlderFormat { version },
        BlockError::Version(FormatError::Damaged) => ManifestFile::damaged(),
    }
}

/// How many needed segments lie before that of `replay`.
fn slots_before_replay(manifest: &Manifest) -> usize {
    (manifest.replay.segment - manifest.first_segment()) as usize
}

/// Reads what comes before `replay` and is not sealed, from slots up to that of `replay`: it changes nothing, but readers
/// must find it. All of it was synced.
fn read_known(
    slots: &[Slot],
    manifest: &Manifest,
    settings: &LogSettings,
    take: &mut dyn FnMut(&Bytes, u32, Location) -> Result<(), Contradiction>,
) -> Result<(), OpenError> {
    let Point { next_frame, segment: last, at: end, .. } = manifest.replay;
    let (first, begins_there) = (&slots[0], slots.len() == 1 && end == FIRST_FRAME_AT);
    if last <= manifest.sealed || begins_there {
        return Ok(());
    }
    let Some(mut scan) = Scan::of_segment(&first.segment, settings)? else {
        return Err(first.damaged(FIRST_FRAME_AT, next_frame, DamageReason::Synced));
    };
    // Behind the last frame that is there.
    let (mut stop, mut at) = ((first, FIRST_FRAME_AT), FIRST_FRAME_AT);
    for slot in slots {
        let segment = &slot.segment;
        let upto = if segment.header.number == last { end } else { segment.end() };
        at = FIRST_FRAME_AT;
        while at < upto
            && let Some((header, entries)) = scan.frame_at(segment, at)?
        {
            let place = Location { segment: segment.header.number, at: at + FrameHeader::BYTES_U32 };
            if take(&entries, header.entries_count, place).is_err() {
                return Err(slot.damaged(at, scan.next_frame, DamageReason::Contradiction));
            }
            at = scan.accept(segment, at, &header);
            stop = (slot, at);
        }
    }
    let damaged = |reason| Err(stop.0.damaged(stop.1, scan.next_frame, reason));
    match scan.next_frame {
        missing if missing < next_frame => damaged(DamageReason::Synced),
        found if found == next_frame && at == end => Ok(()),
        _ => damaged(DamageReason::Contradiction),
    }
}

/// Reads frames until one is not whole. Returns in which slot that is, and where.
fn read_frames(
    slots: &[Slot],
    from: u32,
    scan: &mut Scan<'_>,
    replay: &mut Replay<'_>,
) -> Result<(usize, u32), OpenError> {
    let mut end = (0, from);
    for (index, slot) in slots.iter().enumerate().take_while(|(_, slot)| slot.sound) {
        let segment = &slot.segment;
        let start = if index == 0 { from } else { FIRST_FRAME_AT };
        let mut at = start;
        while let Some((header, entries)) = scan.frame_at(segment, at)? {
            let first = Location { segment: segment.header.number, at: at + FrameHeader::BYTES_U32 };
            if replay.frame(&entries, header.entries_count, first).is_err() {
                return Err(slot.damaged(at, scan.next_frame, DamageReason::Contradiction));
            }
            at = scan.accept(segment, at, &header);
        }
        // Nothing of the expected number here: the segment before was the last one.
        if index != 0 && at == start {
            break;
        }
        end = (index, at);
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
            return Err(slot.damaged(0, scan.next_frame, DamageReason::Header));
        }
        evidence = evidence.and(found);
    }
    if scan.next_frame <= evidence.durable_upto && !settings.has(PlantedBug::CutDamage) {
        return Err(slots[0].damaged(at, scan.next_frame, DamageReason::Synced));
    }
    Ok(evidence)
}

/// Puts each segment where it is used: by readers, until the next snapshot, or after the end.
fn sort_segments(
    storage: &dyn Storage,
    slots: Vec<Slot>,
    last: usize,
    header: SegmentHeader,
    contents: &Contents,
) -> Result<(Vec<Arc<Segment>>, VecDeque<Segment>), OpenError> {
    let sealed = contents.files().sealed;
    let (mut retired, mut ready) = (Vec::new(), VecDeque::new());
    for (index, slot) in slots.into_iter().enumerate() {
        if last < index {
            match slot.into_spare(storage, header)? {
                Some(spare) => ready.push_back(spare),
                None => break,
            }
        } else if slot.segment.header.number <= sealed {
            retired.push(slot.segment);
        } else {
            contents.push_segment(slot.segment);
        }
    }
    Ok((retired, ready))
}
