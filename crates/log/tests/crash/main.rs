//! After any crash: every acknowledged change is there, in order, with the same offsets, and nothing else but
//! perhaps the first of those that were under way. `TIDINGS_CRASH_SEEDS` runs more than the default.
//!
//! The second half plants mistakes in the log and shows that the same sweep finds each of them.

mod dice;
mod model;
mod probe;
mod run;
mod sweep;
mod workload;

use sweep::{damage_sweep, rounds_sweep, sweep};
use tidings_log::PlantedBug;

/// How many workloads a plain test run tries; each has a crash point for each of its calls.
const SEEDS: u64 = 30;

/// The least number of crash points that those have together.
const POINTS_MIN: u64 = 2_000;

fn seeds() -> u64 {
    std::env::var("TIDINGS_CRASH_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(SEEDS)
}

#[test]
fn every_acknowledged_change_survives_a_crash_at_any_call() {
    let mut points = 0;
    for seed in 0..seeds() {
        points += sweep(seed, None).unwrap_or_else(|fault| panic!("seed {seed}: {fault}"));
    }
    assert!(POINTS_MIN * seeds() / SEEDS <= points, "only {points} crash points");
}

#[test]
fn no_flipped_bit_changes_what_is_read() {
    for seed in 0..seeds() {
        damage_sweep(seed, None).unwrap_or_else(|fault| panic!("seed {seed}: {fault}"));
    }
}

#[test]
fn what_was_cut_stays_away_through_any_number_of_crashes() {
    for seed in 0..seeds() * 3 {
        rounds_sweep(seed, None).unwrap_or_else(|fault| panic!("seed {seed}: {fault}"));
    }
}

/// The first thing that a sweep has to say against a log with that mistake.
fn found(bug: PlantedBug) -> Option<String> {
    (0..SEEDS).find_map(|seed| sweep(seed, Some(bug)).err())
}

fn found_in_rounds(bug: PlantedBug) -> Option<String> {
    (0..SEEDS * 10).find_map(|seed| rounds_sweep(seed, Some(bug)).err())
}

#[test]
fn an_acknowledgement_before_the_sync_is_found() {
    assert!(found(PlantedBug::AcknowledgeBeforeSync).is_some());
}

#[test]
fn a_sync_that_is_tried_again_is_found() {
    assert!(found(PlantedBug::RetrySync).is_some());
}

#[test]
fn a_checksum_that_nobody_looks_at_is_found() {
    assert!(found(PlantedBug::NoChecksum).is_some());
}

#[test]
fn damage_that_is_cut_like_a_torn_write_is_found() {
    assert!((0..SEEDS).any(|seed| damage_sweep(seed, Some(PlantedBug::CutDamage)).is_err()));
}

#[test]
fn a_frame_that_comes_back_after_it_was_cut_is_found() {
    assert!(found_in_rounds(PlantedBug::StaleEpoch).is_some());
}

#[test]
fn an_epoch_that_a_cut_frame_has_already_is_found() {
    assert!(found_in_rounds(PlantedBug::EpochTwice).is_some());
}

#[test]
fn a_recovery_that_shows_what_is_not_synced_is_found() {
    assert!(found(PlantedBug::NoSyncAfterRecovery).is_some());
}

#[test]
fn a_recovery_that_only_syncs_is_found() {
    assert!(found(PlantedBug::NoRewriteAfterRecovery).is_some());
}

#[test]
fn a_commit_that_is_seen_before_it_is_stored_is_found() {
    assert!(found(PlantedBug::VisibleBeforeStored).is_some());
}
