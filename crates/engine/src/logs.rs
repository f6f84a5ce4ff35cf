//! The two logs, the one of the disk and the one in memory, and which of them has a stream.

use crate::settings::EngineSettings;
use std::sync::Arc;
use tidings_log::{
    Change, Incarnations, Log, LogSettings, MemoryStorage, OpenError, Operation, Outcome, Random, Refusal,
    SegmentFiller, StorageFailed, StreamView,
};
use tidings_model::{Durability, StreamName, Timestamp};

/// Both logs. A name belongs to one of them at a time.
pub(crate) struct Logs {
    disk: Log,
    memory: Log,
}

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
        let in_memory = LogSettings { incarnations: Incarnations::Memory { boot }, ..limits.clone() };
        let memory = Arc::new(MemoryStorage::new(settings.memory_bytes));
        Ok(Logs {
            disk: Log::open(Arc::clone(&settings.storage), limits, random())?,
            memory: Log::open(memory, in_memory, random())?,
        })
    }

    /// Who makes the next files ready.
    pub(crate) fn fillers(&self) -> [(Durability, SegmentFiller); 2] {
        [(Durability::Disk, self.disk.filler()), (Durability::Memory, self.memory.filler())]
    }

    /// Which log has the stream of that name, by what is staged.
    pub(crate) fn durability_of(&self, name: &StreamName) -> Option<Durability> {
        if self.memory.contains(name.as_str()) {
            Some(Durability::Memory)
        } else {
            self.disk.contains(name.as_str()).then_some(Durability::Disk)
        }
    }

    /// Stages an operation; see [`Log::stage`].
    pub(crate) fn stage(
        &mut self,
        durability: Durability,
        operation: Operation,
        now: Timestamp,
    ) -> Result<Outcome, Refusal> {
        match durability {
            Durability::Disk => self.disk.stage(operation, now),
            Durability::Memory => self.memory.stage(operation, now),
        }
    }

    pub(crate) fn staged_bytes(&self) -> usize {
        self.disk.staged_bytes() + self.memory.staged_bytes()
    }

    /// Commits both. What one of them has stored is told even if the other fails.
    pub(crate) fn commit(&mut self) -> (Vec<(Durability, Change)>, Result<(), StorageFailed>) {
        let mut changes = Vec::new();
        let mut failed = Ok(());
        for (durability, log) in [(Durability::Disk, &mut self.disk), (Durability::Memory, &mut self.memory)]
        {
            match log.commit() {
                Ok(of_log) => changes.extend(of_log.into_iter().map(|change| (durability, change))),
                Err(error) => failed = Err(error),
            }
        }
        (changes, failed)
    }

    /// Writes down that the last commit is synced; see [`Log::settle`].
    pub(crate) fn settle(&mut self) -> Result<(), StorageFailed> {
        self.disk.settle()
    }

    /// Whether a stream that a commit made is still there at the end of it.
    pub(crate) fn has(&self, durability: Durability, view: &StreamView) -> bool {
        let log = match durability {
            Durability::Disk => &self.disk,
            Durability::Memory => &self.memory,
        };
        log.find(view.name.as_str()).is_some_and(|found| found.incarnation == view.incarnation)
    }

    /// All streams as they are committed, by name: a start does the same each time.
    pub(crate) fn streams(&self) -> Vec<(Durability, StreamView)> {
        let disk = self.disk.streams().map(|view| (Durability::Disk, view));
        let memory = self.memory.streams().map(|view| (Durability::Memory, view));
        let mut streams: Vec<_> = disk.chain(memory).collect();
        streams.sort_by(|(_, a), (_, b)| a.name.cmp(&b.name));
        streams
    }
}
