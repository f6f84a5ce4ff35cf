//! What is published is there, once, also after a restart.

use crate::harness::{Bench, config, create, delete, memory, publish, tail_of};
use std::sync::Arc;
use tidings_engine::{Identity, Operation, Outcome, Producer, Publish, Refusal};
use tidings_log::{SimulatedStorage, Storage};
use tidings_model::{Durability, Start, StreamConfig};

/// Opens a storage, as often as it is to be started over.
type OpenStorage = Box<dyn Fn() -> Arc<dyn Storage>>;

/// Each kind of storage, with the folder of the one that has one.
fn storages() -> (tempfile::TempDir, Vec<OpenStorage>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    let (memory, simulated) = (memory(), SimulatedStorage::new());
    let storages: Vec<OpenStorage> = vec![
        Box::new(move || Arc::<tidings_log::MemoryStorage>::clone(&memory)),
        Box::new(move || Arc::new(simulated.crash(7))),
        Box::new(move || tidings_engine::open_folder(&path).unwrap()),
    ];
    (folder, storages)
}

#[test]
fn what_is_published_is_there_after_a_restart() {
    let (_folder, storages) = storages();
    for storage in storages {
        let mut bench = Bench::start(storage());
        bench.create("a", config()).unwrap();
        bench.publish("a", &["one", "two"]);
        let after_two = bench.publish("a", &["three"]).at(2);
        assert_eq!(bench.read("a", Start::Beginning), ["one", "two", "three"]);
        bench.engine.stop();
        let mut bench = Bench::start(storage());
        assert_eq!(bench.read("a", Start::After(after_two)), ["three"]);
        assert_eq!(bench.read("a", Start::Last(2)), ["two", "three"]);
        bench.publish("a", &["four"]);
        assert_eq!(bench.read("a", Start::Beginning), ["one", "two", "three", "four"]);
        bench.engine.stop();
    }
}

#[test]
fn a_publish_may_make_its_stream() {
    let mut bench = Bench::in_memory();
    let outcome = bench.ask(Operation::Publish(publish("a/b", &["x"])));
    assert!(matches!(outcome, Ok(Outcome::Published { created: true, .. })));
    let outcome = bench.ask(Operation::Publish(publish("a/b", &["y"])));
    assert!(matches!(outcome, Ok(Outcome::Published { created: false, .. })));
    let missing = Publish { create: None, ..publish("a/c", &["x"]) };
    assert_eq!(bench.ask(Operation::Publish(missing)), Err(Refusal::NotFound));
    assert_eq!(bench.read("a/b", Start::Beginning), ["x", "y"]);
}

#[test]
fn a_repeated_publish_is_stored_once_also_over_a_restart() {
    let storage = memory();
    let producer = Producer { id: "p".into(), epoch: 0, seq: 0 };
    let by_producer = Publish { identity: Identity::Producer(producer), ..publish("a", &["x", "y"]) };
    let key = Identity::Key { key: "k".into(), body_hash: [1; 16] };
    let by_key = Publish { identity: key, ..publish("a", &["z"]) };
    let mut tails = Vec::new();
    for life in 0..3 {
        let mut bench = Bench::start(Arc::<tidings_log::MemoryStorage>::clone(&storage));
        for publish in [&by_producer, &by_key] {
            let outcome = bench.ask(Operation::Publish(publish.clone()));
            assert!(matches!(outcome, Ok(Outcome::Published { duplicate, .. }) if duplicate == (0 < life)));
            tails.push(tail_of(&outcome).index);
        }
        assert_eq!(bench.read("a", Start::Beginning), ["x", "y", "z"]);
        bench.engine.stop();
    }
    assert_eq!(tails, [2, 3, 2, 3, 2, 3]);
}

#[test]
fn offsets_go_on_rising_when_the_clock_is_set_back() {
    let mut bench = Bench::in_memory();
    bench.set_ms(60_000);
    let before = bench.publish("a", &["one"]);
    bench.set_ms(0);
    let after = bench.publish("a", &["two"]);
    assert!(before < after);
    assert_eq!(bench.read("a", Start::After(before)), ["two"]);
}

#[test]
fn a_name_that_changes_between_disk_and_memory_is_found() {
    let mut bench = Bench::in_memory();
    let durable = |durability| StreamConfig { durability: Some(durability), ..config() };
    for _ in 0..20 {
        // All of these are mostly taken in one round.
        let operations = [
            create("a", durable(Durability::Memory)),
            delete("a"),
            create("a", durable(Durability::Disk)),
            delete("a"),
            create("a", durable(Durability::Memory)),
            delete("a"),
        ];
        for operation in operations {
            bench.worker.submit(&bench.engine, operation).unwrap();
        }
        let created = bench.create("a", durable(Durability::Disk));
        let found = bench.find("a").unwrap();
        assert_eq!(found.durability(), Durability::Disk);
        assert_eq!(found.incarnation(), tail_of(&created).incarnation);
        assert_eq!(bench.listed_count(), 1);
        bench.ask(delete("a")).unwrap();
        assert!(bench.find("a").is_none());
        assert_eq!(bench.listed_count(), 0);
    }
}
