//! A stream keeps what it should, and says so to who is behind.

use crate::harness::{ALL, Bench, Limits, config, memory};
use std::sync::Arc;
use std::time::Duration;
use tidings_engine::{Fetch, Reply, Step};
use tidings_log::MemoryStorage;
use tidings_model::{ResetReason, Retention, Start, StreamConfig};

fn keeping(retention: Retention) -> StreamConfig {
    StreamConfig { retention, ..config() }
}

#[test]
fn by_count_the_newest_stay_exactly_also_after_a_restart() {
    let storage = memory();
    let mut bench = Bench::start(Arc::<MemoryStorage>::clone(&storage));
    bench.create("a", keeping(Retention { count: Some(3), ..Retention::default() })).unwrap();
    bench.publish("a", &["1", "2"]);
    bench.publish("a", &["3", "4", "5", "6"]);
    assert_eq!(bench.read("a", Start::Beginning), ["4", "5", "6"]);
    assert_eq!(bench.find("a").unwrap().summary(bench.engine.now()).bytes, 3);
    bench.engine.stop();
    let mut bench = Bench::start(storage);
    let summary = bench.find("a").unwrap().summary(bench.engine.now());
    assert_eq!((summary.earliest, summary.tail, summary.bytes), (3, 6, 3));
    let tail = bench.publish("a", &["7"]);
    assert_eq!(bench.read("a", Start::Beginning), ["5", "6", "7"]);
    let reset = bench.open("a", Start::After(tail.at(3))).unwrap_err();
    assert_eq!((reset.reason, reset.earliest), (ResetReason::Trimmed, Some(tail.at(4))));
    assert_eq!(bench.read("a", Start::After(tail.at(4))), ["5", "6", "7"]);
}

#[test]
fn many_trims_in_one_round_are_counted_once() {
    let mut bench = Bench::in_memory();
    bench.create("a", keeping(Retention { count: Some(2), ..Retention::default() })).unwrap();
    for _ in 0..100 {
        let publish = crate::harness::publish("a", &["12345", "12345", "12345"]);
        bench.worker.submit(&bench.engine, tidings_engine::Operation::Publish(publish)).unwrap();
    }
    bench.publish("a", &["123"]);
    assert_eq!(bench.find("a").unwrap().summary(bench.engine.now()).bytes, 8);
}

#[test]
fn by_bytes_whole_publishes_go_and_the_newest_stays() {
    let mut bench = Bench::in_memory();
    bench.create("a", keeping(Retention { bytes: Some(10), ..Retention::default() })).unwrap();
    bench.publish("a", &["1234", "5678"]);
    bench.publish("a", &["90"]);
    assert_eq!(bench.read("a", Start::Beginning), ["1234", "5678", "90"]);
    bench.publish("a", &["a"]);
    assert_eq!(bench.read("a", Start::Beginning), ["90", "a"]);
    bench.publish("a", &["a very large message"]);
    assert_eq!(bench.read("a", Start::Beginning), ["a very large message"]);
}

#[test]
fn by_age_messages_go_by_themselves_and_a_reader_behind_is_told() {
    let mut bench = Bench::in_memory();
    let age = Some(Duration::from_secs(10));
    bench.create("a", keeping(Retention { age, ..Retention::default() })).unwrap();
    bench.publish("a", &["old"]);
    let mut behind = bench.open("a", Start::Beginning).unwrap();
    behind.tell();
    behind.stream().watch(bench.worker.inbox.worker());
    bench.set_ms(9_000);
    let tail = bench.publish("a", &["new"]);
    bench.set_ms(10_000);
    bench.wait_until(|bench| bench.find("a").unwrap().bounds() == (1, 2));
    let Step::Reset(reset) = behind.step(ALL) else { panic!() };
    assert_eq!((reset.reason, reset.earliest), (ResetReason::Trimmed, Some(tail.at(1))));
    bench.set_ms(19_000);
    bench.wait_until(|bench| bench.find("a").unwrap().bounds() == (2, 2));
    assert_eq!(bench.read("a", Start::After(tail)), [""; 0]);
}

#[test]
fn by_bytes_and_by_age_it_goes_on_after_a_restart() {
    let storage = memory();
    let mut bench = Bench::start(Arc::<MemoryStorage>::clone(&storage));
    let age = Some(Duration::from_secs(10));
    bench.create("bytes", keeping(Retention { bytes: Some(10), ..Retention::default() })).unwrap();
    bench.create("age", keeping(Retention { age, ..Retention::default() })).unwrap();
    bench.publish("bytes", &["1234", "5678"]);
    bench.publish("bytes", &["90"]);
    bench.publish("age", &["old"]);
    bench.set_ms(5_000);
    bench.publish("age", &["new"]);
    bench.engine.stop();

    let mut bench = Bench::start(storage);
    bench.set_ms(9_000);
    bench.publish("bytes", &["a"]);
    // What must go is read first.
    bench.wait_until(|bench| bench.find("bytes").unwrap().bounds() == (2, 4));
    assert_eq!(bench.read("bytes", Start::Beginning), ["90", "a"]);
    assert_eq!(bench.find("bytes").unwrap().summary(bench.engine.now()).bytes, 3);
    assert_eq!(bench.find("age").unwrap().bounds(), (0, 2));
    bench.set_ms(10_000);
    bench.wait_until(|bench| bench.find("age").unwrap().bounds() == (1, 2));
    bench.set_ms(15_000);
    bench.wait_until(|bench| bench.find("age").unwrap().bounds() == (2, 2));
    bench.engine.stop();
}

#[test]
fn a_stream_that_is_longer_than_its_ledger_is_trimmed_by_bytes() {
    const KEPT: u64 = 5_000;
    let mut bench = Bench::in_memory();
    bench.create("a", keeping(Retention { bytes: Some(KEPT * 5), ..Retention::default() })).unwrap();
    for number in 0..3 * KEPT {
        let publish = crate::harness::publish("a", &[&format!("{number:05}")]);
        while bench
            .worker
            .submit(&bench.engine, tidings_engine::Operation::Publish(publish.clone()))
            .is_none()
        {
            drop(bench.worker.news());
        }
    }
    bench.publish("a", &["last."]);
    let tail = 3 * KEPT + 1;
    bench.wait_until(|bench| bench.find("a").unwrap().bounds() == (tail - KEPT, tail));
    let first = bench.open("a", Start::Beginning).unwrap();
    assert_eq!(first.next(), tail - KEPT);
}

#[test]
fn a_read_of_what_was_trimmed_meanwhile_is_no_error() {
    let mut bench = Bench::with(memory(), Limits { tail_cache_bytes: 0, ..Limits::default() });
    bench.create("a", keeping(Retention { count: Some(1), ..Retention::default() })).unwrap();
    let first = bench.publish("a", &["1"]);
    let mut reader = bench.open("a", Start::After(first.at(0))).unwrap();
    assert!(matches!(reader.step(ALL), Step::Stored));
    let late = Fetch::new(&reader, ALL, &bench.worker.inbox, 1_000);
    bench.publish("a", &["2"]);
    bench.engine.fetch(late).unwrap();
    let Some((1_000, Reply::Fetched(Ok(batches)))) = bench.worker.news().replies.pop() else { panic!() };
    let Step::Reset(reset) = reader.fetched(batches, ALL) else { panic!() };
    assert_eq!((reset.reason, reset.earliest), (ResetReason::Trimmed, Some(first.at(1))));
}
