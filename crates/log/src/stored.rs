//! Reads what is committed of one stream, from any thread, while the log goes on.

use crate::StreamView;
use crate::format::{Body, EntryHeader, Location};
use crate::index::{Checkpoint, Index};
use crate::locks::locked;
use crate::segments::{Segment, Segments};
use bytes::Bytes;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};
use tidings_model::{Batch, Incarnation, StreamConfig, StreamName, Timestamp};

/// A handle that reads the committed messages of one stream. Cheap to clone; it outlives the stream's deletion.
///
/// Each call reads the storage and may wait for it.
#[derive(Clone)]
pub struct StoredStream {
    stream: Arc<Stored>,
    segments: Arc<Segments>,
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
    /// The storage did not give the bytes.
    #[error("reading the log failed")]
    Storage(#[from] io::Error),
    /// The bytes are not those that were written.
    #[error("segment {segment} is damaged at byte {at}; restore the data folder from a backup")]
    Damaged {
        /// The number of the segment.
        segment: u32,
        /// The position in it.
        at: u32,
    },
}

/// What readers share of one stream with the log.
pub(crate) struct Stored {
    pub(crate) name: StreamName,
    pub(crate) incarnation: Incarnation,
    pub(crate) config: Arc<StreamConfig>,
    pub(crate) created: Timestamp,
    pub(crate) committed: Mutex<Committed>,
}

/// What is committed of a stream. Never ahead of the storage.
#[derive(Default)]
pub(crate) struct Committed {
    /// Whether its creation is.
    pub(crate) exists: bool,
    pub(crate) earliest_index: u64,
    pub(crate) tail_index: u64,
    pub(crate) bytes: u64,
    pub(crate) closed: bool,
    pub(crate) last_batch_time: Option<Timestamp>,
    pub(crate) index: Index,
}

impl Stored {
    /// The stream as it is committed; `None` before its creation is.
    pub(crate) fn view(self: &Arc<Stored>, segments: &Arc<Segments>) -> Option<StreamView> {
        let committed = locked(&self.committed);
        committed.exists.then(|| StreamView {
            name: self.name.clone(),
            incarnation: self.incarnation,
            config: Arc::clone(&self.config),
            created: self.created,
            earliest_index: committed.earliest_index,
            tail_index: committed.tail_index,
            bytes: committed.bytes,
            closed: committed.closed,
            last_batch_time: committed.last_batch_time,
            stored: StoredStream { stream: Arc::clone(self), segments: Arc::clone(segments) },
        })
    }
}

impl StoredStream {
    /// The committed messages from `from_index` on and before `to_index`, until the limit is reached: batches, the
    /// first and the last perhaps in part. Trimmed messages are not withheld.
    pub fn read(&self, from_index: u64, to_index: u64, limit: ReadLimit) -> Result<Vec<Batch>, ReadError> {
        let mut page = Page { batches: Vec::new(), next: from_index, to_index, left: limit };
        let mut walk = self.walk(from_index);
        while page.next < to_index
            && let Some(found) = walk.next()?
        {
            if !page.take(found.batch()?) {
                break;
            }
        }
        Ok(page.batches)
    }

    /// Sizes and times of the committed batches from the one that holds `from_index` on. Reads no message.
    pub fn batch_sizes(&self, from_index: u64) -> Result<Vec<BatchSize>, ReadError> {
        let mut sizes = Vec::new();
        let mut walk = self.walk(from_index);
        while let Some(found) = walk.next()? {
            sizes.push(BatchSize {
                first_index: found.header.first_index,
                count: found.header.count,
                bytes: u64::from(found.header.message_bytes),
                time: found.header.time,
            });
        }
        Ok(sizes)
    }

    fn walk(&self, from_index: u64) -> Walk<'_> {
        Walk { stored: self, next: from_index, found: Vec::new() }
    }

    /// The header of the entry at a location that the index or another entry named. It must be an entry of this
    /// stream and, if that is known, end where the one after it begins.
    fn find(&self, location: Location, end_index: Option<u64>) -> Result<Found, ReadError> {
        let damaged = ReadError::Damaged { segment: location.segment, at: location.at };
        let Some(segment) = self.segments.segment(location.segment) else {
            return Err(damaged);
        };
        let mut bytes = [0; EntryHeader::BYTES];
        segment.file.read_at(u64::from(location.at), &mut bytes)?;
        match EntryHeader::decode(&bytes) {
            Some(header)
                if header.is_append()
                    && header.incarnation == self.stream.incarnation
                    && end_index.is_none_or(|end| header.end_index() == end) =>
            {
                Ok(Found { header, location, segment })
            }
            _ => Err(damaged),
        }
    }
}

impl fmt::Debug for StoredStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoredStream({}, {})", self.stream.name, self.stream.incarnation)
    }
}

/// The entries of a stream in order, from the one that holds an index on.
struct Walk<'a> {
    stored: &'a StoredStream,
    /// The index that the next entry holds.
    next: u64,
    /// Entries found by walking back, the first one last.
    found: Vec<Found>,
}

impl Walk<'_> {
    fn next(&mut self) -> Result<Option<Found>, ReadError> {
        if self.found.is_empty() {
            self.walk_back()?;
        }
        let found = self.found.pop();
        if let Some(found) = &found {
            self.next = found.header.end_index();
        }
        Ok(found)
    }

    /// From the next entry whose place is known, back to the one that holds `next`.
    fn walk_back(&mut self) -> Result<(), ReadError> {
        let known = {
            let committed = locked(&self.stored.stream.committed);
            if committed.tail_index <= self.next {
                return Ok(());
            }
            committed.index.known_after(self.next)
        };
        let mut end_index = None;
        let mut location = known.map(|Checkpoint { location, .. }| location);
        while let Some(here) = location {
            let found = self.stored.find(here, end_index)?;
            let header = found.header;
            self.found.push(found);
            if header.first_index <= self.next {
                return Ok(());
            }
            // Every message lies behind the pointer to it: a pointer forward would have us walk for ever.
            match header.previous {
                Some(previous) if previous < here => location = Some(previous),
                _ => return Err(ReadError::Damaged { segment: here.segment, at: here.at }),
            }
            end_index = Some(header.first_index);
        }
        Ok(())
    }
}

/// An entry with messages whose header is read.
struct Found {
    header: EntryHeader,
    location: Location,
    segment: Arc<Segment>,
}

impl Found {
    fn batch(&self) -> Result<Batch, ReadError> {
        let damaged = || ReadError::Damaged { segment: self.location.segment, at: self.location.at };
        let start = u64::from(self.location.at) + EntryHeader::BYTES as u64;
        let bytes = self.header.body_bytes().ok_or_else(damaged)?;
        if self.segment.header.bytes < start.saturating_add(bytes as u64) {
            return Err(damaged());
        }
        let mut body = vec![0; bytes];
        self.segment.file.read_at(start, &mut body)?;
        if !self.header.is_sound(&body) {
            return Err(damaged());
        }
        match self.header.entry(&Bytes::from(body)).ok_or_else(damaged)?.body {
            Body::Append { first_index, messages, .. } => {
                Ok(Batch { first_index, time: self.header.time, messages })
            }
            Body::Create { .. } | Body::Delete | Body::Trim { .. } => Err(damaged()),
        }
    }
}

/// What a read has collected.
struct Page {
    batches: Vec<Batch>,
    next: u64,
    to_index: u64,
    left: ReadLimit,
}

impl Page {
    /// Takes what fits of a batch that holds `next`. Whether there is room for more.
    fn take(&mut self, batch: Batch) -> bool {
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
        room && 0 < self.left.messages && 0 < self.left.bytes
    }
}
