//! Slices: the pieces in which followers get what they are behind.
//!
//! Small, since who stops reading pins one; cut so that those who catch up share them; and read from the disk in larger
//! pieces, which stay for a moment for whoever comes next. Does not know what a slice looks like on the wire.

use std::collections::VecDeque;
use std::sync::Arc;
use tidings_engine::{Page, PageLimit, Reader, Step};
use tidings_model::{Batch, Incarnation, StreamName};

/// What this worker's followers have read from the disk lately.
#[derive(Default)]
pub(crate) struct Slices {
    /// The oldest first.
    fetched: VecDeque<Fetched>,
    bytes: usize,
    tick: u64,
    /// So many followers read at so many places that what was read ahead for one was pushed out by others before it came:
    /// until the next tick nothing is read ahead.
    is_crowded: bool,
    /// What the last reader found: the next one most often stands at the same place, for it is one of a thousand that
    /// are told the same. Only until the worker looks at what has changed: see [`Slices::forget_found`].
    found: Option<(Incarnation, Page)>,
}

/// Batches of one stream, one after another.
struct Fetched {
    incarnation: Incarnation,
    batches: Vec<Arc<Batch>>,
    bytes: usize,
    tick: u64,
    was_found: bool,
}

impl Slices {
    /// What is read from the disk at once.
    const FETCH_LIMIT: PageLimit = PageLimit { bytes: 64 << 10, messages: 1_000 };
    /// What is kept of it for one or two ticks, for all followers of a worker together.
    const BYTES_MAX: usize = 8 << 20;

    /// How much one slice may hold. A follower that stops reading pins one, and the kernel may hold another: together
    /// they stay at about 64 KB at most, and rather at 30, unless one message alone is larger.
    pub(crate) fn limit(name: &StreamName) -> PageLimit {
        /// Of messages, and as much again of what stands around them on the wire.
        const SLICE_BYTES: usize = 9 << 10;
        /// Around each message, in every form: an offset, a time, and words.
        const AROUND_BYTES: usize = 170;
        let around = AROUND_BYTES + name.as_str().len();
        PageLimit { bytes: SLICE_BYTES, messages: (SLICE_BYTES / around) as u64 }
    }

    /// How much to fetch for a reader whose next slice is not in memory.
    pub(crate) fn fetch_limit(&self, name: &StreamName) -> PageLimit {
        if self.is_crowded { Slices::limit(name) } else { Slices::FETCH_LIMIT }
    }

    /// The next slice, as [`Reader::step`].
    pub(crate) fn step(&mut self, reader: &mut Reader) -> Step {
        let stands_at = (reader.stream().incarnation(), reader.next());
        if let Some((_, page)) =
            self.found.as_ref().filter(|(stream, page)| (*stream, page.start) == stands_at)
        {
            return Step::Page(page.clone());
        }
        let limit = Slices::limit(reader.stream().name());
        let step = match reader.step(limit) {
            // Only now: it is neither trimmed nor deleted.
            Step::Stored => match self.find(reader.stream().incarnation(), reader.next()) {
                Some(batches) => reader.found(batches.iter().cloned(), limit),
                None => Step::Stored,
            },
            step @ (Step::Page(_) | Step::AtTail { .. } | Step::Reset(_)) => step,
        };
        let step = align(step);
        if let Step::Page(page) = &step {
            self.found = Some((stands_at.0, page.clone()));
        }
        step
    }

    /// What was found may be old from here on. To be called before anybody is told of a change, and before anybody begins
    /// to follow: whoever takes what others found is told of all that came after it, since the worker watched the stream
    /// when it was found.
    pub(crate) fn forget_found(&mut self) {
        self.found = None;
    }

    /// The next slice, given what was fetched for it.
    pub(crate) fn fetched(&mut self, reader: &mut Reader, batches: Vec<Batch>) -> Step {
        let limit = Slices::limit(reader.stream().name());
        let batches: Vec<_> = batches.into_iter().map(Arc::new).collect();
        let step = reader.found(batches.iter().cloned(), limit);
        self.keep(reader.stream().incarnation(), batches);
        align(step)
    }

    /// A clock tick. What was fetched before the last one is forgotten: who would have come for it has stopped reading.
    pub(crate) fn on_tick(&mut self) {
        while self.fetched.front().is_some_and(|oldest| oldest.tick < self.tick) {
            self.forget_oldest();
        }
        self.tick += 1;
        self.is_crowded = false;
        if self.fetched.is_empty() {
            self.fetched = VecDeque::new();
        }
    }

    fn keep(&mut self, incarnation: Incarnation, batches: Vec<Arc<Batch>>) {
        let (Some(first), Some(last)) = (batches.first(), batches.last()) else { return };
        // Two who stood at one place have both asked.
        let known = self.find(incarnation, first.first_index).and_then(|known| known.last());
        if known.is_some_and(|known| last.end_index() <= known.end_index()) {
            return;
        }
        let bytes = batches.iter().map(|batch| batch.bytes()).sum();
        self.fetched.push_back(Fetched { incarnation, batches, bytes, tick: self.tick, was_found: false });
        self.bytes += bytes;
        while Slices::BYTES_MAX < self.bytes {
            self.is_crowded |= self.fetched.front().is_some_and(|oldest| !oldest.was_found);
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(oldest) = self.fetched.pop_front() {
            self.bytes -= oldest.bytes;
        }
    }

    /// Batches of which the first holds `next`.
    fn find(&mut self, incarnation: Incarnation, next: u64) -> Option<&[Arc<Batch>]> {
        let of_stream = self.fetched.iter_mut().rev().filter(|fetched| fetched.incarnation == incarnation);
        for fetched in of_stream {
            let first = fetched.batches.partition_point(|batch| batch.end_index() <= next);
            if fetched.batches.get(first).is_some_and(|batch| batch.first_index <= next) {
                fetched.was_found = true;
                return Some(&fetched.batches[first..]);
            }
        }
        None
    }
}

fn align(step: Step) -> Step {
    match step {
        Step::Page(mut page) => {
            page.align();
            Step::Page(page)
        }
        step @ (Step::AtTail { .. } | Step::Stored | Step::Reset(_)) => step,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidings_model::Timestamp;

    fn batch(first_index: u64, count: usize) -> Arc<Batch> {
        let messages = vec![vec![b'x'; 1_000].into(); count];
        Arc::new(Batch { first_index, time: Timestamp(0), messages })
    }

    fn starts(found: Option<&[Arc<Batch>]>) -> Vec<u64> {
        found.unwrap_or_default().iter().map(|batch| batch.first_index).collect()
    }

    #[test]
    fn what_was_fetched_is_found_by_whoever_stands_in_it() {
        let (stream, other) = (Incarnation::of_disk(1), Incarnation::of_disk(2));
        let mut slices = Slices::default();
        slices.keep(stream, vec![batch(10, 5), batch(15, 5)]);
        slices.keep(stream, vec![batch(30, 5)]);
        assert_eq!(starts(slices.find(stream, 10)), [10, 15]);
        assert_eq!(starts(slices.find(stream, 14)), [10, 15]);
        assert_eq!(starts(slices.find(stream, 15)), [15]);
        assert_eq!(starts(slices.find(stream, 34)), [30]);
        for missing in [9, 20, 29, 35] {
            assert!(slices.find(stream, missing).is_none(), "{missing}");
        }
        assert!(slices.find(other, 10).is_none());
        slices.on_tick();
        assert!(slices.find(stream, 10).is_some(), "there was one tick only");
        slices.on_tick();
        assert!(slices.find(stream, 10).is_none());
        assert_eq!(slices.bytes, 0);
    }

    #[test]
    fn it_keeps_no_more_than_it_may() {
        let stream = Incarnation::of_disk(1);
        let mut slices = Slices::default();
        let name = StreamName::parse("a").unwrap();
        for index in 0..1_000 {
            slices.keep(stream, vec![batch(index * 60, 60)]);
            assert!(slices.find(stream, index * 60).is_some());
        }
        assert!(slices.find(stream, 0).is_none());
        assert!(slices.bytes <= Slices::BYTES_MAX, "{}", slices.bytes);
        assert_eq!(slices.fetch_limit(&name).bytes, Slices::FETCH_LIMIT.bytes);
        // Now nobody comes for what was fetched.
        for index in 1_000..2_000 {
            slices.keep(stream, vec![batch(index * 60, 60)]);
        }
        assert_eq!(slices.fetch_limit(&name).bytes, Slices::limit(&name).bytes);
        slices.on_tick();
        assert_eq!(slices.fetch_limit(&name).bytes, Slices::FETCH_LIMIT.bytes);
    }
}
