//! Who can't go on is told, and told why.

use crate::harness::{ALL, Bench, config, delete, memory};
use std::sync::Arc;
use tidings_engine::Step;
use tidings_log::MemoryStorage;
use tidings_model::{Durability, Offset, ResetReason, Start, StreamConfig};

fn reason(bench: &Bench, offset: Offset) -> ResetReason {
    let reset = bench.open(NAME, Start::After(offset)).unwrap_err();
    let stream = bench.find(NAME).unwrap();
    let (earliest, tail) = stream.bounds();
    assert_eq!((reset.earliest, reset.tail), (Some(stream.offset(earliest)), Some(stream.offset(tail))));
    reset.reason
}

const NAME: &str = "a";

#[test]
fn a_stream_that_is_made_again_does_not_take_the_old_offsets() {
    let mut bench = Bench::in_memory();
    let old = bench.publish(NAME, &["one"]);
    bench.ask(delete(NAME)).unwrap();
    assert!(bench.find(NAME).is_none());
    let new = bench.publish(NAME, &["one"]);
    assert_ne!(old, new);
    assert_eq!(reason(&bench, old), ResetReason::Deleted);
    assert_eq!(reason(&bench, new.at(2)), ResetReason::Ahead);
    assert_eq!(bench.read(NAME, Start::After(new.at(0))), ["one"]);
}

#[test]
fn a_follower_of_a_deleted_stream_is_told() {
    let mut bench = Bench::in_memory();
    bench.publish(NAME, &["one"]);
    let mut reader = bench.open(NAME, Start::Now).unwrap();
    reader.stream().watch(bench.worker.inbox.worker());
    bench.worker.submit(&bench.engine, delete(NAME)).unwrap();
    assert_eq!(bench.worker.news().changed.len(), 1);
    let Step::Reset(reset) = reader.step(ALL) else { panic!() };
    assert_eq!((reset.reason, reset.earliest, reset.tail), (ResetReason::Deleted, None, None));
}

#[test]
fn what_was_in_memory_is_lost_with_the_process() {
    let storage = memory();
    let in_memory = || StreamConfig { durability: Some(Durability::Memory), ..config() };
    let mut bench = Bench::start(Arc::<MemoryStorage>::clone(&storage));
    bench.create(NAME, in_memory()).unwrap();
    let old = bench.publish(NAME, &["one"]);
    assert_eq!(bench.read(NAME, Start::Beginning), ["one"]);
    bench.ask(delete(NAME)).unwrap();
    bench.create(NAME, in_memory()).unwrap();
    assert_eq!(reason(&bench, old), ResetReason::Deleted);
    let lost = bench.publish(NAME, &["two"]);
    bench.engine.stop();

    let mut bench = Bench::start(storage);
    assert!(bench.find(NAME).is_none());
    bench.create(NAME, in_memory()).unwrap();
    assert_eq!(reason(&bench, lost), ResetReason::Lost);
}
