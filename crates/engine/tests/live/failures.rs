//! A storage that fails, and one that is full.

use crate::gate::Gate;
use crate::harness::{Bench, delete, publish};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tidings_engine::{Health, Operation, Outcome, Refusal};
use tidings_log::{Fault, SimulatedStorage};
use tidings_model::Start;

#[test]
fn after_a_failure_nothing_is_acknowledged_and_what_was_is_there() {
    for call in 1..12 {
        let disk = SimulatedStorage::new();
        let mut bench = Bench::start(Arc::new(disk.clone()));
        bench.publish("a", &["0"]);
        disk.set_fault(disk.calls_count() + call, Fault::Io);
        let mut acknowledged = 1;
        let refusal = loop {
            match bench.ask(Operation::Publish(publish("a", &["x"]))) {
                Ok(_) => acknowledged += 1,
                Err(refusal) => break refusal,
            }
        };
        assert!(matches!(refusal, Refusal::StorageFailed(_)), "{refusal:?}");
        assert!(matches!(bench.engine.health(), Health::Failed(_)));
        for operation in [Operation::Publish(publish("b", &["x"])), delete("a")] {
            assert!(matches!(bench.ask(operation), Err(Refusal::StorageFailed(_))));
        }
        assert_eq!(bench.open("a", Start::Now).unwrap().next(), acknowledged);
        assert_eq!(bench.failures.load(Ordering::Relaxed), 1);
        bench.engine.stop();
        let bench = Bench::start(Arc::new(disk.crash(call)));
        assert!(acknowledged <= bench.open("a", Start::Now).unwrap().next());
        assert_eq!(bench.failures.load(Ordering::Relaxed), 0);
    }
}

#[test]
fn a_full_storage_refuses_publishes_and_recovers_by_itself() {
    let gate = Gate::new();
    let mut bench = Bench::start(Arc::new(gate.clone()));
    bench.publish("other", &["x"]);
    gate.set_full(true);
    let large = "x".repeat(10_000);
    let stored = loop {
        match bench.ask(Operation::Publish(publish("a", &[&large]))) {
            Ok(Outcome::Published { .. }) => {}
            Err(Refusal::StorageFull) => break bench.read("a", Start::Beginning).len(),
            other => panic!("{other:?}"),
        }
    };
    assert!(0 < stored);
    assert_eq!(bench.engine.health(), Health::Full { disk: true, memory: false });
    bench.ask(delete("other")).unwrap();
    assert!(bench.find("other").is_none());
    gate.set_full(false);
    // Nobody publishes, and it is found out.
    bench.wait_until(|bench| bench.engine.health() == Health::Ready);
    assert_eq!(bench.publish("a", &[&large]).index, stored as u64 + 1);
    assert_eq!(bench.failures.load(Ordering::Relaxed), 0);
}
