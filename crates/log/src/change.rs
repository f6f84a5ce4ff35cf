//! What a commit made visible.

use crate::StoredStream;
use std::sync::Arc;
use tidings_model::{Batch, Incarnation, StreamConfig, StreamName, Timestamp};

/// One thing that became visible with a commit.
#[derive(Clone, Debug)]
pub enum Change {
    /// A new stream, still without messages.
    Created(StreamView),
    /// Messages at the tail of a stream.
    Appended {
        /// Which stream.
        incarnation: Incarnation,
        /// The messages.
        batch: Arc<Batch>,
    },
    /// A stream takes no more messages.
    Closed {
        /// Which stream.
        incarnation: Incarnation,
    },
    /// A stream is gone.
    Deleted {
        /// Which stream.
        incarnation: Incarnation,
        /// The name that is free now.
        name: StreamName,
    },
    /// A stream begins later.
    Trimmed {
        /// Which stream.
        incarnation: Incarnation,
        /// The first message that is kept.
        earliest_index: u64,
        /// Bytes of the messages that are kept.
        bytes: u64,
    },
}

/// What is committed of one stream, at one moment.
#[derive(Clone, Debug)]
pub struct StreamView {
    /// Its name.
    pub name: StreamName,
    /// Which life of that name.
    pub incarnation: Incarnation,
    /// What it was made with.
    pub config: Arc<StreamConfig>,
    /// When it was made.
    pub created: Timestamp,
    /// The first message that is kept.
    pub earliest_index: u64,
    /// How many messages it ever had.
    pub tail_index: u64,
    /// The bytes of the messages that it keeps. Where a batch was cut by a trim, in proportion.
    pub bytes: u64,
    /// When the oldest message that it keeps was stored. `None` where that is not known without reading, or there is none.
    pub oldest: Option<Timestamp>,
    /// Whether it takes no more messages.
    pub closed: bool,
    /// Reads its messages.
    pub stored: StoredStream,
}

/// One stream as what is staged leaves it, for its owner.
#[derive(Clone, Debug)]
pub struct StagedStream {
    /// What it was made with.
    pub config: Arc<StreamConfig>,
    /// The first message that is kept.
    pub earliest_index: u64,
    /// How many messages it ever had.
    pub tail_index: u64,
    /// The bytes of the messages that it keeps.
    pub bytes: u64,
}
