//! Reads everything that belongs to a log, and says where it is not what was written. Changes nothing.
//!
//! Files are read each by itself first; then what they say is put together as recovery does, and each stream must have
//! all of its messages, once.

mod blocks;
mod coverage;

use super::{Damage, LookError, Meter, Progress, is_log};
use crate::format::{FormatError, Manifest};
use crate::manifest_file::{ManifestFile, read_slot};
use crate::recovery;
use crate::segments::{Segment, SegmentError};
use crate::snapshot::{SnapshotReader, snapshot_name};
use crate::storage::{ReadOnly, Storage};
use crate::{LogSettings, OpenError, Random};
use coverage::Coverage;
use std::io;
use std::sync::Arc;

/// What was read, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// How many streams there are.
    pub streams: u64,
    /// How many messages they keep.
    pub messages: u64,
    /// The bytes of those messages.
    pub message_bytes: u64,
    /// How many blocks were read.
    pub blocks: u64,
    /// How many pages of blocks were read.
    pub pages: u64,
    /// How many segments were read.
    pub segments: u64,
    /// How many frames were read behind the snapshot.
    pub frames: u64,
    /// Where the log is damaged. None: it is sound.
    pub damage: Vec<Damage>,
    /// What is not as usual, but no damage.
    pub remarks: Vec<Damage>,
}

/// Reads a whole log. An error only where there is nothing to judge; damage is a result.
pub fn verify(storage: Arc<dyn Storage>, progress: &mut dyn FnMut(Progress)) -> Result<Verified, LookError> {
    let storage = ReadOnly::new(storage);
    let names = storage.list()?;
    if !is_log(&names) {
        return Err(LookError::NoLog);
    }
    let mut verified = Verified::default();
    let Some(manifest) = manifest(&storage, &names, &mut verified)? else { return Ok(verified) };
    let needed = needed_segments(&names, &manifest);
    let segment_bytes = bytes_of(&storage, &needed)?;
    let block_bytes = manifest.blocks.iter().map(|block| block.bytes).sum::<u64>();
    let mut meter = Meter::new(manifest.snapshot_bytes + segment_bytes + block_bytes, progress);
    verified.segments = needed.len() as u64;

    verify_segment_headers(&storage, &needed, &mut verified.damage)?;
    verify_snapshot(&storage, &manifest, &mut verified.damage, &mut meter)?;
    let mut coverage = replay(&storage, &manifest, &mut verified)?;
    meter.add(segment_bytes);
    for meta in &manifest.blocks {
        let on_run = &mut |run| coverage.as_mut().map_or(Ok(()), |coverage| coverage.on_run(run, meta));
        verified.pages += blocks::verify_block(
            &storage,
            (*meta, manifest.log_id),
            on_run,
            &mut verified.damage,
            &mut meter,
        )?;
    }
    verified.blocks = manifest.blocks.len() as u64;
    if let Some(coverage) = coverage {
        let totals = coverage.finish(manifest.sealed, &mut verified.damage);
        (verified.streams, verified.messages, verified.message_bytes) = totals;
    }
    Ok(verified)
}

/// The manifest that counts.
fn manifest(
    storage: &dyn Storage,
    names: &[String],
    verified: &mut Verified,
) -> Result<Option<Manifest>, LookError> {
    let mut found: Vec<Manifest> = Vec::new();
    let mut odd = Vec::new();
    for (slot, name) in ManifestFile::NAMES.into_iter().enumerate() {
        match read_slot(storage, names, slot)? {
            (Some(_), Some(manifest)) => found.push(manifest),
            (None, Some(manifest)) => {
                odd.push(Damage::new(name, 0, "the file has not the size that it was made with"));
                found.push(manifest);
            }
            (None, None) => {
                odd.push(Damage::new(name, 0, "the file is missing, or not as long as it was made"));
            }
            (Some(file), None) => {
                let what = "it is not whole. A crash while it was written leaves this, and so does damage. The other one counts, \
                            and the next one is written over this";
                // The second slot of a new log was never written.
                if !is_zero(&*file)? {
                    odd.push(Damage::new(name, 0, what));
                }
            }
        }
    }
    let last = found.into_iter().max_by_key(|manifest| manifest.number);
    if last.is_none() {
        let what = "neither manifest is what was written: nothing says which files belong to the log";
        verified.damage.push(Damage::new(ManifestFile::NAMES[0], 0, what));
    } else {
        verified.remarks.append(&mut odd);
    }
    Ok(last)
}

fn is_zero(file: &dyn crate::StorageFile) -> io::Result<bool> {
    let mut bytes = vec![0; usize::try_from(file.bytes()?.min(Manifest::SLOT_BYTES)).unwrap_or_default()];
    file.read_at(0, &mut bytes)?;
    Ok(bytes.iter().all(|byte| *byte == 0))
}

/// The names of the segments that recovery reads.
fn needed_segments(names: &[String], manifest: &Manifest) -> Vec<String> {
    let first = manifest.first_segment();
    let needed = |name: &&String| Segment::number(name).is_some_and(|number| first <= number);
    names.iter().filter(needed).cloned().collect()
}

fn bytes_of(storage: &dyn Storage, names: &[String]) -> io::Result<u64> {
    names.iter().map(|name| storage.open(name)?.bytes()).sum()
}

/// Each segment has its header and all of its space before it gets its name. The server takes one that has not for
/// unused, if it finds no frame in it: whatever was cut off it is not missed.
fn verify_segment_headers(
    storage: &dyn Storage,
    names: &[String],
    damage: &mut Vec<Damage>,
) -> Result<(), LookError> {
    for number in names.iter().filter_map(|name| Segment::number(name)) {
        match Segment::open(storage, number) {
            Ok(_) => {}
            Err(SegmentError::Format(FormatError::Damaged)) => damage.push(Damage::new(
                Segment::name(number),
                0,
                "its header is not what was written, or the file is cut; what was behind that is lost",
            )),
            Err(SegmentError::Format(FormatError::Newer { version })) => {
                return Err(OpenError::NewerFormat { version }.into());
            }
            Err(SegmentError::Format(FormatError::Older { version })) => {
                return Err(OpenError::OlderFormat { version }.into());
            }
            Err(SegmentError::Storage(error)) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Reads every chunk of the snapshot. What the streams in it say is looked at when they are loaded.
fn verify_snapshot(
    storage: &dyn Storage,
    manifest: &Manifest,
    damage: &mut Vec<Damage>,
    meter: &mut Meter<'_>,
) -> Result<(), LookError> {
    if manifest.snapshot == 0 {
        return Ok(());
    }
    let read = SnapshotReader::open(storage, manifest).and_then(|mut reader| {
        let mut at = 0;
        while reader.next_chunk()?.is_some() {
            meter.add(reader.at() - at);
            at = reader.at();
        }
        Ok(())
    });
    on_damage(read, damage)
}

/// Opens the log as the server would. What it holds then is what blocks and segments must have; `None` where it is damaged.
fn replay(
    storage: &dyn Storage,
    manifest: &Manifest,
    verified: &mut Verified,
) -> Result<Option<Coverage>, LookError> {
    let settings = LogSettings::default();
    let mut random: Random = Box::new(|| 1);
    match recovery::recover(storage, &settings, &mut random) {
        Ok(recovered) => {
            verified.frames = recovered.end.last_frame + 1 - manifest.replay.next_frame;
            return Ok(Some(Coverage::new(recovered.contents)));
        }
        Err(OpenError::Damaged { file, at, frame, reason }) => {
            // Blocks and the snapshot are looked at by themselves; then the frames were not read yet.
            let is_told = verified.damage.iter().any(|it| it.file == file && it.at == at);
            if Segment::number(&file).is_some() && !is_told {
                let what = match frame {
                    0 => format!("{reason}; nothing behind it in the log was read"),
                    _ => format!(
                        "frame {frame} is expected here: {reason}; nothing behind it in the log was read"
                    ),
                };
                verified.damage.push(Damage::new(file, at, what));
                return Ok(None);
            }
            if file == snapshot_name(manifest.snapshot) && verified.damage.is_empty() {
                verified.damage.push(Damage::new(
                    file,
                    at,
                    "its checksums are right, but no snapshot says this",
                ));
            }
        }
        Err(error) => return Err(error.into()),
    }
    let frames = recovery::check_frames(storage, manifest, &settings).map(|frames| verified.frames = frames);
    on_damage(frames, &mut verified.damage)?;
    Ok(None)
}

/// Damage is a result, other errors end the tool.
fn on_damage(read: Result<(), OpenError>, damage: &mut Vec<Damage>) -> Result<(), LookError> {
    match read {
        Ok(()) => Ok(()),
        Err(OpenError::Damaged { file, at, reason, .. }) => {
            damage.push(Damage::new(file, at, format!("{reason}; nothing behind it in this file was read")));
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}
