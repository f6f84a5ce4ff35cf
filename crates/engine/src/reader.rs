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
use tidings_model::{Batch, Offset, Reset, ResetReason, Skip, Start, Timestamp};

/// A place in a live stream, and nothing else: plain data, stepped by the worker that owns it.
#[derive(Clone, Debug)]
pub struct Reader {
    stream: Arc<Stream>,
    next: u64,
    /// Whether anybody knows where it stands. As long as nobody does, it may begin a little later than it was opened:
    /// retention that trims in between is no reset to who asked for "the beginning".
    is_known: bool,
    stay: Stay,
}

/// Whether a reader may be skipped when it stays behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stay {
    /// No: it reads what it asked for, and goes.
    Once,
    /// No, until it has stood at the tail.
    CatchingUp,
    /// Yes, where the stream's rule says so.
    Live,
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

impl Page {
    /// How many bytes its messages have.
    pub fn bytes(&self) -> usize {
        self.parts.iter().flat_map(Part::messages).map(|(_, message)| message.len()).sum()
    }

    /// Cuts a page that ends before the tail where others cut theirs who catch up too: at the place that is a multiple
    /// of the highest power of two. Wherever they began, they soon read the same pages, which are then encoded once.
    /// More than half of a page is left once its start is such a place too. A hundred readers that began at neighbouring
    /// places share 255 pages of 10,000 messages, in place of 10,000 pages.
    pub fn align(&mut self) {
        if self.at_tail {
            return;
        }
        let end = roundest(self.start, self.end);
        while let Some(last) = self.parts.last_mut() {
            let first = last.batch.first_index + last.range.start as u64;
            if end <= first {
                self.parts.pop();
                continue;
            }
            let kept = usize::try_from(end - first).unwrap_or(usize::MAX).min(last.range.len());
            last.range.end = last.range.start + kept;
            break;
        }
        self.end = end;
    }
}

/// The number above `low` and up to `high` with the most zeros at its end, in binary.
fn roundest(low: u64, high: u64) -> u64 {
    let highest_that_differs = (low ^ high).ilog2();
    high >> highest_that_differs << highest_that_differs
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
        let is_known = matches!(start, Start::After(_) | Start::Now);
        Ok(Reader { stream, next, is_known, stay: Stay::Once })
    }

    /// It follows: once it has stood at the tail, it may be [skipped](Reader::skip).
    pub fn follow(&mut self) {
        self.stay = Stay::CatchingUp;
    }

    /// The stream that it reads.
    pub fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    /// The index of the message that comes next.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// How many messages come after it, up to the tail.
    pub fn lag(&self) -> u64 {
        self.stream.tail().0.saturating_sub(self.next)
    }

    /// Where it stands.
    pub fn offset(&self) -> Offset {
        self.stream.offset(self.next)
    }

    /// Where it stands, for the client: from here on it goes on exactly there, or tells a reset.
    pub fn tell(&mut self) -> Offset {
        self.is_known = true;
        self.offset()
    }

    /// What comes next, without going beyond it. Costs one short lock, no system call.
    pub fn step(&mut self, limit: PageLimit) -> Step {
        match self.stream.step(self.next, limit) {
            Step::Reset(Reset { reason: ResetReason::Trimmed, earliest: Some(earliest), .. })
                if !self.is_known =>
            {
                self.next = earliest.index;
                self.stream.step(self.next, limit)
            }
            // From the tail on each message counts.
            Step::AtTail { closed } => {
                self.on_tail();
                Step::AtTail { closed }
            }
            step @ (Step::Page(_) | Step::Stored | Step::Reset(_)) => step,
        }
    }

    /// What comes next, given what was fetched for it.
    pub fn fetched(&mut self, batches: Vec<Batch>, limit: PageLimit) -> Step {
        self.found(batches.into_iter().map(Arc::new), limit)
    }

    /// The same, of batches that others have too. They are in order and without holes, and hold what comes next, or
    /// there are none.
    pub fn found(&mut self, batches: impl Iterator<Item = Arc<Batch>>, limit: PageLimit) -> Step {
        let parts = take(batches, self.next, limit);
        if parts.is_empty() {
            // The stream was trimmed or deleted under it; its own state says which.
            return self.step(limit);
        }
        Step::Page(self.stream.page(self.next, parts))
    }

    /// What it is to be skipped over, if it follows a stream whose rule says so, and is behind. To be asked after each
    /// step, whose answer it replaces: asked before, a message that is trimmed meanwhile would make a reset.
    pub fn skip(&self) -> Option<Skip> {
        if self.stay != Stay::Live {
            return None;
        }
        let newest = self.stream.newest_for(self.next)?;
        Some(Skip { from: self.offset(), to: self.stream.offset(newest) })
    }

    /// Goes on to the end of a whole page.
    pub fn take(&mut self, page: &Page) {
        self.advance_to(page.end);
        if page.at_tail {
            self.on_tail();
        }
    }

    fn on_tail(&mut self) {
        self.is_known = true;
        if self.stay == Stay::CatchingUp {
            self.stay = Stay::Live;
        }
    }

    /// Goes on to `index`, which is at most the end of what `step` or `skip` showed.
    pub fn advance_to(&mut self, index: u64) {
        assert!(self.next <= index, "a reader never goes back");
        self.next = index;
        self.is_known = true;
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

#[cfg(test)]
mod skipping;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{batch, stream};
    use tidings_model::Incarnation;

    const BOOT: u32 = 7;
    const ALL: PageLimit = PageLimit { bytes: usize::MAX, messages: u64::MAX };

    fn lengths(parts: &[Part]) -> Vec<usize> {
        parts.iter().map(|part| part.messages().count()).collect()
    }

    /// Five messages of which two are trimmed.
    fn trimmed_stream() -> Arc<Stream> {
        let stream = stream("a");
        stream.on_appended(batch(0, &["one", "two", "three"]));
        stream.on_appended(batch(3, &["four", "five"]));
        stream.on_trimmed(2, 6);
        stream
    }

    fn open(stream: &Arc<Stream>, start: Start) -> Result<u64, ResetReason> {
        let opened = Reader::open(Arc::clone(stream), start, BOOT);
        opened.map(|reader| reader.next()).map_err(|reset| reset.reason)
    }

    #[test]
    fn a_page_never_splits_a_message() {
        let taken = |next, bytes, messages| {
            let batches = [batch(0, &["1234", "5678"]), batch(2, &["90"]), batch(3, &["a", "b"])];
            lengths(&take(batches.into_iter(), next, PageLimit { bytes, messages }))
        };
        assert_eq!(taken(0, 100, 100), [2, 1, 2]);
        assert_eq!(taken(0, 8, 100), [2]);
        assert_eq!(taken(0, 7, 100), [1]);
        assert_eq!(taken(0, 10, 100), [2, 1]);
        assert_eq!(taken(1, 100, 3), [1, 1, 1]);
        assert_eq!(taken(2, 3, 100), [1, 1]);
        assert_eq!(taken(5, 100, 100), [0; 0]);
    }

    #[test]
    fn a_message_larger_than_a_page_goes_alone() {
        let batches = || [batch(0, &["a very large message", "b"]), batch(2, &["c"])].into_iter();
        let limit = PageLimit { bytes: 1, messages: 10 };
        assert_eq!(lengths(&take(batches(), 0, limit)), [1]);
        assert_eq!(lengths(&take(batches(), 1, limit)), [1]);
        let none_fits = PageLimit { bytes: 0, messages: 0 };
        assert_eq!(lengths(&take(batches(), 2, none_fits)), [1]);
    }

    #[test]
    fn messages_come_with_the_index_after_them() {
        let parts = take([batch(4, &["a", "b", "c"])].into_iter(), 5, ALL);
        let seen: Vec<_> = parts[0].messages().map(|(index, message)| (index, message.clone())).collect();
        assert_eq!(seen, [(6, "b".into()), (7, "c".into())]);
        assert_eq!(end_of(&parts, 5), 7);
        assert_eq!(end_of(&[], 5), 5);
    }

    #[test]
    fn an_aligned_page_ends_at_the_roundest_place() {
        for (low, high, round) in
            [(0, 65, 64), (64, 129, 128), (70, 135, 128), (128, 193, 192), (5, 6, 6), (7, 8, 8)]
        {
            assert_eq!(roundest(low, high), round, "{low} to {high}");
        }
        let batches =
            || [batch(0, &["a", "b", "c"]), batch(3, &["d", "e"]), batch(5, &["f", "g"])].into_iter();
        let page = |start, at_tail| {
            let parts = take(batches(), start, ALL);
            let mut page = Page { start, end: end_of(&parts, start), at_tail, closed: false, parts };
            page.align();
            assert_eq!(end_of(&page.parts, start), page.end);
            (page.end, lengths(&page.parts))
        };
        assert_eq!(page(0, false), (4, vec![3, 1]));
        assert_eq!(page(2, false), (4, vec![1, 1]));
        assert_eq!(page(4, false), (6, vec![1, 1]));
        assert_eq!(page(6, false), (7, vec![1]));
        assert_eq!(page(0, true), (7, vec![3, 2, 2]));
    }

    #[test]
    fn readers_that_began_apart_soon_read_the_same_pages() {
        const SLICE: u64 = 65;
        let pages = |mut at: u64| {
            let mut pages = Vec::new();
            while at < 10_000 {
                let end = roundest(at, at + SLICE);
                assert!(SLICE / 2 < end - at || pages.is_empty(), "from {at} to {end}");
                pages.push((at, end));
                at = end;
            }
            pages
        };
        let all: std::collections::HashSet<_> = (0..100).flat_map(pages).collect();
        assert!(all.len() < 10_000 / 64 + 300, "{} encodings of 100 readers", all.len());
    }

    #[test]
    fn a_reader_begins_where_it_is_asked_to() {
        let stream = trimmed_stream();
        assert_eq!(open(&stream, Start::Beginning), Ok(2));
        assert_eq!(open(&stream, Start::Now), Ok(5));
        assert_eq!(open(&stream, Start::Last(0)), Ok(5));
        assert_eq!(open(&stream, Start::Last(1)), Ok(4));
        assert_eq!(open(&stream, Start::Last(u64::MAX)), Ok(2));
        assert_eq!(open(&stream, Start::After(stream.offset(4))), Ok(4));
        assert_eq!(open(&stream, Start::After(stream.offset(5))), Ok(5));
    }

    #[test]
    fn the_earliest_offset_itself_is_accepted() {
        let stream = trimmed_stream();
        assert_eq!(open(&stream, Start::After(stream.offset(2))), Ok(2));
        assert_eq!(open(&stream, Start::After(stream.offset(1))), Err(ResetReason::Trimmed));
        stream.on_trimmed(5, 10);
        assert_eq!(open(&stream, Start::After(stream.offset(5))), Ok(5));
        assert_eq!(open(&stream, Start::Beginning), Ok(5));
    }

    #[test]
    fn every_reset_has_its_reason_and_says_where_to_go_on() {
        let stream = trimmed_stream();
        let after = |incarnation| Start::After(Offset { incarnation, index: 3 });
        assert_eq!(open(&stream, Start::After(stream.offset(6))), Err(ResetReason::Ahead));
        assert_eq!(open(&stream, after(Incarnation::of_disk(99))), Err(ResetReason::Deleted));
        assert_eq!(open(&stream, after(Incarnation::of_memory(99, BOOT))), Err(ResetReason::Deleted));
        assert_eq!(open(&stream, after(Incarnation::of_memory(99, BOOT + 1))), Err(ResetReason::Lost));
        let reset = Reader::open(Arc::clone(&stream), Start::After(stream.offset(6)), BOOT).unwrap_err();
        assert_eq!((reset.earliest, reset.tail), (Some(stream.offset(2)), Some(stream.offset(5))));
        stream.on_deleted();
        let reset = Reader::open(Arc::clone(&stream), Start::After(stream.offset(6)), BOOT).unwrap_err();
        assert_eq!(reset, Reset { reason: ResetReason::Deleted, earliest: None, tail: None });
    }

    #[test]
    fn a_reader_steps_to_exactly_the_tail() {
        let stream = trimmed_stream();
        let mut reader = Reader::open(Arc::clone(&stream), Start::Beginning, BOOT).unwrap();
        let Step::Page(page) = reader.step(PageLimit { bytes: 5, messages: 10 }) else { panic!() };
        assert_eq!((page.start, page.end, page.at_tail, page.closed), (2, 3, false, false));
        reader.advance_to(page.end);
        stream.on_closed();
        let Step::Page(page) = reader.step(ALL) else { panic!() };
        assert_eq!((page.start, page.end, page.at_tail, page.closed), (3, 5, true, true));
        reader.advance_to(page.end);
        assert!(matches!(reader.step(ALL), Step::AtTail { closed: true }));
    }

    #[test]
    fn the_beginning_is_where_the_first_step_finds_it() {
        let stream = trimmed_stream();
        let mut reader = Reader::open(Arc::clone(&stream), Start::Beginning, BOOT).unwrap();
        stream.on_trimmed(3, 5);
        let Step::Page(page) = reader.step(ALL) else { panic!() };
        assert_eq!((page.start, page.end), (3, 5));
    }

    #[test]
    fn a_reader_that_waited_at_the_tail_is_told_of_what_was_trimmed() {
        for start in [Start::Now, Start::Last(1)] {
            let stream = trimmed_stream();
            let mut reader = Reader::open(Arc::clone(&stream), start, BOOT).unwrap();
            if let Step::Page(page) = reader.step(ALL) {
                reader.advance_to(page.end);
            }
            assert!(matches!(reader.step(ALL), Step::AtTail { closed: false }));
            stream.on_appended(batch(5, &["six"]));
            stream.on_trimmed(6, 3);
            assert!(matches!(reader.step(ALL), Step::Reset(_)));
        }
    }

    #[test]
    fn a_reader_that_is_overtaken_by_retention_is_told() {
        let stream = trimmed_stream();
        let mut reader = Reader::open(Arc::clone(&stream), Start::Beginning, BOOT).unwrap();
        reader.tell();
        stream.on_trimmed(3, 5);
        let Step::Reset(reset) = reader.step(ALL) else { panic!() };
        assert_eq!((reset.reason, reset.earliest), (ResetReason::Trimmed, Some(stream.offset(3))));
        stream.on_deleted();
        let Step::Reset(reset) = reader.step(ALL) else { panic!() };
        assert_eq!((reset.reason, reset.earliest), (ResetReason::Deleted, None));
    }

    #[test]
    fn what_is_no_longer_in_memory_is_fetched() {
        let stream = stream("a");
        for index in 0..3 {
            stream.on_appended(batch(index, &["x"]));
        }
        stream.uncache_to(2);
        let mut reader = Reader::open(Arc::clone(&stream), Start::Beginning, BOOT).unwrap();
        assert!(matches!(reader.step(ALL), Step::Stored));
        let fetched = vec![Batch::clone(&batch(0, &["x"])), Batch::clone(&batch(1, &["x"]))];
        let Step::Page(page) = reader.fetched(fetched, ALL) else { panic!() };
        assert_eq!((page.start, page.end, page.at_tail), (0, 2, false));
        reader.advance_to(page.end);
        let Step::Page(page) = reader.step(ALL) else { panic!() };
        assert_eq!((page.start, page.end, page.at_tail), (2, 3, true));
        reader.advance_to(page.end);
        assert!(matches!(reader.fetched(Vec::new(), ALL), Step::AtTail { closed: false }));
    }
}
