//! What workers commit themselves: messages for `memory` streams.

use crate::gate::Gate;
use crate::harness::{Bench, Worker, config, publish, tail_of};
use std::collections::HashMap;
use std::sync::Arc;
use std::thread;
use tidings_engine::{Engine, News, Operation, Reply, Token};
use tidings_model::{Durability, Start, StreamConfig};

fn in_memory() -> StreamConfig {
    StreamConfig { durability: Some(Durability::Memory), ..config() }
}

fn operation(text: &str) -> Operation {
    Operation::Publish(publish("m", &[text]))
}

/// Commits as the bench's worker, as soon as the commit thread is done with what it has answered already.
fn commit(bench: &Bench, operations: &mut Vec<(Operation, Token)>) -> News {
    let mut news = None;
    bench.wait_until(|bench| {
        news = bench.engine.commit_in_memory(bench.worker.inbox.worker(), operations);
        news.is_some()
    });
    news.expect("it was waited for")
}

/// The places after its messages, by token.
fn places(news: News) -> impl Iterator<Item = (Token, u64)> {
    news.replies.into_iter().filter_map(|(token, reply)| match reply {
        Reply::Operation(outcome) => Some((token, tail_of(&outcome).index)),
        Reply::Fetched(_) => None,
    })
}

#[test]
fn only_messages_for_memory_streams_that_are_there_wait_for_no_disk() {
    let mut bench = Bench::in_memory();
    assert!(!bench.engine.is_in_memory(&operation("x")));
    bench.create("m", in_memory()).unwrap();
    assert!(bench.find("m").is_some());
    assert!(bench.engine.is_in_memory(&operation("x")));
    assert!(!bench.engine.is_in_memory(&crate::harness::delete("m")));
    bench.create("d", config()).unwrap();
    assert!(bench.find("d").is_some());
    assert!(!bench.engine.is_in_memory(&Operation::Publish(publish("d", &["x"]))));
}

#[test]
fn a_worker_gets_its_news_and_others_are_woken() {
    let mut bench = Bench::in_memory();
    bench.create("m", in_memory()).unwrap();
    let stream = bench.find("m").unwrap();
    let other = Worker::register(&bench.engine);
    for watcher in [&bench.worker, &other] {
        stream.watch(watcher.inbox.worker());
    }
    let mut operations = vec![(operation("one"), 1), (operation("two"), 2)];
    let news = commit(&bench, &mut operations);
    assert!(operations.is_empty());
    assert_eq!(news.changed.len(), 1);
    assert_eq!(places(news).collect::<Vec<_>>(), [(1, 1), (2, 2)]);
    assert_eq!(other.news().changed.len(), 1);
    // Both are told of what comes next: nothing says that they know already.
    let mut operations = vec![(operation("three"), 3)];
    let news = commit(&bench, &mut operations);
    assert_eq!((news.changed.len(), other.news().changed.len()), (1, 1));
    assert_eq!(bench.read("m", Start::Beginning), ["one", "two", "three"]);
}

#[test]
fn nothing_is_taken_while_the_disk_syncs() {
    let gate = Gate::new();
    let mut bench = Bench::start(Arc::new(gate.clone()));
    bench.create("m", in_memory()).unwrap();
    assert!(bench.find("m").is_some());
    gate.set_closed(true);
    bench.worker.submit(&bench.engine, Operation::Publish(publish("d", &["x"]))).unwrap();
    let worker = bench.worker.inbox.worker();
    let mut operations = Vec::new();
    // Until the commit thread has begun, some may pass.
    bench.wait_until(|bench| {
        operations = vec![(operation("x"), 1)];
        bench.engine.commit_in_memory(worker, &mut operations).is_none()
    });
    assert_eq!(operations.len(), 1);
    gate.set_closed(false);
    bench.wait_until(|bench| bench.engine.commit_in_memory(worker, &mut operations).is_some());
}

#[test]
fn what_several_commit_at_once_has_one_order() {
    const EACH: u64 = 2_000;
    let mut bench = Bench::in_memory();
    bench.create("m", in_memory()).unwrap();
    assert!(bench.find("m").is_some());
    let engine = &bench.engine;
    let workers: Vec<Worker> = (0..3).map(|_| Worker::register(engine)).collect();
    let stored: HashMap<u64, String> = thread::scope(|scope| {
        let publishers: Vec<_> = (0..)
            .zip(workers)
            .map(|(number, worker)| scope.spawn(move || publish_all(engine, worker, number, EACH)))
            .collect();
        publishers.into_iter().flat_map(|publisher| publisher.join().unwrap()).collect()
    });
    let read = bench.read("m", Start::Beginning);
    assert_eq!((read.len() as u64, stored.len() as u64), (3 * EACH, 3 * EACH));
    for (place, text) in (1..).zip(&read) {
        assert_eq!(stored.get(&place), Some(text), "what was acknowledged is what is read");
    }
}

/// Publishes by committing and by submitting, as it comes; the place after each message, and the message.
fn publish_all(engine: &Engine, mut worker: Worker, number: u64, count: u64) -> Vec<(u64, String)> {
    let mut stored = Vec::new();
    for message in 0..count {
        let text = format!("{number}-{message}");
        let mut operations = vec![(operation(&text), message)];
        let by_itself = message % 7 != 0;
        let news =
            by_itself.then(|| engine.commit_in_memory(worker.inbox.worker(), &mut operations)).flatten();
        let place = match news {
            Some(news) => places(news).next().expect("it is answered at once").1,
            None => tail_of(&worker.ask(engine, operation(&text))).index,
        };
        stored.push((place, text));
    }
    stored
}
