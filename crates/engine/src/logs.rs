//! The two logs, the one of the disk and the one in memory, and which of them has a stream.

use crate::catalogs::Catalogs;
use crate::settings::EngineSettings;
use std::sync::Arc;
use tidings_log::{
    Change, Incarnations, Log, LogSettings, MemoryStorage, OpenError, Operation, Outcome, Random, Refusal,
    SegmentFiller, StagedStream, StorageFailed, Upkeep,
};
use tidings_model::{Durability, Incarnation, StreamName, Timestamp};

/// Both logs. A name belongs to one of them at a time.
pub(crate) struct Logs {
    disk: OneLog,
    memory: OneLog,
}

struct OneLog {
    log: Log,
    filler: SegmentFiller,
    /// The segment in which the last commit ended.
    segment: u32,
}

/// What threads of their own do for a log.
pub(crate) struct Helpers {
    pub(crate) durability: Durability,
    pub(crate) filler: SegmentFiller,
    pub(crate) upkeep: Upkeep,
}

/// What came of a commit of both logs.
pub(crate) struct Committed {
    /// What one of them has stored is told even if the other fails.
    pub(crate) changes: Vec<Change>,
    /// Logs that want another file.
    pub(crate) wanting: Vec<Durability>,
    /// Logs in which something is to be tidied.
    pub(crate) untidy: Vec<Durability>,
    pub(crate) failed: Option<StorageFailed>,
}

/// Beside what `memory` streams take: their log has two manifests like any other.
const MANIFESTS_BYTES: u64 = 2 * (256 << 10);
/// Blocks in memory are merged until there are about so many: what was deleted gives its room back from small ones only.
const MEMORY_BLOCKS: u64 = 1_024;
/// What a segment holds beside its messages: the header, heads of frames and entries, the reserve for deletes.
const SEGMENT_OVERHEAD_BYTES: u64 = 64 << 10;

impl Logs {
    /// Recovers what the storage holds. `limits` has what the settings of an engine don't say.
    pub(crate) fn open(
        settings: &EngineSettings,
        limits: &LogSettings,
        boot: u32,
        mut random: impl FnMut() -> Random,
    ) -> Result<Logs, OpenError> {
        let limits = LogSettings {
            segment_bytes: settings.segment_bytes,
            streams_max: settings.streams_max,
            producers_max: settings.producers_max,
            incarnations: Incarnations::Disk,
            ..limits.clone()
        };
        let in_memory = LogSettings {
            segment_bytes: memory_segment_bytes(settings),
            incarnations: Incarnations::Memory { boot },
            // A segment is kept until a snapshot has what it says; here that costs little, and room is short.
            snapshot_segments: 1,
            merge_bytes_max: memory_segment_bytes(settings).max(settings.memory_bytes / MEMORY_BLOCKS),
            ..limits.clone()
        };
        let memory = Arc::new(MemoryStorage::new(settings.memory_bytes.saturating_add(MANIFESTS_BYTES)));
        Ok(Logs {
            disk: OneLog::new(Log::open(Arc::clone(&settings.storage), limits, random())?),
            memory: OneLog::new(Log::open(memory, in_memory, random())?),
        })
    }

    pub(crate) fn catalogs(&self) -> Catalogs {
        Catalogs { disk: self.disk.log.catalog(), memory: self.memory.log.catalog() }
    }

    /// Who makes the next files ready, and who tidies up. To be called once.
    pub(crate) fn helpers(&mut self) -> [Helpers; 2] {
        [(Durability::Disk, &mut self.disk), (Durability::Memory, &mut self.memory)].map(
            |(durability, one)| {
                let upkeep = one.log.take_upkeep().expect("nobody has taken it before");
                Helpers { durability, filler: one.filler.clone(), upkeep }
            },
        )
    }

    /// Which log has the stream of that name, by what is staged.
    pub(crate) fn durability_of(&self, name: &StreamName) -> Option<Durability> {
        if self.memory.log.contains(name.as_str()) {
            Some(Durability::Memory)
        } else {
            self.disk.log.contains(name.as_str()).then_some(Durability::Disk)
        }
    }

    /// The stream of that incarnation, as what is staged leaves it.
    pub(crate) fn staged(&self, durability: Durability, incarnation: Incarnation) -> Option<StagedStream> {
        match durability {
            Durability::Disk => self.disk.log.staged(incarnation),
            Durability::Memory => self.memory.log.staged(incarnation),
        }
    }

    /// Says what is going to be staged; see [`Log::look_ahead`].
    pub(crate) fn look_ahead(&self, names: &[StreamName]) {
        let (_disk, _memory) = (self.disk.log.look_ahead(names), self.memory.log.look_ahead(names));
    }

    /// Stages an operation; see [`Log::stage`].
    pub(crate) fn stage(
        &mut self,
        durability: Durability,
        operation: Operation,
        now: Timestamp,
    ) -> Result<Outcome, Refusal> {
        match durability {
            Durability::Disk => self.disk.log.stage(operation, now),
            Durability::Memory => self.memory.log.stage(operation, now),
        }
    }

    pub(crate) fn staged_bytes(&self) -> usize {
        self.disk.log.staged_bytes() + self.memory.log.staged_bytes()
    }

    /// Makes sure that the next commit writes to the disk; see [`Log::stage_probe`].
    pub(crate) fn stage_probe(&mut self, now: Timestamp) -> Result<(), Refusal> {
        self.disk.log.stage_probe(now)
    }

    /// Whether the next commit writes to the disk.
    pub(crate) fn writes_to_disk(&self) -> bool {
        0 < self.disk.log.staged_bytes()
    }

    /// Commits both.
    pub(crate) fn commit(&mut self) -> Committed {
        let (changes, wanting, untidy) = (Vec::new(), Vec::new(), Vec::new());
        let mut committed = Committed { changes, wanting, untidy, failed: None };
        self.disk.commit(Durability::Disk, &mut committed);
        self.memory.commit(Durability::Memory, &mut committed);
        committed
    }

    /// Writes down that the last commit is synced; see [`Log::settle`].
    pub(crate) fn settle(&mut self) -> Result<(), StorageFailed> {
        self.disk.log.settle()
    }
}

impl OneLog {
    fn new(log: Log) -> OneLog {
        OneLog { filler: log.filler(), segment: log.committed_segment(), log }
    }

    fn commit(&mut self, durability: Durability, committed: &mut Committed) {
        let changes = match self.log.commit() {
            Ok(changes) => changes,
            Err(error) => {
                committed.failed = Some(error);
                return;
            }
        };
        let frees = |change: &Change| matches!(change, Change::Trimmed { .. } | Change::Deleted { .. });
        let segment = std::mem::replace(&mut self.segment, self.log.committed_segment());
        if segment != self.segment || self.log.has_begun_copy() || changes.iter().any(frees) {
            committed.untidy.push(durability);
        }
        if self.filler.wanted() {
            committed.wanting.push(durability);
        }
        committed.changes.extend(changes);
    }
}

/// Room comes back by the segment, so there are some of them even where there is little room.
fn memory_segment_bytes(settings: &EngineSettings) -> u64 {
    const SEGMENTS: u64 = 16;
    /// One is written to, two are ready, one is the reserve; the others are what is stored.
    const SEGMENTS_MIN: u64 = 8;
    let two_messages = settings.message_bytes_max.saturating_mul(2).saturating_add(SEGMENT_OVERHEAD_BYTES);
    let bytes = (settings.memory_bytes / SEGMENTS).max(two_messages).min(settings.segment_bytes);
    bytes.min(settings.memory_bytes / SEGMENTS_MIN).max(LogSettings::SEGMENT_BYTES_MIN)
}
