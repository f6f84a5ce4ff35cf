//! Live streams over the log: one order of commits, acknowledgements that wait, readers, wake-ups, the tail cache.
//!
//! Owns the commit thread, the threads that read the disk and tidy it, and what every worker may see of a stream. A stream
//! that nobody uses is nothing here: it is found in the directory of its log, and made live. Does not
//! know HTTP, JSON, SSE or WebSocket, and starts no task: a worker drives its readers itself.

mod bell;
mod catalogs;
mod clock;
mod committer;
mod dues;
mod engine;
mod fetch;
mod filling;
#[cfg(test)]
mod fixture;
mod hand;
mod inbox;
mod lifetimes;
mod listing;
mod live_streams;
mod logs;
mod measures;
mod reader;
mod retention;
mod settings;
mod shared;
mod stepped;
mod stream;
mod tail_cache;
mod tidying;

pub use clock::{Clock, SystemClock};
pub use engine::{Engine, StartError, TooBusy, open_folder};
pub use fetch::{Fetch, FetchError};
pub use inbox::{Inbox, News, Reply, Token, WorkerId};
pub use listing::ListedStream;
pub use measures::{Latencies, Measured};
pub use reader::{Page, PageLimit, Part, Reader, Step};
pub use settings::{EngineBounds, EngineSettings, Policy};
pub use shared::Health;
pub use stepped::{SteppedSettings, Stepper};
pub use stream::{FollowerKind, Rate, Stream, StreamSummary};
pub use tidings_log::{
    Identity, LogSize, Operation, Outcome, Producer, ProducerSeq, Publish, Refusal, Storage, StorageFile,
};
