//! `verify` finds no fault with any log that crashes and upkeep leave, and finds each that is made.

#![expect(
    clippy::unwrap_used,
    clippy::case_sensitive_file_extension_comparisons,
    reason = "the helpers here belong to one test each, and a failure shows its line"
)]

use crate::dice::Dice;
use crate::model::Model;
use crate::run::Run;
use std::collections::BTreeMap;
use std::sync::Arc;
use tidings_log::{LookError, OpenError, PlantedBug, SimulatedStorage, Storage, Verified, verify};

const COMMITS: u64 = 60;
const SEEDS: u64 = 60;
const FLIPS: u64 = 100;

fn verified(disk: &SimulatedStorage) -> Result<Verified, LookError> {
    verify(Arc::new(disk.clone()), &mut |_| ())
}

/// All files, byte for byte.
pub(crate) fn files(disk: &SimulatedStorage) -> BTreeMap<String, Vec<u8>> {
    let bytes = |name: &String| {
        let file = disk.open(name).unwrap();
        let mut bytes = vec![0; usize::try_from(file.bytes().unwrap()).unwrap()];
        file.read_at(0, &mut bytes).unwrap();
        bytes
    };
    disk.list().unwrap().into_iter().map(|name| (name.clone(), bytes(&name))).collect()
}

fn messages(model: &Model) -> u64 {
    model.values().map(|stream| stream.tail_index() - stream.earliest_index).sum()
}

#[test]
fn a_log_that_was_worked_with_is_sound_and_stays_as_it_was() {
    let mut pages = 0;
    for seed in 0..SEEDS {
        let mut run = Run::new(seed, false, None);
        run.open().unwrap();
        let _worked = run.work(COMMITS).unwrap();
        if seed % 2 == 0 {
            run.tidy().unwrap();
        }
        let disk = run.disk.kill();
        let before = files(&disk);
        let found = verified(&disk).unwrap();
        assert_eq!(found.damage, [], "seed {seed}");
        let streams = run.acknowledged.len() as u64;
        assert_eq!((found.streams, found.messages), (streams, messages(&run.acknowledged)), "seed {seed}");
        assert!(files(&disk) == before, "seed {seed}: it wrote something");
        pages += found.pages;
    }
    assert!(300 < pages, "only {pages} pages were looked at");
}

#[test]
fn what_a_crash_leaves_is_no_damage() {
    for seed in 0..SEEDS {
        let mut run = Run::new(seed, false, None);
        run.open().unwrap();
        let _worked = run.work(COMMITS).unwrap();
        let mut dice = Dice(seed);
        let mut crashed = run.fork();
        crashed.disk = crashed.disk.kill();
        let call = crashed.disk.calls_count() + 1 + dice.roll(60);
        crashed.disk.set_fault(call, tidings_log::Fault::Power);
        if crashed.open().is_ok() {
            let _stopped = crashed.work(COMMITS).unwrap();
        }
        let disk = crashed.disk.crash(dice.next());
        assert_eq!(verified(&disk).unwrap().damage, [], "seed {seed}");
    }
}

#[test]
fn a_flipped_bit_is_found_or_means_nothing() {
    let (mut found, mut harmless) = (0, 0);
    for seed in 0..SEEDS {
        let mut dice = Dice(seed);
        let mut run = Run::new(seed, false, None);
        run.open().unwrap();
        let _worked = run.work(COMMITS).unwrap();
        run.settle();
        let files = run.disk.kill().list().unwrap();
        for flip in 0..FLIPS {
            let mut damaged = run.fork();
            damaged.disk = damaged.disk.kill();
            let name = &files[usize::try_from(flip).unwrap() % files.len()];
            let bytes = damaged.disk.open(name).and_then(|file| file.bytes()).unwrap();
            let bytes = if dice.percent(50) { bytes.min(6 << 10) } else { bytes };
            let (at, bit) = (dice.roll(bytes.max(1)), 1 << dice.roll(8));
            if !damaged.disk.damage(name, at, bit) {
                continue;
            }
            let case = format!("seed {seed}: bit {bit} of byte {at} of {name}");
            match verified(&damaged.disk) {
                Ok(verified) if !verified.damage.is_empty() => found += 1,
                Err(LookError::Open(OpenError::NewerFormat { .. })) => found += 1,
                Err(error) => panic!("{case}: {error}"),
                Ok(_) => {
                    // Then nobody can tell that it was flipped, not even upkeep.
                    damaged.open().unwrap_or_else(|error| panic!("{case}: {error}"));
                    damaged.check_all_is_seen().unwrap_or_else(|what| panic!("{case}: {what}"));
                    damaged.tidy().unwrap_or_else(|what| panic!("{case}: {what}"));
                    harmless += 1;
                }
            }
        }
    }
    eprintln!("{found} found, {harmless} harmless");
    assert!(500 < found, "only {found}");
}

/// Checksums are right in what a mistake has written; only that it does not fit together tells.
#[test]
fn what_a_mistake_has_written_does_not_fit_together() {
    for bug in [PlantedBug::DropOneTooMany, PlantedBug::SealForgetsPrevious] {
        let found = (0..SEEDS).any(|seed| {
            let mut run = Run::new(seed, false, Some(bug));
            run.open().unwrap();
            // The mistake may stop it.
            let _worked = run.work(COMMITS);
            !verified(&run.disk.kill()).unwrap().damage.is_empty()
        });
        assert!(found, "{bug:?}");
    }
}

#[test]
fn a_file_that_is_missing_or_cut_is_named() {
    let mut run = Run::new(3, false, None);
    run.open().unwrap();
    let _worked = run.work(COMMITS).unwrap();
    run.tidy().unwrap();
    let names = run.disk.kill().list().unwrap();
    let mut named = 0;
    for name in names.iter().filter(|name| name.ends_with(".block") || name.ends_with(".snapshot")) {
        let disk = run.fork().disk.kill();
        disk.remove(name).unwrap();
        let damage = verified(&disk).unwrap().damage;
        assert!(damage.iter().any(|it| it.file == *name), "{name}: {damage:?}");
        named += 1;
    }
    assert!(1 < named);
    let disk = run.fork().disk.kill();
    disk.remove("manifest.0").unwrap();
    disk.remove("manifest.1").unwrap();
    assert_eq!(verified(&disk).unwrap().damage.len(), 1);
    assert!(matches!(verified(&SimulatedStorage::new()), Err(LookError::NoLog)));
}
