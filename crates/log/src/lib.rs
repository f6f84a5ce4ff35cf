//! The durable log: one write-ahead log of all streams, its recovery, and the seam to what keeps its bytes.
//!
//! Knows streams as names, configs, and messages of bytes, with what makes a repeated publish known. Does not know
//! HTTP, tasks, followers, or what a message means. `docs/format.md` describes the bytes.

mod change;
mod decision;
mod failure;
mod filler;
mod format;
mod group;
mod index;
mod keys;
mod locks;
mod log;
mod open_error;
mod operation;
mod outcome;
mod pending;
mod producers;
mod recovery;
mod segments;
mod settings;
mod staging;
mod storage;
mod stored;
mod streams;

pub use change::{Change, StreamView};
pub use failure::StorageFailed;
pub use filler::{FillError, SegmentFiller};
pub use log::{Log, Random};
pub use open_error::{DamageReason, OpenError};
pub use operation::{Identity, Operation, Producer, Publish};
pub use outcome::{Outcome, ProducerSeq, Refusal};
#[doc(hidden)]
pub use settings::PlantedBug;
pub use settings::{Incarnations, LogSettings, TEXT_BYTES_MAX};
pub use storage::{DirectoryStorage, Fault, MemoryStorage, SimulatedStorage, Storage, StorageFile};
pub use stored::{BatchSize, ReadError, ReadLimit, StoredStream};
