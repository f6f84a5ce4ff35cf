//! Room for `memory` streams: it is used up, and comes back.

use crate::harness::{Bench, Limits, config, delete, memory, publish};
use tidings_engine::{Health, Operation, Outcome, Publish, Refusal};
use tidings_model::{Durability, Retention, Start, StreamConfig};

fn in_memory(retention: Retention) -> StreamConfig {
    StreamConfig { durability: Some(Durability::Memory), retention, ..config() }
}

/// 10,000 bytes that do not compress, other ones for each seed.
fn incompressible(seed: u64) -> String {
    let mut state = seed;
    let words = (0..1_250).map(|_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{:08x}", state >> 32)
    });
    words.collect()
}

fn fill(name: &str, message: &str) -> Operation {
    Operation::Publish(Publish { create: Some(in_memory(Retention::default())), ..publish(name, &[message]) })
}

fn small() -> Bench {
    Bench::with(memory(), Limits { memory_bytes: 1 << 20, ..Limits::default() })
}

/// What the test of a full memory publishes.
#[derive(Clone, Copy)]
enum Messages {
    Compressible,
    Incompressible,
}

impl Messages {
    fn message(self, seed: usize) -> String {
        match self {
            Messages::Compressible => "x".repeat(10_000),
            Messages::Incompressible => incompressible(seed as u64),
        }
    }
}

/// Publishes until there is no room. How often there was.
fn fill_up(bench: &mut Bench, messages: Messages) -> usize {
    for stored in 0..1_000 {
        // Two streams by turns, so that what lives and what is deleted are side by side.
        match bench.ask(fill(["kept", "gone"][stored % 2], &messages.message(stored))) {
            Ok(Outcome::Published { .. }) => {}
            Err(Refusal::StorageFull) => return stored,
            other => panic!("{other:?}"),
        }
    }
    panic!("the memory is never full");
}

#[test]
fn what_was_deleted_makes_room_without_anybody_publishing() {
    deletes_make_room(Messages::Compressible);
}

#[test]
fn what_was_deleted_makes_room_where_nothing_compresses() {
    deletes_make_room(Messages::Incompressible);
}

fn deletes_make_room(messages: Messages) {
    let mut bench = small();
    assert!(30 < fill_up(&mut bench, messages), "half of a megabyte is used by messages");
    for _ in 0..5 {
        // A segment that was sealed meanwhile may have made room: then that is filled too.
        let full = Health::Full { disk: false, memory: true };
        let is_told = (0..100).any(|_| {
            fill_up(&mut bench, messages);
            bench.engine.health() == full
        });
        assert!(is_told, "whoever asks hears that the memory is full");
        bench.publish("on disk", &["x"]);
        let kept = bench.read("kept", Start::Beginning).len();
        bench.ask(delete("gone")).unwrap();
        bench.wait_until(|bench| bench.engine.health() == Health::Ready);
        assert_eq!(bench.read("kept", Start::Beginning).len(), kept);
        bench.ask(fill("gone", &messages.message(0))).unwrap();
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
    let message = Messages::Compressible.message(0);
    let (mut stored, mut refused) = (0, 0);
    while stored < 500 {
        match bench.ask(fill("few", &message)) {
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
