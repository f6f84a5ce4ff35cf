//! What an engine is started with.

use crate::clock::Clock;
use std::fmt;
use std::sync::Arc;
use tidings_log::Storage;
use tidings_model::{Behind, Durability, Retention, StreamName};

/// What names mean, by the settings. Asked with each publish, so it must be quick.
pub trait Policy: Send + Sync {
    /// What a stream of that name keeps where its creation did not say.
    fn retention(&self, name: &StreamName) -> Retention;
    /// What an acknowledgement means where its creation did not say.
    fn durability(&self, name: &StreamName) -> Durability;
    /// What its live followers get that stay behind.
    fn behind(&self, _name: &StreamName) -> Behind {
        Behind::CatchUp
    }
}

/// What an engine is started with.
pub struct EngineSettings {
    /// Where the log is.
    pub storage: Arc<dyn Storage>,
    /// The size of a file of the log, in bytes.
    pub segment_bytes: u64,
    /// What all `memory` streams may take together, in bytes.
    pub memory_bytes: u64,
    /// The largest message, in bytes: a file of the log has room for two of them.
    pub message_bytes_max: u64,
    /// How many streams there may be.
    pub streams_max: usize,
    /// How many producers a stream may know.
    pub producers_max: usize,
    /// Memory for what was committed last, in bytes.
    pub tail_cache_bytes: usize,
    /// How many operations may wait for the commit thread.
    pub pending_operations_max: usize,
    /// How many reads may wait for the disk.
    pub pending_fetches_max: usize,
    /// What names mean.
    pub policy: Arc<dyn Policy>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Called once, by the owner of the log, when a write or an fsync has failed: nothing is stored after that.
    pub on_failed: Box<dyn Fn(&str) + Send + Sync>,
}

/// Bounds of what an engine holds in memory for streams, beside the tail cache. They cost no correctness: what is not in
/// memory is read again.
#[derive(Clone, Copy, Debug)]
pub struct EngineBounds {
    /// How many live streams are kept that nobody uses, roughly.
    pub idle_streams_max: usize,
    /// How many batches of one stream are known by size and time, for its retention.
    pub ledger_batches_max: usize,
    /// And how many of all streams together, roughly.
    pub ledgers_batches_max: usize,
}

impl Default for EngineBounds {
    /// At most some 5 MB for idle streams, and 3 MB for batches.
    fn default() -> EngineBounds {
        EngineBounds { idle_streams_max: 10_000, ledger_batches_max: 256, ledgers_batches_max: 64 << 10 }
    }
}

impl fmt::Debug for EngineSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineSettings")
            .field("segment_bytes", &self.segment_bytes)
            .field("memory_bytes", &self.memory_bytes)
            .finish_non_exhaustive()
    }
}
