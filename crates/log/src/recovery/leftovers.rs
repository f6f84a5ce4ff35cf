//! What a crash has left in the folder, and what can be used again.

use crate::block::Block;
use crate::filler::RESERVE_NAME;
use crate::format::{Manifest, SegmentHeader};
use crate::segments::{Segment, Spare};
use crate::snapshot::snapshot_name;
use crate::storage::Storage;
use std::io;

/// What can be used again.
#[derive(Default)]
pub(super) struct Leftovers {
    pub(super) spares: Vec<Spare>,
    pub(super) reserved: bool,
}

/// Removes what nothing names. Only after the log was found sound.
pub(super) fn tidy(
    storage: &dyn Storage,
    manifest: &Manifest,
    header: SegmentHeader,
) -> io::Result<Leftovers> {
    let mut found = Leftovers::default();
    for name in &storage.list()? {
        if let Some(bytes) = reusable(storage, name, header)? {
            if name == RESERVE_NAME {
                found.reserved = true;
            } else {
                found.spares.push(Spare { name: name.clone(), bytes, file: storage.open(name)? });
            }
        } else if is_left_over(name, manifest) {
            storage.remove(name)?;
        }
    }
    Ok(found)
}

/// The size of a spare segment or of the reserve, if it is the right one.
fn reusable(storage: &dyn Storage, name: &str, header: SegmentHeader) -> io::Result<Option<u64>> {
    if name != RESERVE_NAME && !name.ends_with(Spare::SUFFIX) {
        return Ok(None);
    }
    let bytes = storage.open(name)?.bytes()?;
    Ok(Some(bytes).filter(|bytes| *bytes == header.bytes))
}

/// Whether a file is one of the log's that no manifest names. Others are left alone.
fn is_left_over(name: &str, manifest: &Manifest) -> bool {
    let numbered = |suffix: &str| name.strip_suffix(suffix).and_then(|number| number.parse::<u32>().ok());
    if let Some(number) = Segment::number(name) {
        return number < manifest.first_segment();
    }
    if let Some(id) = numbered(".block") {
        return name == Block::name(id) && manifest.blocks.iter().all(|block| block.id != id);
    }
    if let Some(id) = numbered(".snapshot") {
        return name == snapshot_name(id) && manifest.snapshot != id;
    }
    // A segment that is being filled is replaced by its number, but that may never come again.
    name == RESERVE_NAME || [".making", ".spare", ".filling"].iter().any(|suffix| numbered(suffix).is_some())
}
