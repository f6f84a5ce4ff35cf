//! What becomes of an operation: its outcome, or why it is refused.

use crate::StorageFailed;
use std::sync::Arc;
use tidings_model::{ContentType, Incarnation, Offset};

/// What an operation does. To be told only after the next successful [`commit`](crate::Log::commit): before that
/// nothing of it is stored, and neither may be the original that a duplicate repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The stream is new.
    Created {
        /// Which life of the name.
        incarnation: Incarnation,
        /// Its tail, after the first messages.
        tail: Offset,
        /// Whether it is closed.
        closed: bool,
    },
    /// The stream was there, with the same config; nothing changes.
    Existed {
        /// Which life of the name.
        incarnation: Incarnation,
        /// Its tail.
        tail: Offset,
        /// Whether it is closed.
        closed: bool,
    },
    /// The messages are appended, or were before.
    Published {
        /// The offset after these messages. For a duplicate that of the original, if it is still known.
        tail: Option<Offset>,
        /// Whether they were stored before; then nothing changes.
        duplicate: bool,
        /// Whether the stream is new.
        created: bool,
        /// Whether the stream is closed.
        closed: bool,
        /// The highest sequence that was accepted from the producer, if there is one.
        producer: Option<ProducerSeq>,
    },
    /// The stream is closed.
    Closed {
        /// Its final tail.
        tail: Offset,
        /// Whether it was closed before; then nothing changes.
        already: bool,
        /// The highest sequence that was accepted from the producer, if it is known.
        producer: Option<ProducerSeq>,
    },
    /// The stream is gone.
    Deleted {
        /// Which life of the name it was.
        incarnation: Incarnation,
    },
    /// The stream begins at the asked place or, if that lay before it, where it did.
    Trimmed,
}

/// A place in a producer's sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerSeq {
    /// The session of the producer.
    pub epoch: u64,
    /// The sequence in that session.
    pub seq: u64,
}

/// Why an operation is refused. Nothing of it is staged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No stream has that name, or it is not the asked incarnation.
    #[error("the stream does not exist")]
    NotFound,
    /// A stream of that name exists with another config, or another closed state.
    #[error("the stream exists with another configuration")]
    ConfigDiffers,
    /// The stream is closed.
    #[error("the stream is closed")]
    Closed {
        /// Its final tail.
        tail: Offset,
    },
    /// The messages are of another content type.
    #[error("the stream's content type is {stream}")]
    ContentTypeDiffers {
        /// The stream's own.
        stream: ContentType,
    },
    /// A newer session of the producer was seen.
    #[error("a newer epoch of this producer, {epoch}, has published")]
    ProducerStale {
        /// The newest known.
        epoch: u64,
    },
    /// A new session of a producer must begin with sequence 0.
    #[error("a new epoch of a producer begins with sequence 0")]
    ProducerEpochStart,
    /// Sequences between the last accepted and this one are missing.
    #[error("expected sequence {expected} of this producer, received {received}")]
    ProducerGap {
        /// The next one.
        expected: u64,
        /// This one.
        received: u64,
    },
    /// The `Stream-Seq` is not greater than the last one.
    #[error("the stream's sequence is at {last:?} already")]
    SeqRegressed {
        /// The last one.
        last: Arc<str>,
    },
    /// The idempotency key was used with other messages.
    #[error("the idempotency key was used with other messages")]
    KeyReused,
    /// The limit of streams is reached.
    #[error("there are as many streams as the settings allow")]
    TooManyStreams,
    /// The limit of producers of a stream is reached.
    #[error("the stream has as many producers as the settings allow")]
    TooManyProducers,
    /// The stream has as many messages as an offset can count.
    #[error("the stream has as many messages as an offset can count")]
    StreamFull,
    /// Nothing to append and nothing to close.
    #[error("there is nothing to publish")]
    Empty,
    /// More than a segment of the log can hold, or a text longer than [`TEXT_BYTES_MAX`](crate::TEXT_BYTES_MAX).
    #[error("the operation is too large for the log")]
    TooLarge,
    /// There is no room on the storage. Reads, deletes and trims go on.
    #[error("the storage is full")]
    StorageFull,
    /// The storage has failed; nothing is accepted any more.
    #[error(transparent)]
    StorageFailed(#[from] StorageFailed),
}

/// Why a stream can't be restored. Nothing of it is staged, but where the storage is full perhaps its beginning.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// A stream of that name exists.
    #[error("a stream of that name exists")]
    NameTaken,
    /// The same stream exists under another name.
    #[error("the same stream exists under another name")]
    IncarnationTaken,
    /// No stream can be at that index.
    #[error("no stream has such an index")]
    Impossible,
    /// The log refuses it.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl From<StorageFailed> for RestoreError {
    fn from(failed: StorageFailed) -> RestoreError {
        RestoreError::Refused(failed.into())
    }
}
