//! The end of an engine, and a mailbox that is full.

use crate::gate::Gate;
use crate::harness::{Bench, Limits, memory, publish};
use std::sync::Arc;
use tidings_engine::{Operation, Reply};
use tidings_log::{Log, LogSettings, MemoryStorage, OpenError, SimulatedStorage, Storage};
use tidings_model::Start;

#[test]
fn stopping_answers_all_that_was_asked() {
    const COUNT: usize = 1_000;
    let storage = memory();
    let mut bench = Bench::start(Arc::<MemoryStorage>::clone(&storage));
    for _ in 0..COUNT {
        bench.worker.submit(&bench.engine, Operation::Publish(publish("a", &["x"]))).unwrap();
    }
    bench.engine.stop();
    let replies = bench.worker.inbox.take().replies;
    assert_eq!(replies.len(), COUNT);
    assert!(replies.iter().all(|(_, reply)| matches!(reply, Reply::Operation(Ok(_)))));
    let bench = Bench::start(storage);
    assert_eq!(bench.open("a", Start::Now).unwrap().next(), COUNT as u64);
}

#[test]
fn a_full_mailbox_refuses_and_what_it_took_is_answered() {
    let gate = Gate::new();
    let limits = Limits { pending_operations_max: 4, ..Limits::default() };
    let mut bench = Bench::with(Arc::new(gate.clone()), limits);
    bench.publish("a", &["first"]);
    gate.set_closed(true);
    let mut taken = 0_usize;
    while bench.worker.submit(&bench.engine, Operation::Publish(publish("a", &["x"]))).is_some() {
        taken += 1;
    }
    assert!(4 <= taken);
    assert_eq!(bench.read("a", Start::Beginning), ["first"], "reads don't wait, and nothing is seen early");
    gate.set_closed(false);
    let mut answered = 0;
    while answered < taken {
        answered += bench.worker.news().replies.len();
    }
    assert_eq!(bench.read("a", Start::Beginning).len(), 1 + taken);
}

#[test]
fn an_engine_that_is_dropped_lets_go_of_its_storage() {
    let storage = memory();
    let bench = Bench::start(Arc::<MemoryStorage>::clone(&storage));
    drop(bench);
    // Its threads end by themselves, and nobody joins them.
    let watcher = Bench::in_memory();
    watcher.wait_until(|_| Arc::strong_count(&storage) == 1);
}

#[test]
fn damage_to_the_last_publish_before_a_stop_is_told_from_a_crash() {
    let disk = SimulatedStorage::new();
    let mut bench = Bench::start(Arc::new(disk.clone()));
    bench.publish("a", &["the very last message"]);
    bench.engine.stop();
    let disk = disk.kill();
    assert!(damage(&disk, b"the very last message"));
    // Had the stop not written down that it is synced, it would look like a write that was cut short, and be dropped.
    let opened = Log::open(Arc::new(disk), LogSettings::default(), Box::new(|| 7));
    assert!(matches!(opened.err(), Some(OpenError::Damaged { .. })));
}

/// Changes the first byte of a text, wherever it is.
fn damage(disk: &SimulatedStorage, text: &[u8]) -> bool {
    disk.list().unwrap().iter().any(|name| {
        let file = disk.open(name).unwrap();
        let mut bytes = vec![0; usize::try_from(file.bytes().unwrap()).unwrap()];
        file.read_at(0, &mut bytes).unwrap();
        let at = bytes.windows(text.len()).position(|window| window == text);
        at.is_some_and(|at| disk.damage(name, at as u64, 1))
    })
}
