//! Every stream of a log can be moved to another one: with its offsets, times, and all that makes a retry known.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers here belong to one test each, and a failure shows its line"
)]

use crate::model::{Model, looks_like, observe, summary};
use crate::probe::remembers;
use crate::run::{NOW, Run};
use crate::workload::{config, name};
use std::sync::Arc;
use tidings_log::{
    Identity, Log, LogSettings, Operation, Publish, ReadLimit, Remembered, Restore, RestoreError,
    SimulatedStorage, verify,
};
use tidings_model::{Batch, Incarnation, Timestamp};

const COMMITS: u64 = 60;
const SEEDS: u64 = 40;

fn open(disk: &SimulatedStorage) -> Log {
    let settings = LogSettings {
        segment_bytes: LogSettings::SEGMENT_BYTES_MIN,
        merge_blocks: 2,
        snapshot_segments: 1,
        ..LogSettings::default()
    };
    Log::open(Arc::new(disk.clone()), settings, Box::new(|| 99)).unwrap()
}

fn publish(text: &str, batch: Batch, close: bool) -> Publish {
    Publish {
        name: name(text),
        incarnation: None,
        create: None,
        content_type: None,
        messages: batch.messages,
        seq: None,
        identity: Identity::None,
        close,
    }
}

/// All that a reader can tell, with times.
fn batches(log: &Log, text: &str) -> Vec<(u64, Timestamp, usize)> {
    let view = log.find(text).unwrap();
    let all = ReadLimit { bytes: usize::MAX, messages: u64::MAX };
    let batches = view.stored.read(view.earliest_index, view.tail_index, all).unwrap();
    batches.iter().map(|batch| (batch.first_index, batch.time, batch.bytes())).collect()
}

fn move_all(from: &Log, to: &mut Log) {
    let all = ReadLimit { bytes: usize::MAX, messages: u64::MAX };
    for view in from.catalog().list("", None, usize::MAX) {
        to.restore(Restore {
            name: view.name.clone(),
            incarnation: view.incarnation,
            config: (*view.config).clone(),
            created: view.created,
            first_index: view.earliest_index,
            remembered: from.remembered(view.incarnation).unwrap(),
        })
        .unwrap();
        for batch in view.stored.read(view.earliest_index, view.tail_index, all).unwrap() {
            let time = batch.time;
            to.stage(Operation::Publish(publish(view.name.as_str(), batch, false)), time).unwrap();
            to.commit().unwrap();
        }
        if view.closed {
            to.stage(Operation::Close { name: view.name, producer: None }, NOW).unwrap();
        }
        to.commit().unwrap();
    }
}

fn check(log: &mut Log, model: &Model, from: &Log, case: &str) {
    let seen = observe(log).unwrap();
    assert!(looks_like(&seen, model), "{case}: {} is not {}", summary(&seen), summary(model));
    remembers(log, model, NOW).unwrap_or_else(|what| panic!("{case}: {what}"));
    for text in model.keys() {
        assert_eq!(batches(log, text), batches(from, text), "{case}: {text}");
        let (one, other) = (log.find(text).unwrap(), from.find(text).unwrap());
        assert_eq!((one.created, one.config), (other.created, other.config));
    }
}

#[test]
fn a_stream_that_moves_keeps_all_that_it_was() {
    for seed in 0..SEEDS {
        let case = format!("seed {seed}");
        let mut run = Run::new(seed, false, None);
        run.open().unwrap();
        let _worked = run.work(COMMITS).unwrap();
        let from = run.log.as_ref().unwrap();
        let disk = SimulatedStorage::new();
        let mut log = open(&disk);
        move_all(from, &mut log);
        check(&mut log, &run.acknowledged, from, &case);
        log.take_upkeep().unwrap().work_off().unwrap();
        check(&mut log, &run.acknowledged, from, &case);
        // So that what is restored is in a snapshot too.
        let mut log = open(&disk.kill());
        check(&mut log, &run.acknowledged, from, &case);
        let mut upkeep = log.take_upkeep().unwrap();
        for round in 0..30 {
            let batch = Batch { first_index: 0, time: NOW, messages: vec![vec![7; 600].into()] };
            let create = Publish { create: Some(config()), ..publish("filler", batch, false) };
            log.stage(Operation::Publish(create), NOW).unwrap();
            log.commit().unwrap();
            upkeep.work_off().unwrap();
            assert!(round < 5 || upkeep.stats().snapshot_bytes != 0);
        }
        log.stage(Operation::Delete { name: name("filler"), incarnation: None }, NOW).unwrap();
        log.commit().unwrap();
        let disk = disk.kill();
        check(&mut open(&disk), &run.acknowledged, from, &case);
        assert_eq!(verify(Arc::new(disk.kill()), &mut |_| ()).unwrap().damage, [], "{case}");
    }
}

#[test]
fn a_stream_that_exists_is_not_restored() {
    let mut log = open(&SimulatedStorage::new());
    let restore = |text: &str, bits| Restore {
        name: name(text),
        incarnation: Incarnation::of_disk(bits),
        config: config(),
        created: NOW,
        first_index: 7,
        remembered: Remembered::default(),
    };
    log.restore(restore("a", 1)).unwrap();
    assert_eq!(log.restore(restore("a", 2)), Err(RestoreError::NameTaken));
    assert_eq!(log.restore(restore("b", 1)), Err(RestoreError::IncarnationTaken));
    let impossible = Restore { first_index: u64::MAX, ..restore("b", 2) };
    assert_eq!(log.restore(impossible), Err(RestoreError::Impossible));
    log.commit().unwrap();
    let view = log.find("a").unwrap();
    assert_eq!((view.earliest_index, view.tail_index, log.find("b").is_none()), (7, 7, true));
}
