//! Readers that go from stored to live while others publish: each message once, in one order.

use crate::harness::{Bench, Limits, Worker, memory, publish, texts_of};
use std::thread;
use tidings_engine::{Engine, Operation, PageLimit, Reader, Reply};
use tidings_model::{Start, StreamName};

const NAME: &str = "a";

/// How one reader reads.
#[derive(Clone, Copy)]
struct Manner {
    page: PageLimit,
    /// It leaves after so many pages, and comes back with its offset.
    pages_a_visit: usize,
}

const MANNERS: [Manner; 4] = [
    Manner { page: PageLimit { bytes: usize::MAX, messages: u64::MAX }, pages_a_visit: usize::MAX },
    Manner { page: PageLimit { bytes: usize::MAX, messages: 7 }, pages_a_visit: usize::MAX },
    Manner { page: PageLimit { bytes: 300, messages: 100 }, pages_a_visit: 3 },
    Manner { page: PageLimit { bytes: 2_000, messages: 1_000 }, pages_a_visit: 20 },
];

/// Follows until it has seen `count` messages, from wherever `start` is.
fn follow(engine: &Engine, start: Start, manner: Manner, count: usize) -> Vec<String> {
    let name = StreamName::parse(NAME).unwrap();
    let mut worker = Worker::register(engine);
    let mut start = start;
    let mut seen = Vec::with_capacity(count);
    while seen.len() < count {
        let stream = engine.find(&name, engine.now()).unwrap();
        stream.watch(worker.inbox.worker());
        let mut reader = Reader::open(stream, start, engine.boot()).unwrap();
        let mut pages = 0;
        while seen.len() < count && pages < manner.pages_a_visit {
            match worker.page(engine, &mut reader, manner.page) {
                Some(page) => {
                    assert_eq!(page.start, reader.next());
                    seen.extend(texts_of(&page));
                    reader.advance_to(page.end);
                    pages += 1;
                }
                None => drop(worker.news()),
            }
        }
        reader.stream().unwatch(worker.inbox.worker(), engine.now());
        start = Start::After(reader.offset());
    }
    seen
}

/// Publishes `count` messages, some at a time, with many under way.
fn storm(engine: &Engine, publisher: usize, count: usize) {
    const UNDER_WAY_MAX: usize = 64;
    let mut worker = Worker::register(engine);
    let (mut next, mut under_way) = (0, 0);
    while next < count || 0 < under_way {
        while next < count && under_way < UNDER_WAY_MAX {
            let end = count.min(next + 1 + next % 3);
            let texts: Vec<String> = (next..end).map(|number| format!("{publisher}:{number}")).collect();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            worker.submit(engine, Operation::Publish(publish(NAME, &texts))).unwrap();
            (next, under_way) = (end, under_way + 1);
        }
        for (_, reply) in worker.news().replies {
            assert!(matches!(reply, Reply::Operation(Ok(_))), "{reply:?}");
            under_way -= 1;
        }
    }
}

/// Each publisher's messages are there once, in its order.
fn assert_whole(seen: &[String], publishers: usize, each: usize) {
    assert_eq!(seen.len(), publishers * each);
    for publisher in 0..publishers {
        let own = seen.iter().filter_map(|text| text.strip_prefix(&format!("{publisher}:")));
        let numbers = own.map(|number| number.parse::<usize>().unwrap());
        assert!(numbers.eq(0..each), "messages of publisher {publisher} are not in order");
    }
}

#[test]
fn readers_that_race_with_publishers_see_each_message_once() {
    const PUBLISHERS: usize = 2;
    const EACH: usize = 6_000;
    // Some read on from memory, some nearly always from the log.
    for tail_cache_bytes in [1 << 20, 4 << 10] {
        let limits = Limits { tail_cache_bytes, ..Limits::default() };
        let mut bench = Bench::with(memory(), limits);
        bench.create(NAME, crate::harness::config()).unwrap();
        let engine = &bench.engine;
        thread::scope(|scope| {
            let readers = MANNERS.map(|manner| {
                scope.spawn(move || follow(engine, Start::Beginning, manner, PUBLISHERS * EACH))
            });
            for publisher in 0..PUBLISHERS {
                scope.spawn(move || storm(engine, publisher, EACH));
            }
            let seen = readers.map(|reader| reader.join().unwrap());
            assert_whole(&seen[0], PUBLISHERS, EACH);
            assert!(seen.iter().all(|other| *other == seen[0]), "the order is one for all");
        });
        bench.engine.stop();
    }
}

#[test]
fn a_long_way_to_catch_up_through_a_storm_loses_nothing() {
    const BEFORE: usize = 10_000;
    const STORM: usize = 3_000;
    let bench = Bench::with(memory(), Limits { tail_cache_bytes: 4 << 10, ..Limits::default() });
    let engine = &bench.engine;
    storm(engine, 0, BEFORE);
    thread::scope(|scope| {
        let near =
            engine.find(&StreamName::parse(NAME).unwrap(), engine.now()).unwrap().offset(BEFORE as u64 - 10);
        let slow = Manner { page: PageLimit { bytes: 200, messages: 40 }, pages_a_visit: usize::MAX };
        let behind = scope.spawn(move || follow(engine, Start::Beginning, slow, BEFORE + 2 * STORM));
        let near = scope.spawn(move || follow(engine, Start::After(near), MANNERS[1], 10 + 2 * STORM));
        scope.spawn(move || storm(engine, 1, STORM));
        scope.spawn(move || storm(engine, 2, STORM));
        let seen = behind.join().unwrap();
        assert!(seen[..BEFORE].iter().all(|text| text.starts_with("0:")));
        assert_eq!(seen.len(), BEFORE + 2 * STORM);
        assert_eq!(near.join().unwrap(), seen[BEFORE - 10..]);
    });
    bench.engine.stop();
}
