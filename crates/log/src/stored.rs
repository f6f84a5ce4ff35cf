//! Reads what is committed of one stream, from any thread, while the log goes on.

mod walk;

use crate::block::BlockError;
use crate::contents::Contents;
use crate::directory::StreamId;
use std::fmt;
use std::io;
use std::sync::Arc;
use tidings_model::{Batch, Incarnation, Timestamp};
use walk::{Piece, Walk};

/// A handle that reads the committed messages of one stream. Cheap to clone. It may outlive the stream; then its reads say so.
///
/// Each call reads the storage and may wait for it: at most two reads for a block that holds what is asked for, and two
/// for each later block that holds other messages of the stream, and one for every few entries that are not sealed.
#[derive(Clone)]
pub struct StoredStream {
    pub(crate) contents: Arc<Contents>,
    pub(crate) id: StreamId,
    pub(crate) incarnation: Incarnation,
}

/// How much a read returns at most. One message is returned even if it is larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimit {
    /// Bytes of messages.
    pub bytes: usize,
    /// Messages.
    pub messages: u64,
}

/// The size and time of one stored batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchSize {
    /// The index of its first message.
    pub first_index: u64,
    /// How many messages it has.
    pub count: u32,
    /// The bytes of all its messages.
    pub bytes: u64,
    /// When it was stored.
    pub time: Timestamp,
}

/// Why stored messages can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The stream was deleted.
    #[error("the stream is deleted")]
    Gone,
    /// The stream begins later than what is asked for.
    #[error("the stream begins at index {earliest_index} now")]
    Trimmed {
        /// Its first message that is kept.
        earliest_index: u64,
    },
    /// The storage did not give the bytes.
    #[error("reading the log failed")]
    Storage(#[from] io::Error),
    /// The bytes are not those that were written.
    #[error(
        "{file} is damaged at byte {at}; stop the server, see what can be saved with `tidings log salvage`, or restore the data folder from a backup"
    )]
    Damaged {
        /// The name of the file.
        file: String,
        /// The position in it.
        at: u64,
    },
}

impl StoredStream {
    /// The committed messages from `from_index` on and before `to_index`, until the limit is reached: batches, the
    /// first and the last perhaps in part.
    pub fn read(&self, from_index: u64, to_index: u64, limit: ReadLimit) -> Result<Vec<Batch>, ReadError> {
        let mut page = PageOfBatches { batches: Vec::new(), next: from_index, to_index, left: limit };
        if from_index < to_index {
            self.walk(from_index, |piece| Ok(page.take(piece.batch()?)))?;
        }
        Ok(page.batches)
    }

    /// Sizes and times of up to `count_max` committed batches from the one that holds `from_index` on. Reads no message
    /// that is not sealed.
    pub fn batch_sizes(&self, from_index: u64, count_max: usize) -> Result<Vec<BatchSize>, ReadError> {
        let mut sizes = Vec::new();
        self.walk(from_index, |piece| {
            sizes.push(piece.size());
            Ok(sizes.len() < count_max)
        })?;
        Ok(sizes)
    }

    /// Walks over the batches from the one that holds `from_index` on, for as long as `take` wants more.
    fn walk(
        &self,
        from_index: u64,
        take: impl FnMut(Piece<'_>) -> Result<bool, ReadError>,
    ) -> Result<(), ReadError> {
        self.check(from_index)?;
        let walked = Walk::new(self, from_index).run(take);
        // What is trimmed or deleted meanwhile is not always where it was; that is no damage.
        if walked.is_err() {
            self.check(from_index)?;
        }
        walked
    }

    /// Whether the stream is there and begins at `from_index` or before.
    fn check(&self, from_index: u64) -> Result<(), ReadError> {
        let directory = self.contents.directory();
        let record = directory.record_of(self.id, self.incarnation).ok_or(ReadError::Gone)?;
        match record.earliest_index {
            earliest_index if from_index < earliest_index => Err(ReadError::Trimmed { earliest_index }),
            _ => Ok(()),
        }
    }
}

impl From<BlockError> for ReadError {
    fn from(error: BlockError) -> ReadError {
        match error {
            BlockError::Storage(error) => ReadError::Storage(error),
            BlockError::Damaged { id, at } => ReadError::Damaged { file: crate::block::Block::name(id), at },
            BlockError::Version(_) => ReadError::Storage(io::Error::other("another version of the format")),
        }
    }
}

impl fmt::Debug for StoredStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoredStream({})", self.incarnation)
    }
}

/// What a read has collected.
struct PageOfBatches {
    batches: Vec<Batch>,
    next: u64,
    to_index: u64,
    left: ReadLimit,
}

impl PageOfBatches {
    /// Takes what fits of a batch that holds `next`. Whether there is room for more.
    fn take(&mut self, batch: Batch) -> bool {
        let bytes = batch.bytes();
        let whole = batch.first_index == self.next
            && batch.end_index() <= self.to_index
            && bytes <= self.left.bytes
            && batch.messages.len() as u64 <= self.left.messages;
        if whole {
            self.next = batch.end_index();
            self.left.bytes -= bytes;
            self.left.messages -= batch.messages.len() as u64;
            self.batches.push(batch);
            return self.next < self.to_index && 0 < self.left.messages && 0 < self.left.bytes;
        }
        self.take_part(batch)
    }

    fn take_part(&mut self, batch: Batch) -> bool {
        let skipped = usize::try_from(self.next - batch.first_index).unwrap_or(usize::MAX);
        let mut messages = Vec::new();
        let mut room = true;
        let first_index = self.next;
        for message in batch.messages.into_iter().skip(skipped) {
            let first = self.batches.is_empty() && messages.is_empty();
            let fits = message.len() <= self.left.bytes && 0 < self.left.messages;
            room = self.next < self.to_index && (fits || first);
            if !room {
                break;
            }
            self.next += 1;
            self.left.bytes = self.left.bytes.saturating_sub(message.len());
            self.left.messages = self.left.messages.saturating_sub(1);
            messages.push(message);
        }
        if !messages.is_empty() {
            self.batches.push(Batch { first_index, time: batch.time, messages });
        }
        room && self.next < self.to_index && 0 < self.left.messages && 0 < self.left.bytes
    }
}
