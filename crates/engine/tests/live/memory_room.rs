//! Room for `memory` streams: it is used up, and comes back.

use crate::harness::{Bench, Limits, config, delete, memory, publish};
use tidings_engine::{Health, Operation, Outcome, Publish, Refusal};
use tidings_model::{Durability, Retention, Start, StreamConfig};

fn in_memory(retention: Retention) -> StreamConfig {
    StreamConfig { durability: Some(Durability::Memory), retention, ..config() }
}

fn fill(name: &str) -> Operation {
    let large = "x".repeat(10_000);
    Operation::Publish(Publish { create: Some(in_memory(Retention::default())), ..publish(name, &[&large]) })
}

fn small() -> Bench {
    Bench::with(memory(), Limits { memory_bytes: 1 << 20, ..Limits::default() })
}

/// Publishes until there is no room. How often there was.
fn fill_up(bench: &mut Bench) -> usize {
    for stored in 0..1_000 {
        // Two streams by turns, so that what lives and what is deleted are side by side.
        match bench.ask(fill(["kept", "gone"][stored % 2])) {
            Ok(Outcome::Published { .. }) => {}
            Err(Refusal::StorageFull) => return stored,
            other => panic!("{other:?}"),
        }
    }
    panic!("the memory is never full");
}

#[test]
fn what_was_deleted_makes_room_without_anybody_publishing() {
    let mut bench = small();
    assert!(30 < fill_up(&mut bench), "half of a megabyte is used by messages");
    for _ in 0..5 {
        // A segment that was sealed meanwhile may have made room: then that is filled too.
        let full = Health::Full { disk: false, memory: true };
        let is_told = (0..100).any(|_| {
            fill_up(&mut bench);
            bench.engine.health() == full
        });
        assert!(is_told, "whoever asks hears that the memory is full");
        bench.publish("on disk", &["x"]);
        let kept = bench.read("kept", Start::Beginning).len();
        bench.ask(delete("gone")).unwrap();
        bench.wait_until(|bench| bench.engine.health() == Health::Ready);
        assert_eq!(bench.read("kept", Start::Beginning).len(), kept);
        bench.ask(fill("gone")).unwrap();
        for name in ["kept", "gone"] {
            bench.ask(delete(name)).unwrap();
        }
        bench.wait_until(|bench| bench.engine.health() == Health::Ready);
    }
    bench.engine.stop();
}

#[test]
fn a_stream_that_is_trimmed_never_fills_the_memory() {
    let mut bench = small();
    let few = Retention { count: Some(3), ..Retention::default() };
    bench.create("few", in_memory(few)).unwrap();
    let (mut stored, mut refused) = (0, 0);
    while stored < 500 {
        match bench.ask(fill("few")) {
            Ok(_) => stored += 1,
            // Faster than what tidies up: it catches up.
            Err(Refusal::StorageFull) => {
                refused += 1;
                bench.wait_until(|bench| bench.engine.health() == Health::Ready);
            }
            Err(other) => panic!("{other:?}"),
        }
        assert!(refused < 500);
    }
    assert_eq!(bench.read("few", Start::Beginning).len(), 3);
    bench.engine.stop();
}
