//! Salvage finds all that is outside of what is damaged, with the offsets that it had, and says what is missing.

#![expect(
    clippy::unwrap_used,
    clippy::case_sensitive_file_extension_comparisons,
    reason = "the helpers here belong to one test each, and a failure shows its line"
)]

use crate::dice::Dice;
use crate::model::{Model, ModelStream, looks_like, observe, summary};
use crate::probe::remembers;
use crate::run::{NOW, Run};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;
use tidings_log::{
    Dropped, Fault, IncompleteStream, Log, LogSettings, Salvaged, SimulatedStorage, Storage, StreamView,
    salvage, verify,
};
use tidings_model::Incarnation;

const COMMITS: u64 = 80;
const SEEDS: u64 = 40;

fn settings() -> LogSettings {
    LogSettings { segment_bytes: LogSettings::SEGMENT_BYTES_MIN, merge_blocks: 2, ..LogSettings::default() }
}

/// A log that was worked with, and settled. Half of them have nothing left to be sealed.
fn worked(seed: u64) -> Run {
    let mut run = Run::new(seed, false, None);
    run.open().unwrap();
    let _worked = run.work(COMMITS).unwrap();
    if seed.is_multiple_of(2) {
        run.tidy().unwrap();
    }
    run.settle();
    run
}

/// What became of a log.
struct Result {
    salvaged: Salvaged,
    log: Log,
    dropped: BTreeMap<Incarnation, BTreeMap<u64, Bytes>>,
}

fn salvaged(disk: &SimulatedStorage) -> Result {
    let to = SimulatedStorage::new();
    let mut dropped: BTreeMap<Incarnation, BTreeMap<u64, Bytes>> = BTreeMap::new();
    let mut run = None;
    let keep = &mut |it: Dropped<'_>| {
        match it {
            Dropped::Run(restore, _) => run = Some(restore.incarnation),
            Dropped::Batch(batch) => {
                let indexed = (batch.first_index..).zip(batch.messages.iter().cloned());
                dropped.entry(run.unwrap()).or_default().extend(indexed);
            }
        }
        Ok(())
    };
    let mut bits = 0;
    let random = move || {
        bits += 1;
        bits
    };
    let to_storage = || Ok(Arc::new(to.clone()) as Arc<dyn Storage>);
    let salvaged = salvage(disk, to_storage, (settings(), Box::new(random)), keep, &mut |_| ()).unwrap();
    let verified = verify(Arc::new(to.kill()), &mut |_| ()).unwrap();
    assert_eq!(verified.damage, []);
    assert_eq!((verified.streams, verified.messages), (salvaged.streams, salvaged.messages));
    let log = Log::open(Arc::new(to.kill()), settings(), Box::new(|| 9)).unwrap();
    Result { salvaged, log, dropped }
}

impl Result {
    fn view(&self, incarnation: Incarnation) -> Option<StreamView> {
        let views = self.log.catalog().list("", None, usize::MAX);
        views.into_iter().find(|view| view.incarnation == incarnation)
    }

    fn incomplete(&self, incarnation: Incarnation) -> Option<&IncompleteStream> {
        self.salvaged.incomplete.iter().find(|it| it.incarnation == incarnation)
    }

    /// The new log is the old one.
    fn check_all(&mut self, model: &Model, case: &str) {
        let seen = observe(&self.log).unwrap();
        assert!(looks_like(&seen, model), "{case}: {} is not {}", summary(&seen), summary(model));
        remembers(&mut self.log, model, NOW).unwrap_or_else(|what| panic!("{case}: {what}"));
        assert!(self.salvaged.is_complete(), "{case}: {:?}", self.salvaged);
    }

    /// What is there is right, and the rest is reported. Returns how many messages are missing.
    fn check(&self, model: &Model, case: &str) -> u64 {
        let observed = observe(&self.log).unwrap();
        let mut missing = 0;
        for (name, stream) in model {
            missing += self.check_stream(name, stream, &observed, case);
        }
        missing
    }

    fn check_stream(&self, name: &str, stream: &ModelStream, observed: &Model, case: &str) -> u64 {
        let kept = stream.tail_index() - stream.earliest_index;
        let Some(view) = self.view(stream.incarnation) else {
            assert!(
                !self.salvaged.missing_frames.is_empty()
                    || !self.salvaged.has_snapshot
                    || !self.salvaged.cut_segments.is_empty(),
                "{case}: {name} is gone"
            );
            return kept;
        };
        let case = format!("{case}: {name} [{}..{}]", stream.earliest_index, stream.tail_index());
        let report = self.incomplete(stream.incarnation);
        if report.is_none_or(|report| report.is_named) {
            assert_eq!(view.name.as_str(), name, "{case}");
        }
        let found = &observed[view.name.as_str()];
        let empty = BTreeMap::new();
        let dropped = self.dropped.get(&stream.incarnation).unwrap_or(&empty);
        let (mut missing, mut reported) = (Vec::new(), Vec::new());
        for index in stream.earliest_index..stream.tail_index() {
            let at = usize::try_from(index).unwrap();
            let here =
                if found.earliest_index <= index { found.messages.get(at) } else { dropped.get(&index) };
            match here {
                Some(message) => assert_eq!(message, &stream.messages[at], "{case}: index {index}"),
                None => missing.push(index),
            }
            if report.is_some_and(|report| report.missing.iter().any(|range| range.contains(&index))) {
                reported.push(index);
            }
        }
        if missing != reported {
            // Nobody can know of messages before the first one that is found, or behind the last.
            let begin = report.is_some_and(|it| !it.begin_known);
            let end = !self.salvaged.missing_frames.is_empty()
                || !self.salvaged.has_snapshot
                || !self.salvaged.cut_segments.is_empty();
            let first = reported.first().copied().unwrap_or(found.earliest_index);
            let unknown = |index: u64| begin && index < first || end && found.tail_index() <= index;
            missing.retain(|index| !unknown(*index));
            assert_eq!(missing, reported, "{case}: {report:?}");
        }
        assert!(found.tail_index() <= stream.tail_index(), "{case}: {}", found.tail_index());
        kept - (stream.earliest_index..stream.tail_index())
            .filter(|index| {
                found.earliest_index <= *index && *index < found.tail_index() || dropped.contains_key(index)
            })
            .count() as u64
    }
}

fn names(disk: &SimulatedStorage, suffix: &str) -> Vec<String> {
    disk.list().unwrap().into_iter().filter(|name| name.ends_with(suffix)).collect()
}

#[test]
fn a_sound_log_is_salvaged_whole() {
    for seed in 0..SEEDS {
        let run = worked(seed);
        salvaged(&run.disk.kill()).check_all(&run.acknowledged, &format!("seed {seed}"));
    }
}

/// What recovery cuts, salvage leaves out: else a message that nobody acknowledged would be a gap before others.
#[test]
fn a_log_that_crashed_is_salvaged_as_recovery_reads_it() {
    for seed in 0..SEEDS {
        let mut dice = Dice(seed);
        let mut run = Run::new(seed, seed.is_multiple_of(2), None);
        for round in 0..30 {
            run.recover().unwrap();
            run.disk.set_fault(run.disk.calls_count() + 1 + dice.roll(8), Fault::Power);
            let _stopped = run.work(3).unwrap();
            run.disk.clear_fault();
            run.disk = run.disk.crash(dice.next());
            let mut result = match round {
                // The first crashes may leave no log yet.
                0..4 => continue,
                _ => salvaged(&run.fork().disk.kill()),
            };
            let mut recovered = run.fork();
            recovered.disk = recovered.disk.kill();
            recovered.recover().unwrap();
            result.check_all(&recovered.acknowledged, &format!("seed {seed}, round {round}"));
        }
    }
}

#[test]
fn without_manifests_nothing_is_lost() {
    for seed in 0..SEEDS {
        let run = worked(seed);
        let disk = run.disk.kill();
        disk.remove("manifest.0").unwrap();
        disk.remove("manifest.1").unwrap();
        salvaged(&disk).check_all(&run.acknowledged, &format!("seed {seed}"));
    }
}

#[test]
fn without_the_snapshot_every_message_is_found() {
    let mut unnamed = 0;
    for seed in 0..SEEDS {
        let run = worked(seed);
        let disk = run.disk.kill();
        let snapshots = names(&disk, ".snapshot");
        for name in &snapshots {
            disk.remove(name).unwrap();
        }
        let result = salvaged(&disk);
        let case = format!("seed {seed}");
        assert_eq!(result.salvaged.has_snapshot, snapshots.is_empty(), "{case}");
        // Empty streams of which only the snapshot knew are gone; streams that were deleted may be back.
        let full: Model = run
            .acknowledged
            .iter()
            .filter(|(_, it)| it.earliest_index < it.tail_index())
            .map(|(name, it)| (name.clone(), it.clone()))
            .collect();
        assert_eq!(result.check(&full, &case), 0, "{case}");
        unnamed += result.salvaged.incomplete.iter().filter(|it| !it.is_named).count();
    }
    assert!(0 < unnamed);
}

/// How many messages a frame of the workload can hold, and a page of a block.
const FRAME_MESSAGES: u64 = 20;

#[test]
fn what_a_flipped_bit_hits_is_reported_and_the_rest_is_there() {
    let (mut lost, mut flips) = (0, 0);
    for seed in 0..SEEDS {
        let run = worked(seed);
        let mut dice = Dice(seed);
        let files = run.disk.kill().list().unwrap();
        for _ in 0..60 {
            let disk = run.fork().disk.kill();
            let name = &files[usize::try_from(dice.roll(files.len() as u64)).unwrap()];
            let bytes = disk.open(name).and_then(|file| file.bytes()).unwrap();
            let bytes = if dice.percent(50) { bytes.min(6 << 10) } else { bytes };
            let (at, bit) = (dice.roll(bytes.max(1)), 1 << dice.roll(8));
            if !disk.damage(name, at, bit) {
                continue;
            }
            let case = format!("seed {seed}: bit {bit} of byte {at} of {name}");
            let mut result = salvaged(&disk);
            flips += 1;
            if result.salvaged.is_complete() {
                result.check_all(&run.acknowledged, &case);
                continue;
            }
            let missing = result.check(&run.acknowledged, &case);
            lost += missing;
            if name.ends_with(".segment") {
                assert!(missing <= FRAME_MESSAGES, "{case}: {missing} are missing");
            }
            assert!(
                !name.starts_with("manifest") && !name.ends_with(".spare"),
                "{case}: {:?}",
                result.salvaged
            );
        }
    }
    eprintln!("{flips} flips, {lost} messages lost");
    assert!(0 < lost);
}

#[test]
fn a_file_that_is_missing_or_cut_costs_only_what_it_held() {
    let mut lost = 0;
    for seed in 0..SEEDS {
        let run = worked(seed);
        let mut dice = Dice(seed);
        for name in run.disk.kill().list().unwrap() {
            let disk = run.fork().disk.kill();
            let file = disk.open(&name).unwrap();
            let bytes = file.bytes().unwrap();
            let kept = if dice.percent(50) { 0 } else { dice.roll(bytes.max(1)) };
            let mut beginning = vec![0; usize::try_from(kept).unwrap()];
            file.read_at(0, &mut beginning).unwrap();
            if kept == 0 {
                disk.remove(&name).unwrap();
            } else {
                disk.create(&name, kept).unwrap().write_at(0, &beginning).unwrap();
            }
            let case = format!("seed {seed}: {kept} of {bytes} bytes of {name}");
            let mut result = salvaged(&disk);
            // That there was a last segment, nothing says.
            if kept == 0 && name.ends_with(".segment") {
                continue;
            }
            if result.salvaged.is_complete() {
                result.check_all(&run.acknowledged, &case);
            } else {
                lost += result.check(&run.acknowledged, &case);
            }
        }
    }
    eprintln!("{lost} messages lost");
    assert!(0 < lost);
}
