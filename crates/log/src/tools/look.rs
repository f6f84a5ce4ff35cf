//! What a log has, in numbers: of one that no server has, all; of one that a server has, what its last manifest says.

use super::{LookError, is_log};
use crate::block::Block;
use crate::contents::{Contents, Files};
use crate::format::Manifest;
use crate::manifest_file::{ManifestFile, read_slot};
use crate::recovery::block_error;
use crate::segments::Segment;
use crate::storage::{ReadOnly, Storage};
use crate::{LogSettings, LogStats, OpenError, Random, recovery, snapshot};
use std::sync::Arc;
use tidings_model::Timestamp;

/// What a log has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogLook {
    /// The numbers.
    pub stats: LogStats,
    /// The blocks, by age.
    pub blocks: Vec<BlockLook>,
    /// When the oldest message was stored that any stream keeps, as far as that is known without reading messages.
    pub oldest: Option<Timestamp>,
}

/// One block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockLook {
    /// Its number.
    pub id: u32,
    /// The first segment whose messages it has.
    pub first_segment: u32,
    /// The last one.
    pub last_segment: u32,
    /// The size of the file.
    pub bytes: u64,
    /// How many streams had messages in it when it was written.
    pub streams: u64,
    /// How many messages it has.
    pub messages: u64,
    /// Bytes of those messages, and 8 for each.
    pub weight: u64,
    /// Of that, what is known to be trimmed or deleted.
    pub dead_weight: u64,
}

/// How often another manifest may count while the files of the last one are looked at.
const TRIES: usize = 100;

/// Looks at a log that nobody else has. Reads what opening it reads, and changes nothing.
pub fn look_at_stopped(storage: Arc<dyn Storage>) -> Result<LogLook, LookError> {
    let storage = ReadOnly::new(storage);
    if !is_log(&storage.list()?) {
        return Err(LookError::NoLog);
    }
    let mut random: Random = Box::new(|| 1);
    let recovered = recovery::recover(&storage, &LogSettings::default(), &mut random)?;
    Ok(look(recovered.manifest.current(), &recovered.contents))
}

/// Looks at a log while a server has it: as of its last manifest and snapshot, without what was published since.
pub fn look_at_running(storage: &dyn Storage) -> Result<LogLook, LookError> {
    let mut tries = 0;
    loop {
        let manifest = current_manifest(storage)?;
        match as_of(storage, &manifest) {
            // What it names is gone when another one counts meanwhile.
            Err(LookError::Open(OpenError::Damaged { .. }))
                if tries < TRIES && current_manifest(storage)?.number != manifest.number =>
            {
                tries += 1;
            }
            looked => return looked,
        }
    }
}

/// The manifest that counts. While a server writes one, the other is whole.
pub(super) fn current_manifest(storage: &dyn Storage) -> Result<Manifest, LookError> {
    let names = storage.list()?;
    if !is_log(&names) {
        return Err(LookError::NoLog);
    }
    let slots = [read_slot(storage, &names, 0)?, read_slot(storage, &names, 1)?];
    let manifests = slots.into_iter().filter_map(|(_, manifest)| manifest);
    let last = manifests.max_by_key(|manifest| manifest.number);
    last.ok_or_else(|| ManifestFile::damaged().into())
}

fn as_of(storage: &dyn Storage, manifest: &Manifest) -> Result<LogLook, LookError> {
    let open = |meta| Block::open(storage, meta, manifest.log_id).map(Arc::new).map_err(block_error);
    let blocks = manifest.blocks.iter().copied().map(open).collect::<Result<Vec<_>, _>>()?;
    let directory = snapshot::load(storage, manifest)?;
    let contents = Contents::new(directory, Files::new(Vec::new(), blocks, manifest.sealed));
    let numbers = storage.list()?.iter().filter_map(|name| Segment::number(name)).max();
    contents.set_committed_segment(numbers.unwrap_or(manifest.replay.segment));
    Ok(look(manifest, &contents))
}

fn look(manifest: &Manifest, contents: &Contents) -> LogLook {
    let blocks = contents.files().blocks.iter().map(|block| block_look(block)).collect();
    let times = contents.directory().visible().map(|(_, record)| record.oldest.0).filter(|it| *it != 0).min();
    LogLook { stats: LogStats::of(manifest, contents), blocks, oldest: times.map(Timestamp) }
}

fn block_look(block: &Block) -> BlockLook {
    let (meta, footer) = (block.meta, block.footer);
    BlockLook {
        id: meta.id,
        first_segment: meta.first_segment,
        last_segment: meta.last_segment,
        bytes: meta.bytes,
        streams: footer.streams_count,
        messages: footer.messages_count,
        weight: meta.weight,
        dead_weight: meta.dead_weight,
    }
}
