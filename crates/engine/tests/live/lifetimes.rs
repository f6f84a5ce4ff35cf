//! Streams that end by themselves.

use crate::harness::{ALL, Bench, START, Worker, config, delete, publish};
use std::time::Duration;
use tidings_engine::{Operation, Outcome, Refusal, Step};
use tidings_model::{Lifetime, ResetReason, Start, StreamConfig};

fn ttl(seconds: u64) -> StreamConfig {
    StreamConfig { lifetime: Lifetime::Ttl { seconds }, ..config() }
}

fn until(ms: u64) -> StreamConfig {
    let lifetime = Lifetime::Until { at: START.after(Duration::from_millis(ms)), text: "then".into() };
    StreamConfig { lifetime, ..config() }
}

#[test]
fn an_open_follower_does_not_keep_an_end_from_coming() {
    let mut bench = Bench::in_memory();
    bench.create("a", until(5_000)).unwrap();
    let mut reader = bench.open("a", Start::Now).unwrap();
    reader.stream().watch(bench.worker.inbox.worker());
    bench.set_ms(4_999);
    assert!(bench.find("a").is_some());
    bench.set_ms(5_000);
    assert!(bench.find("a").is_none(), "it is over at once for who comes");
    assert_eq!(bench.worker.news().changed.len(), 1);
    let Step::Reset(reset) = reader.step(ALL) else { panic!() };
    assert_eq!((reset.reason, reset.earliest), (ResetReason::Deleted, None));
    assert_eq!(bench.listed_count(), 0);
}

#[test]
fn a_watcher_keeps_a_ttl_from_running() {
    let mut bench = Bench::in_memory();
    bench.create("watched", ttl(5)).unwrap();
    bench.create("idle", ttl(5)).unwrap();
    let watched = bench.find("watched").unwrap();
    watched.watch(bench.worker.inbox.worker());
    bench.set_ms(60_000);
    // The other one's end shows that the time was looked at.
    bench.wait_until(|bench| bench.listed_count() == 1);
    assert!(bench.find("watched").is_some());
    watched.unwatch(bench.worker.inbox.worker(), bench.engine.now());
    bench.set_ms(64_999);
    assert!(bench.find("watched").is_some());
    bench.set_ms(65_000);
    assert!(bench.find("watched").is_none());
    bench.wait_until(|bench| bench.listed_count() == 0);
}

#[test]
fn the_name_of_an_expired_stream_is_free_at_once() {
    let mut bench = Bench::in_memory();
    bench.create("a", ttl(5)).unwrap();
    let old = bench.publish("a", &["old"]);
    bench.set_ms(5_000);
    assert_eq!(bench.ask(delete("a")), Err(Refusal::NotFound));
    let outcome = bench.ask(Operation::Publish(publish("a", &["new"])));
    assert!(matches!(outcome, Ok(Outcome::Published { created: true, .. })));
    assert_eq!(bench.read("a", Start::Beginning), ["new"]);
    assert_eq!(bench.open("a", Start::After(old)).unwrap_err().reason, ResetReason::Deleted);
}

#[test]
fn a_worker_that_comes_late_is_told_like_any_other() {
    let mut bench = Bench::in_memory();
    bench.publish("a", &["one"]);
    for _ in 0..20 {
        let late = Worker::register(&bench.engine);
        let reader = bench.open("a", Start::Now).unwrap();
        reader.stream().watch(late.inbox.worker());
        bench.publish("a", &["two"]);
        assert_eq!(late.news().changed.len(), 1);
    }
}
