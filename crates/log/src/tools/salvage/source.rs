//! Reads what is left of a log: the manifests, the snapshot, all frames, all pages.

use super::super::{LookError, Meter};
use super::frames::{FoundFrame, Frames};
use super::lives::Lives;
use super::pages::PageFile;
use super::{Piece, Source, tolerant};
use crate::LogSettings;
use crate::block::Block;
use crate::directory::{Directory, Record};
use crate::format::{Chunk, Manifest, SnapshotHeader, decode_record};
use crate::manifest_file::read_slot;
use crate::segments::{Segment, Spare};
use crate::snapshot::snapshot_name;
use crate::storage::Storage;
use std::collections::HashMap;
use std::io;
use std::ops::Range;
use tidings_model::Incarnation;

/// What was found.
pub(super) struct Found {
    pub(super) lives: Lives,
    pub(super) frames: Frames,
    pub(super) blocks: Vec<PageFile>,
    pub(super) missing_frames: Vec<Range<u64>>,
    pub(super) has_snapshot: bool,
    pub(super) cut_segments: Vec<String>,
}

/// What is left of the snapshot.
#[derive(Default)]
struct FoundSnapshot {
    /// Its number; 0 for none.
    id: u32,
    records: Vec<Record>,
    /// Whether these are all streams that there were.
    is_whole: bool,
    /// The first frame that is not in it, if that is known.
    next_frame: Option<u64>,
}

/// Reads everything once.
pub(super) fn read(
    storage: &dyn Storage,
    names: &[String],
    settings: &LogSettings,
    meter: &mut Meter<'_>,
) -> Result<Found, LookError> {
    let slots = [read_slot(storage, names, 0)?, read_slot(storage, names, 1)?];
    let manifest = slots.into_iter().filter_map(|(_, it)| it).max_by_key(|manifest| manifest.number);
    let (mut frames, cut_segments) = find_frames(storage, names, manifest.as_ref(), meter)?;
    let snapshot = find_snapshot(storage, names, manifest.as_ref())?;

    let mut lives = Lives::default();
    let counted = frames.counted();
    // Without a snapshot, the log begins with frame 1; if that is gone, nobody knows what came before the others.
    let first = snapshot.next_frame.or(manifest.as_ref().map(|manifest| manifest.replay.next_frame));
    let replay = first.unwrap_or(1);
    let begins_with_1 = replay == 1;
    let (before, after): (Vec<_>, Vec<_>) = counted.into_iter().partition(|frame| frame.number < replay);
    for entry in before.iter().flat_map(|frame| frames.entries(frame)) {
        lives.apply(&entry, false, settings);
    }
    lives.set(snapshot.records, snapshot.is_whole);
    let missing_frames = missing(&after, replay, frames.durable_upto);
    let first_missing = missing_frames.first().map_or(u64::MAX, |range| range.start);
    for frame in &after {
        let begin_known = frame.number < first_missing;
        for entry in frames.entries(frame) {
            lives.apply(&entry, begin_known, settings);
        }
    }

    // A stream that only a block knows was deleted, if everything after the snapshot is there.
    let knows_all = snapshot.is_whole && missing_frames.is_empty();
    let old_segments = match &manifest {
        Some(manifest) if snapshot.is_whole && snapshot.id == manifest.snapshot => manifest.replay.segment,
        _ => 0,
    };
    let blocks = find_blocks(storage, names)?;
    for (index, block) in blocks.iter().enumerate() {
        let last_segment = manifest.as_ref().and_then(|manifest| {
            manifest.blocks.iter().find(|meta| meta.id == block.id).map(|meta| meta.last_segment)
        });
        let is_old = last_segment.is_some_and(|last| last < old_segments);
        let bytes = block.search(|page, parts| {
            for (part_index, part) in parts.iter().enumerate() {
                let source = Source::Part { block: index, page, part: part_index };
                let piece = Piece { first_index: part.first_index, end_index: part.end_index(), source };
                add(&mut lives, part.stream.incarnation, piece, knows_all || is_old);
            }
        });
        meter.add(bytes?);
    }
    let has_snapshot = snapshot.is_whole || begins_with_1;
    Ok(Found { lives, frames, blocks, missing_frames, has_snapshot, cut_segments })
}

/// The numbers of frames that were synced and are not among those that were found.
fn missing(found: &[FoundFrame], first: u64, durable_upto: u64) -> Vec<Range<u64>> {
    let mut missing = Vec::new();
    let mut next = first;
    for number in found.iter().map(|frame| frame.number).chain([durable_upto + 1]) {
        if next < number {
            missing.push(next..number);
        }
        next = next.max(number + 1);
    }
    missing
}

fn add(lives: &mut Lives, incarnation: Incarnation, piece: Piece, knows_all: bool) {
    if knows_all {
        if let Some(life) = lives.of.get_mut(&incarnation) {
            life.add(piece);
        }
    } else {
        lives.of.entry(incarnation).or_default().add(piece);
    }
}

/// Searches segments and those that were. The mark is what the manifest says, or most headers do. Also the names of
/// segments that are shorter than they were made, or have neither a header nor a frame: no crash leaves one.
fn find_frames(
    storage: &dyn Storage,
    names: &[String],
    manifest: Option<&Manifest>,
    meter: &mut Meter<'_>,
) -> io::Result<(Frames, Vec<String>)> {
    let is_one = |name: &&String| Segment::number(name).is_some() || name.ends_with(Spare::SUFFIX);
    let mut files = Vec::new();
    let mut marks: HashMap<u64, usize> = HashMap::new();
    for name in names.iter().filter(is_one) {
        let file = Frames::open(storage, name)?;
        if let Some(header) = file.header {
            *marks.entry(header.mark).or_default() += 1;
        }
        files.push((name, file));
    }
    let most = marks.into_iter().max_by_key(|(_, count)| *count).map(|(mark, _)| mark);
    let mark = manifest.map(|manifest| manifest.mark).or(most).unwrap_or_default();
    let (mut frames, mut cut) = (Frames::default(), Vec::new());
    for (name, file) in files {
        let is_segment = Segment::number(name).is_some();
        let header = file.header;
        let (bytes, found) = frames.search(file, mark)?;
        let is_cut = match header.filter(|header| header.mark == mark) {
            Some(header) => bytes < header.bytes,
            None => !found,
        };
        if is_segment && is_cut {
            cut.push(name.clone());
        }
        meter.add(bytes);
    }
    Ok((frames, cut))
}

/// The last snapshot that is there as a whole. It may be later than the manifest: that may be the one before the last.
fn find_snapshot(
    storage: &dyn Storage,
    names: &[String],
    manifest: Option<&Manifest>,
) -> io::Result<FoundSnapshot> {
    let numbered = |name: &String| {
        let id = name.strip_suffix(".snapshot")?.parse::<u32>().ok()?;
        (snapshot_name(id) == *name).then_some(id)
    };
    let mut ids: Vec<u32> = names.iter().filter_map(numbered).collect();
    ids.sort_unstable();
    let mut found = Vec::new();
    for id in ids.into_iter().rev() {
        let bytes = tolerant::read_all(&*storage.open(&snapshot_name(id))?)?;
        found.push(read_snapshot(&bytes, id));
    }
    let whole = found.iter().position(|snapshot| snapshot.is_whole);
    if !found.is_empty() {
        return Ok(found.swap_remove(whole.unwrap_or(0)));
    }
    let none_yet = manifest.filter(|manifest| manifest.snapshot == 0);
    let next_frame = none_yet.map(|manifest| manifest.replay.next_frame);
    Ok(FoundSnapshot { is_whole: none_yet.is_some(), next_frame, ..FoundSnapshot::default() })
}

fn read_snapshot(bytes: &[u8], id: u32) -> FoundSnapshot {
    let header = bytes.first_chunk().and_then(|header| SnapshotHeader::decode(header).ok());
    let header = header.filter(|header| header.id == id);
    let next_frame = header.map(|it| it.next_frame);
    let mut found = FoundSnapshot { id, next_frame, ..FoundSnapshot::default() };
    let mut directory = Directory::default();
    let (mut at, mut number, mut chunks_count) = (SnapshotHeader::BYTES, 0, 0);
    while let Some(head) = bytes.get(at..).and_then(<[u8]>::first_chunk::<{ Chunk::HEADER_BYTES }>) {
        let start = at + Chunk::HEADER_BYTES;
        let end = start.saturating_add(Chunk::body_bytes(head));
        let Some(body) = bytes.get(start..end) else { break };
        // One that is damaged is passed over, if its length leads to the next.
        if let Some(chunk) = Chunk::decode(head, body, number)
            && let Some(records) = records(&chunk, &mut directory)
        {
            found.records.extend(records);
            chunks_count += 1;
        }
        (at, number) = (end, number + 1);
    }
    found.is_whole = header.is_some_and(|header| {
        (header.chunks_count, header.streams_count) == (chunks_count, found.records.len() as u64)
    });
    found
}

fn records(chunk: &Chunk, directory: &mut Directory) -> Option<Vec<Record>> {
    let mut rest = chunk.bytes.as_slice();
    let records = (0..chunk.streams_count).map(|_| decode_record(&mut rest, directory)).collect();
    if rest.is_empty() { records } else { None }
}

/// All blocks that are there. One that no manifest names is left over, and what it says was true.
fn find_blocks(storage: &dyn Storage, names: &[String]) -> io::Result<Vec<PageFile>> {
    let mut blocks = Vec::new();
    for name in names {
        let id = name.strip_suffix(".block").and_then(|number| number.parse::<u32>().ok());
        if let Some(id) = id.filter(|id| Block::name(*id) == *name) {
            blocks.push(PageFile { id, file: storage.open(name)? });
        }
    }
    Ok(blocks)
}
