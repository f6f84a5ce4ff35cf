//! After any crash: every acknowledged change is there, in order, with the same offsets, and nothing else but
//! perhaps the first of those that were under way. `TIDINGS_CRASH_SEEDS` runs more than the default.
//!
//! The second half plants mistakes in the log and shows that the same sweeps find each of them.

mod dice;
mod model;
mod phase;
mod probe;
mod restore;
mod run;
mod salvage;
mod sweep;
mod verify;
mod workload;

use phase::Phase;
use sweep::{Points, damage_sweep, failing_calls, rounds_sweep, sweep};
use tidings_log::PlantedBug;

/// How many workloads a plain test run tries; each has a crash point for each of its calls.
const SEEDS: u64 = 40;

/// The least number of crash points that those have together.
const POINTS_MIN: u64 = 10_000;

/// How many bits are flipped for each seed.
const FLIPS: u64 = 50;

/// How many steps a script has whose every call fails once.
const SCRIPT_STEPS: u64 = 2_000;

fn seeds() -> u64 {
    number_of("TIDINGS_CRASH_SEEDS").unwrap_or(SEEDS)
}

/// Where a long sweep goes on, or a second one beside it begins.
fn first_seed() -> u64 {
    number_of("TIDINGS_CRASH_FIRST_SEED").unwrap_or(0)
}

fn number_of(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn every_acknowledged_change_survives_a_crash_at_any_call() {
    let mut points = Points::default();
    for seed in first_seed()..first_seed() + seeds() {
        points.add(sweep(seed, None).unwrap_or_else(|fault| panic!("seed {seed}: {fault}")));
        if seed % 100 == 99 && SEEDS < seeds() {
            eprintln!("up to seed {seed}: {} crash points", points.count);
        }
    }
    eprintln!("{} crash points: {:?}", points.count, points.phases);
    assert!(POINTS_MIN * seeds() / SEEDS <= points.count, "only {} crash points", points.count);
    for phase in [Phase::Open, Phase::Commit, Phase::Roll, Phase::Seal, Phase::Merge, Phase::Snapshot] {
        let count = points.phases.get(&phase).copied().unwrap_or_default();
        assert!(points.count / 100 <= count, "only {count} crash points in {phase:?}");
    }
}

#[test]
fn every_call_of_a_long_script_may_fail() {
    let calls = failing_calls(1, SCRIPT_STEPS, None).unwrap_or_else(|fault| panic!("{fault}"));
    assert!(SCRIPT_STEPS <= calls, "only {calls} calls");
}

#[test]
fn no_flipped_bit_changes_what_is_read() {
    let mut flips = 0;
    for seed in 0..seeds() {
        flips += damage_sweep(seed, FLIPS, None).unwrap_or_else(|fault| panic!("seed {seed}: {fault}"));
    }
    assert!(1_000 <= flips);
}

#[test]
fn what_was_cut_stays_away_through_any_number_of_crashes() {
    for seed in 0..seeds() * 3 {
        rounds_sweep(seed, None).unwrap_or_else(|fault| panic!("seed {seed}: {fault}"));
    }
}

/// The first thing that any sweep has to say against a log with that mistake.
fn found(bug: PlantedBug) -> Option<String> {
    (0..SEEDS * 2).find_map(|seed| {
        let crashes = || sweep(seed, Some(bug)).err();
        let flips = || damage_sweep(seed, FLIPS, Some(bug)).err();
        let rounds = || (0..5).find_map(|more| rounds_sweep(seed * 5 + more, Some(bug)).err());
        rounds().or_else(crashes).or_else(flips)
    })
}

#[test]
fn each_planted_mistake_is_found() {
    for bug in PlantedBug::ALL {
        let found = found(bug);
        let fault = found.as_deref().unwrap_or("survives");
        eprintln!("{bug:?}: {}", fault.lines().next().unwrap_or_default());
        assert!(found.is_some(), "{bug:?} survives the sweep");
    }
}
