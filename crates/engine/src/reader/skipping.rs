//! Tests of skipping, against a model: whatever happens to a stream and its reader, what it gets and what it is told
//! that it does not get are everything, in order, each message once.

use super::*;
use crate::fixture::{made, numbered};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tidings_model::Behind;

const BOOT: u32 = 7;

/// A stream, one reader of it, and what is known of both.
struct World {
    random: StdRng,
    stream: Arc<Stream>,
    behind: Behind,
    earliest: u64,
    tail: u64,
    /// What the tail cache has dropped lies before this.
    cached_from: u64,
    reader: Option<Reader>,
    /// It follows, and has stood at the tail since it was opened.
    is_live: bool,
    /// Where it stands: it got or was told of everything before.
    at: u64,
    seen: Seen,
}

/// How often what happened: proof that something was tried.
#[derive(Debug, Default)]
struct Seen {
    messages: u64,
    skips: u64,
    trimmed_under_it: u64,
    resets: u64,
    fetches: u64,
}

impl World {
    fn new(seed: u64, behind: Behind) -> World {
        World {
            random: StdRng::seed_from_u64(seed),
            stream: Arc::new(made("a").with_behind(behind)),
            behind,
            earliest: 0,
            tail: 0,
            cached_from: 0,
            reader: None,
            is_live: false,
            at: 0,
            seen: Seen::default(),
        }
    }

    /// One thing happens. Most often nothing happens to the reader: it stalls.
    fn step(&mut self) {
        match self.random.random_range(0..100) {
            0..40 => self.publish(),
            40..48 => self.trim(),
            48..52 => self.uncache(),
            52..56 => self.reader = None,
            _ => self.read(),
        }
    }

    fn publish(&mut self) {
        let count = self.random.random_range(1..6);
        self.stream.on_appended(numbered(self.tail, count));
        self.tail += count;
    }

    /// As retention does, sometimes all that there is.
    fn trim(&mut self) {
        self.earliest = self.random.random_range(self.earliest..=self.tail);
        self.cached_from = self.cached_from.max(self.earliest);
        self.stream.on_trimmed(self.earliest, 0);
    }

    fn uncache(&mut self) {
        self.cached_from = self.random.random_range(self.cached_from..=self.tail);
        self.stream.uncache_to(self.cached_from);
    }

    /// Comes back where it was: over another transport, or after a restart.
    fn open(&mut self) {
        self.is_live = false;
        match Reader::open(Arc::clone(&self.stream), Start::After(self.stream.offset(self.at)), BOOT) {
            Ok(mut reader) => {
                reader.follow();
                self.reader = Some(reader);
            }
            Err(reset) => self.on_reset(&reset),
        }
    }

    fn on_reset(&mut self, reset: &Reset) {
        assert_eq!(reset.reason, ResetReason::Trimmed);
        assert!(self.at < self.earliest);
        assert!(!self.is_live || self.behind == Behind::CatchUp, "who may be skipped is not reset");
        self.seen.resets += 1;
        self.at = reset.earliest.unwrap().index;
        self.reader = None;
    }

    fn read(&mut self) {
        let limit = PageLimit { bytes: usize::MAX, messages: self.random.random_range(1..9) };
        let Some(mut reader) = self.reader.take() else { return self.open() };
        let mut step = reader.step(limit);
        if matches!(step, Step::Stored) && self.random.random_range(0..2) == 0 {
            self.seen.fetches += 1;
            let stored = (self.at..self.tail).map(|index| (*numbered(index, 1)).clone());
            step = reader.fetched(stored.collect(), limit);
        }
        let is_due = match self.behind {
            Behind::CatchUp => false,
            Behind::Latest { messages_max } => {
                self.is_live && (messages_max < self.tail - self.at || self.at < self.earliest)
            }
        };
        let skip = reader.skip();
        assert_eq!(skip.is_some(), is_due, "at {} of {}..{}", self.at, self.earliest, self.tail);
        if let Some(skip) = skip {
            self.on_skip(&skip);
            reader.advance_to(skip.to.index);
            self.reader = Some(reader);
            return;
        }
        match step {
            Step::Reset(reset) => return self.on_reset(&reset),
            Step::Stored => {}
            Step::AtTail { .. } => {
                assert_eq!(self.at, self.tail);
                self.is_live = true;
            }
            Step::Page(page) => {
                for (index, message) in page.parts.iter().flat_map(Part::messages) {
                    assert_eq!(message, self.at.to_string().as_bytes());
                    self.at += 1;
                    assert_eq!(index, self.at);
                    self.seen.messages += 1;
                }
                reader.take(&page);
                self.is_live |= page.at_tail;
            }
        }
        self.reader = Some(reader);
    }

    fn on_skip(&mut self, skip: &Skip) {
        assert_eq!(skip.from.index, self.at, "it begins where the messages end");
        let newest = (self.tail.saturating_sub(1)).max(self.earliest);
        assert_eq!(skip.to.index, newest);
        assert_eq!(skip.messages(), newest - self.at);
        self.seen.skips += 1;
        self.seen.trimmed_under_it += u64::from(self.at < self.earliest);
        self.at = newest;
    }
}

fn run(behind: Behind) -> Seen {
    let mut all = Seen::default();
    for seed in 0..200 {
        let mut world = World::new(seed, behind);
        for _ in 0..400 {
            world.step();
        }
        all.messages += world.seen.messages;
        all.skips += world.seen.skips;
        all.trimmed_under_it += world.seen.trimmed_under_it;
        all.resets += world.seen.resets;
        all.fetches += world.seen.fetches;
    }
    all
}

#[test]
fn messages_and_markers_are_everything_in_order() {
    for messages_max in [1, 2, 7, 20] {
        let seen = run(Behind::Latest { messages_max });
        let tried = [seen.messages, seen.skips, seen.trimmed_under_it, seen.resets, seen.fetches];
        assert!(tried.iter().all(|count| 100 < *count), "{messages_max}: {seen:?}");
    }
}

#[test]
fn who_catches_up_is_never_skipped() {
    let seen = run(Behind::CatchUp);
    assert_eq!(seen.skips, 0);
    assert!(1_000 < seen.messages && 100 < seen.resets, "{seen:?}");
}

#[test]
fn whoever_does_not_follow_is_never_skipped() {
    let stream = Arc::new(made("a").with_behind(Behind::Latest { messages_max: 1 }));
    let mut poll = Reader::open(Arc::clone(&stream), Start::Now, BOOT).unwrap();
    let limit = PageLimit { bytes: usize::MAX, messages: u64::MAX };
    assert!(matches!(poll.step(limit), Step::AtTail { .. }), "as a long poll that is held");
    stream.on_appended(numbered(0, 9));
    assert_eq!(poll.skip(), None);
    let Step::Page(page) = poll.step(limit) else { panic!() };
    assert_eq!(page.end, 9);
}

#[test]
fn a_stream_that_is_gone_skips_nobody() {
    let stream = Arc::new(made("a").with_behind(Behind::Latest { messages_max: 1 }));
    let mut reader = Reader::open(Arc::clone(&stream), Start::Now, BOOT).unwrap();
    reader.follow();
    let limit = PageLimit { bytes: usize::MAX, messages: u64::MAX };
    assert!(matches!(reader.step(limit), Step::AtTail { .. }));
    stream.on_appended(numbered(0, 9));
    assert!(reader.skip().is_some());
    stream.on_deleted();
    assert_eq!(reader.skip(), None);
    assert!(matches!(reader.step(limit), Step::Reset(Reset { reason: ResetReason::Deleted, .. })));
}
