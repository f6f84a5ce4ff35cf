//! The threads that tidy: what is sealed is read as before, and space comes back.

use crate::harness::{Bench, config, memory, publish};
use std::sync::Arc;
use tidings_engine::Operation;
use tidings_log::{MemoryStorage, Storage};
use tidings_model::{Retention, Start, StreamConfig};

/// Publishes numbered messages of a kilobyte, many at a time.
fn publish_many(bench: &mut Bench, name: &str, count: usize) -> Vec<String> {
    let texts: Vec<String> = (0..count).map(|number| format!("{number:01000}")).collect();
    for text in &texts {
        while bench.worker.submit(&bench.engine, Operation::Publish(publish(name, &[text]))).is_none() {
            drop(bench.worker.news());
        }
    }
    bench.publish(name, &["end"]);
    texts
}

fn count(storage: &MemoryStorage, suffix: &str) -> usize {
    storage.list().unwrap().iter().filter(|name| name.ends_with(suffix)).count()
}

#[test]
fn what_is_sealed_is_read_as_before_also_after_a_restart() {
    let storage = memory();
    let mut bench = Bench::start(Arc::<MemoryStorage>::clone(&storage));
    let mut texts = publish_many(&mut bench, "a", 1_000);
    texts.push("end".to_owned());
    // A megabyte went through files of 64 KiB.
    bench.wait_until(|_| 0 < count(&storage, ".block") && count(&storage, ".segment") < 6);
    assert_eq!(count(&storage, ".snapshot"), 1);
    assert_eq!(bench.read("a", Start::Beginning), texts);
    bench.engine.stop();
    let mut bench = Bench::start(storage);
    assert_eq!(bench.read("a", Start::Beginning), texts);
    bench.engine.stop();
}

#[test]
fn space_of_what_was_trimmed_comes_back() {
    let storage = memory();
    let mut bench = Bench::start(Arc::<MemoryStorage>::clone(&storage));
    let retention = Retention { count: Some(10), ..Retention::default() };
    bench.create("a", StreamConfig { retention, ..config() }).unwrap();
    publish_many(&mut bench, "a", 2_000);
    // Two megabytes went through files of 64 KiB.
    bench.wait_until(|_| count(&storage, ".block") + count(&storage, ".segment") < 8);
    assert_eq!(bench.read("a", Start::Beginning).len(), 10);
    bench.engine.stop();
}
