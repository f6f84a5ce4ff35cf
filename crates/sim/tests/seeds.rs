//! Many seeds keep all promises, and planted mistakes are found.
//!
//! `TIDINGS_SIM_SEEDS` is how many seeds are run, `TIDINGS_SIM_FIRST` the first of them.

use std::collections::HashSet;
use tidings_log::{LogSettings, PlantedBug};
use tidings_sim::{Habit, Simulation, Summary};

const SEEDS: u64 = 1_000;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("the setting is a number"))
}

/// A broken promise, and a broken assertion of the engine itself, are both failures of a seed.
fn run(simulation: &Simulation, seed: u64) -> Result<Summary, String> {
    match std::panic::catch_unwind(|| simulation.run(seed)) {
        Ok(outcome) => outcome.map_err(|violation| violation.to_string()),
        Err(_) => Err("it panicked, as said above".to_owned()),
    }
}

/// Whether some seed finds what is wrong.
fn is_found(simulation: &Simulation) -> bool {
    (0..SEEDS).any(|seed| run(simulation, seed).is_err())
}

fn planted(bug: PlantedBug) -> Simulation {
    let simulation = Simulation::new();
    Simulation { log: LogSettings { planted: Some(bug), ..simulation.log }, ..simulation }
}

#[test]
fn every_seed_keeps_all_promises() {
    let first = setting("TIDINGS_SIM_FIRST").unwrap_or(0);
    let count = setting("TIDINGS_SIM_SEEDS").unwrap_or(SEEDS);
    let simulation = Simulation::new();
    let mut total = Summary::default();
    for seed in first..first + count {
        match run(&simulation, seed) {
            Ok(summary) => total += summary,
            Err(violation) => panic!("TIDINGS_SIM_FIRST={seed} TIDINGS_SIM_SEEDS=1: {violation}"),
        }
    }
    eprintln!("{count} seeds: {total:?}");
    if SEEDS <= count {
        let Summary { acknowledged, duplicates, seen, fetched, resets, skips, tidied, restarts } = total;
        for (what, happened) in [
            ("acknowledged", acknowledged / 50),
            ("duplicates", duplicates),
            ("seen", seen / 50),
            ("fetched", fetched),
            ("resets", resets),
            ("skips", skips * 4),
            ("tidied", tidied),
            ("restarts", restarts),
        ] {
            assert!(count < happened, "too little was tried: {what} {total:?}");
        }
    }
}

#[test]
fn the_same_seed_does_the_same() {
    let simulation = Simulation::new();
    let runs: HashSet<Summary> = (0..3).map(|_| simulation.run(7).unwrap()).collect();
    assert_eq!(runs.len(), 1);
}

#[test]
fn an_acknowledgement_before_the_sync_is_found() {
    assert!(is_found(&planted(PlantedBug::AcknowledgeBeforeSync)));
}

#[test]
fn a_message_that_is_visible_before_it_is_stored_is_found() {
    assert!(is_found(&planted(PlantedBug::VisibleBeforeStored)));
}

#[test]
fn a_sync_that_is_tried_again_is_found() {
    assert!(is_found(&planted(PlantedBug::RetrySync)));
}

#[test]
fn recovery_that_shows_what_is_not_synced_is_found() {
    assert!(is_found(&planted(PlantedBug::NoSyncAfterRecovery)));
}

#[test]
fn a_reader_that_watches_too_late_is_found() {
    let simulation = Simulation { habit: Habit::WatchLast, ..Simulation::new() };
    assert!(is_found(&simulation));
}
