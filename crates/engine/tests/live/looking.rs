//! Streams that become live while others change them: whoever looks sees what was acknowledged, and nothing that is gone.

use crate::harness::{Bench, Limits, Worker, config, create, delete, memory, publish, tail_of};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use tidings_engine::{Engine, Operation, Policy};
use tidings_model::{Durability, Incarnation, Lifetime, Offset, Retention, StreamConfig, StreamName};

const NAME: &str = "a";

/// Keeps everything, and is slow to say so to whoever is not the commit thread: between a look at the directory and the
/// next one there is time for a few commits.
struct Slow;

impl Policy for Slow {
    fn retention(&self, _: &StreamName) -> Retention {
        if thread::current().name() != Some("commit") {
            thread::sleep(Duration::from_micros(20));
        }
        Retention::default()
    }

    fn durability(&self, _: &StreamName) -> Durability {
        Durability::Disk
    }
}

/// What was acknowledged of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    There(Offset),
    Gone,
    /// Its creation or deletion is under way.
    Unsure,
}

/// A look agrees with what was told before it began, unless more was told meanwhile.
fn check(engine: &Engine, told: &Mutex<(u64, Told)>) {
    let (life, before) = *told.lock().unwrap();
    let found = engine.find(&StreamName::parse(NAME).unwrap(), engine.now());
    let found = found.map(|stream| stream.offset(stream.tail().0));
    let (life_after, after) = *told.lock().unwrap();
    let was_deleted_meanwhile = before != Told::Gone && after == Told::Gone;
    if life != life_after || after == Told::Unsure || was_deleted_meanwhile {
        return;
    }
    match (before, found) {
        (Told::There(tail), Some(found)) => {
            assert_eq!(found.incarnation, tail.incarnation, "another life is found");
            assert!(tail.index <= found.index, "{found} is found, but {tail} was told");
        }
        (Told::There(tail), None) => panic!("{tail} was told, and nothing is found"),
        (Told::Gone, found) => assert_eq!(found, None, "a deleted stream is found"),
        (Told::Unsure, _) => {}
    }
}

/// Makes the stream, publishes, and deletes it, again and again. Each time the clock goes on far enough for the stream to
/// be dropped as soon as nobody holds it.
fn change(bench: &Bench, told: &Mutex<(u64, Told)>, lives: u64) {
    const MESSAGES: u64 = 8;
    let (mut worker, mut minutes) = (Worker::register(&bench.engine), 0);
    let mut ask = |operation| {
        minutes += 3;
        bench.set_ms(minutes * 60_000);
        worker.ask(&bench.engine, operation)
    };
    let tell = |life, what| *told.lock().unwrap() = (life, what);
    for life in 0..lives {
        let created = tail_of(&ask(create(NAME, config())));
        tell(life, Told::There(created));
        for index in 1..=MESSAGES {
            let tail = tail_of(&ask(Operation::Publish(publish(NAME, &["x"]))));
            assert_eq!(tail, created.at(index));
            tell(life, Told::There(tail));
            check(&bench.engine, told);
        }
        tell(life, Told::Unsure);
        ask(delete(NAME)).unwrap();
        tell(life, Told::Gone);
        check(&bench.engine, told);
        tell(life + 1, Told::Unsure);
    }
}

#[test]
fn whoever_looks_sees_what_was_acknowledged() {
    const LIVES: u64 = 500;
    let limits = Limits { tail_cache_bytes: 0, ..Limits::default() };
    let bench = Bench::with_policy(memory(), limits, Arc::new(Slow));
    let (told, ended) = (Mutex::new((0, Told::Unsure)), AtomicBool::new(false));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !ended.load(Ordering::Relaxed) {
                    check(&bench.engine, &told);
                }
            });
        }
        let changing = scope.spawn(|| change(&bench, &told, LIVES));
        let changed = changing.join();
        ended.store(true, Ordering::Relaxed);
        changed.unwrap();
    });
    bench.engine.stop();
}

#[test]
fn a_list_makes_no_stream_live_and_a_look_does() {
    let bench = Bench::with(memory(), Limits { tail_cache_bytes: 0, ..Limits::default() });
    let mut worker = Worker::register(&bench.engine);
    let mut incarnations: Vec<Incarnation> = Vec::new();
    for name in ["a/1", "b", "a/2", "a/3"] {
        let created = worker.ask(&bench.engine, Operation::Publish(publish(name, &["x", "y"])));
        incarnations.push(tail_of(&created).incarnation);
    }
    let list = |prefix, after, limit| {
        let listed = bench.engine.list(prefix, after, limit, bench.engine.now());
        listed.iter().map(|it| (it.name.as_str().to_owned(), it.summary.tail)).collect::<Vec<_>>()
    };
    let names = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), 2)).collect::<Vec<_>>();
    assert_eq!(list("", None, 10), names(&["a/1", "a/2", "a/3", "b"]));
    assert_eq!(list("a/", Some("a/1"), 1), names(&["a/2"]));
    assert_eq!(list("b", Some("a/1"), 10), names(&["b"]));
    assert_eq!(bench.find("b").unwrap().incarnation(), incarnations[1]);
    bench.engine.stop();
}

#[test]
fn a_list_is_by_name_over_both_logs() {
    let mut bench = Bench::in_memory();
    for (index, name) in ["a", "b", "c", "d", "e"].into_iter().enumerate() {
        let durability = [Durability::Disk, Durability::Memory][index % 2];
        bench.create(name, StreamConfig { durability: Some(durability), ..config() }).unwrap();
    }
    let listed = bench.engine.list("", Some("a"), 3, bench.engine.now());
    let listed: Vec<_> = listed.iter().map(|it| (it.name.as_str(), it.durability())).collect();
    assert_eq!(listed, [("b", Durability::Memory), ("c", Durability::Disk), ("d", Durability::Memory)]);
}

#[test]
fn a_ttl_goes_on_from_the_last_access_although_the_stream_was_dropped() {
    let bench = Bench::with(memory(), Limits { tail_cache_bytes: 0, ..Limits::default() });
    let mut worker = Worker::register(&bench.engine);
    let ttl = StreamConfig { lifetime: Lifetime::Ttl { seconds: 1_000 }, ..config() };
    worker.ask(&bench.engine, create(NAME, ttl)).unwrap();
    bench.set_ms(900_000);
    bench.find(NAME).unwrap().touch(bench.engine.now());
    // Others publish, so that time is looked at: after two minutes the stream is dropped.
    for ms in [1_100_000, 1_200_000, 1_899_999] {
        bench.set_ms(ms);
        worker.ask(&bench.engine, Operation::Publish(publish("other", &["x"]))).unwrap();
    }
    let listed = |bench: &Bench| bench.engine.list(NAME, None, 1, bench.engine.now())[0].is_expired;
    assert!(!listed(&bench));
    bench.set_ms(1_900_000);
    assert!(listed(&bench));
    assert!(bench.find(NAME).is_none());
    bench.engine.stop();
}
