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
    /// The bytes of all messages it ever had.
    pub bytes: u64,
    /// Whether it takes no more messages.
    pub closed: bool,
    /// When the last messages were appended.
    pub last_batch_time: Option<Timestamp>,
    /// Reads its messages.
    pub stored: StoredStream,
}
