//! The durable log: one write-ahead log of all streams, its recovery, and the seam to what keeps its bytes.
//!
//! Knows streams as names, configs, and messages of bytes, with what makes a repeated publish known. Does not know
//! HTTP, tasks, followers, or what a message means. `docs/format.md` describes the bytes.

mod block;
mod catalog;
mod change;
mod contents;
mod decision;
mod directory;
mod failure;
mod filler;
mod format;
mod group;
mod handover;
mod index;
mod keys;
mod locks;
mod log;
mod manifest_file;
mod open_error;
mod operation;
mod outcome;
mod pending;
mod producers;
mod recovery;
mod remembered;
mod segments;
mod settings;
mod snapshot;
mod staging;
mod stats;
mod storage;
mod stored;
mod streams;
mod tools;
mod upkeep;

pub use catalog::{Catalog, LogSize};
pub use change::{Change, StagedStream, StreamView};
pub use failure::StorageFailed;
pub use filler::{FillError, SegmentFiller};
#[doc(hidden)]
pub use format::fuzz_page;
pub use log::{Log, Random};
pub use open_error::{DamageReason, OpenError};
pub use operation::{Identity, Operation, Producer, Publish, Trim};
pub use outcome::{Outcome, ProducerSeq, Refusal, RestoreError};
pub use remembered::{Remembered, RememberedKey, RememberedProducer, Restore};
#[doc(hidden)]
pub use settings::PlantedBug;
pub use settings::{Incarnations, LogSettings, TEXT_BYTES_MAX};
pub use stats::LogStats;
pub use storage::{DirectoryStorage, Fault, MemoryStorage, SimulatedStorage, Storage, StorageFile};
pub use stored::{BatchSize, ReadError, ReadLimit, StoredStream};
pub use tools::{
    BackedUp, BackupError, BlockLook, Damage, Dropped, IncompleteStream, KeepDropped, LogLook, LookError,
    Progress, SalvageError, Salvaged, Verified, backup, look_at_running, look_at_stopped, salvage, verify,
};
pub use upkeep::{Backlog, Upkeep, UpkeepError, Worked};
