//! The reader: an offset into a stream. All four transports are forms of it.
//!
//! Poll reads once; long poll reads, and waits once; SSE and WebSocket read, wait and repeat. None of them looks at
//! the log or at the live feed by itself, so the step from stored to live is made in one place, here: under the lock
//! that also guards the tail, [`Reader::step`] says either "these messages come next" or "you stand exactly at the
//! tail". Whoever watches the stream before it steps is told of every commit after that (see `Stream::watch`), so no
//! message can fall in between.

use crate::stream::Stream;
use bytes::Bytes;
use std::ops::Range;
use std::sync::Arc;
use tidings_model::{Batch, Offset, Reset, ResetReason, Start, Timestamp};

/// A place in a live stream, and nothing else: plain data, stepped by the worker that owns it.
#[derive(Clone, Debug)]
pub struct Reader {
    stream: Arc<Stream>,
    next: u64,
}

/// How much one page may hold. The first message is always taken, however large it is.
#[derive(Clone, Copy, Debug)]
pub struct PageLimit {
    /// Bytes of messages.
    pub bytes: usize,
    /// Messages, at least 1.
    pub messages: u64,
}

/// What a reader finds where it stands.
#[derive(Debug)]
pub enum Step {
    /// These messages come next.
    Page(Page),
    /// It stands exactly at the tail: nothing lies between it and what is committed next.
    AtTail {
        /// Nothing will ever follow.
        closed: bool,
    },
    /// What comes next is no longer in memory: `Engine::fetch` it, then step with `Reader::fetched`.
    Stored,
    /// It can't go on from here.
    Reset(Reset),
}

/// Messages that stand one after another in a stream. Never empty.
#[derive(Clone, Debug)]
pub struct Page {
    /// The index before the first message.
    pub start: u64,
    /// The index after the last message.
    pub end: u64,
    /// Whether `end` was the tail when the page was made.
    pub at_tail: bool,
    /// Whether nothing will ever follow `end`.
    pub closed: bool,
    /// The messages, by the batch that they were published in.
    pub parts: Vec<Part>,
}

/// Some messages of one batch.
#[derive(Clone, Debug)]
pub struct Part {
    batch: Arc<Batch>,
    range: Range<usize>,
}

impl Part {
    /// The messages with the index after each.
    pub fn messages(&self) -> impl Iterator<Item = (u64, &Bytes)> {
        let first = self.batch.first_index + self.range.start as u64;
        (first + 1..).zip(&self.batch.messages[self.range.clone()])
    }

    /// When they were stored.
    pub fn time(&self) -> Timestamp {
        self.batch.time
    }
}

impl Reader {
    /// Begins where it is asked to. `boot` is the mark of this process (`Engine::boot`).
    pub fn open(stream: Arc<Stream>, start: Start, boot: u32) -> Result<Reader, Reset> {
        let (earliest, tail) = stream.bounds();
        let next = match start {
            Start::Beginning => earliest,
            Start::Now => tail,
            Start::Last(count) => tail.saturating_sub(count).max(earliest),
            Start::After(offset) if offset.incarnation != stream.incarnation() => {
                let lost = offset.incarnation.is_lost_to(boot);
                let reason = if lost { ResetReason::Lost } else { ResetReason::Deleted };
                return Err(stream.reset(reason));
            }
            Start::After(offset) if tail < offset.index => return Err(stream.reset(ResetReason::Ahead)),
            Start::After(offset) if offset.index < earliest => return Err(stream.reset(ResetReason::Trimmed)),
            Start::After(offset) => offset.index,
        };
        Ok(Reader { stream, next })
    }

    /// The stream that it reads.
    pub fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    /// The index of the message that comes next.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Where it stands.
    pub fn offset(&self) -> Offset {
        self.stream.offset(self.next)
    }

    /// What comes next, without moving. Costs one short lock, no system call.
    pub fn step(&self, limit: PageLimit) -> Step {
        self.stream.step(self.next, limit)
    }

    /// What comes next, given what was fetched for it.
    pub fn fetched(&self, batches: Vec<Batch>, limit: PageLimit) -> Step {
        let parts = take(batches.into_iter().map(Arc::new), self.next, limit);
        if parts.is_empty() {
            // The stream was trimmed or deleted under it; its own state says which.
            return self.stream.step(self.next, limit);
        }
        Step::Page(self.stream.page(self.next, parts))
    }

    /// Goes on to `index`, which is at most the end of what `step` showed.
    pub fn advance_to(&mut self, index: u64) {
        assert!(self.next <= index, "a reader never goes back");
        self.next = index;
    }
}

/// The messages from `next` on that fit into a page. The batches are in order and without holes.
pub(crate) fn take(batches: impl Iterator<Item = Arc<Batch>>, next: u64, limit: PageLimit) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut bytes = 0_usize;
    let mut messages = 0_u64;
    for batch in batches.skip_while(|batch| batch.end_index() <= next) {
        let skipped = next.saturating_sub(batch.first_index);
        let start = usize::try_from(skipped).expect("a batch that is in memory has a count that fits");
        let mut end = start;
        for message in &batch.messages[start..] {
            let fits = bytes + message.len() <= limit.bytes && messages < limit.messages;
            if !fits && messages != 0 {
                break;
            }
            bytes += message.len();
            messages += 1;
            end += 1;
        }
        let whole = end == batch.messages.len();
        if start < end {
            parts.push(Part { batch, range: start..end });
        }
        if !whole {
            break;
        }
    }
    parts
}

/// The index after the last message of some parts, `next` when there are none.
pub(crate) fn end_of(parts: &[Part], next: u64) -> u64 {
    parts.last().map_or(next, |part| part.batch.first_index + part.range.end as u64)
}
