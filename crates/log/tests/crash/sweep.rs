//! Crashes a workload at each of its calls, in several ways, and looks at what is left.

use crate::dice::Dice;
use crate::phase::Phase;
use crate::run::Run;
use std::collections::BTreeMap;
use tidings_log::{Fault, PlantedBug, Storage};

/// How many commits a workload has before the crash, and after it.
const COMMITS: u64 = 30;
const COMMITS_AFTER: u64 = 4;

/// How often one log is crashed again.
const ROUNDS: u64 = 40;

/// What happens at a crash point.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// The power fails.
    Power,
    /// The process ends; another one recovers; then the power fails, before it has written anything.
    KillThenPower,
    /// The power fails, and again while the next process recovers.
    PowerTwice,
    /// A call fails; another process recovers; then the power fails.
    ErrorThenKill,
    /// A call fails; then the power fails.
    ErrorThenPower,
    /// The disk is full, and the work goes on.
    Full,
}

const WAYS: [Way; 6] =
    [Way::Power, Way::KillThenPower, Way::PowerTwice, Way::ErrorThenKill, Way::ErrorThenPower, Way::Full];

/// How many crash points there were, and in which work.
#[derive(Default)]
pub(crate) struct Points {
    pub(crate) count: u64,
    pub(crate) phases: BTreeMap<Phase, u64>,
}

impl Points {
    pub(crate) fn add(&mut self, other: Points) {
        self.count += other.count;
        for (phase, count) in other.phases {
            *self.phases.entry(phase).or_default() += count;
        }
    }
}

/// Tries every crash point of one workload. Returns which there are, or what is wrong.
pub(crate) fn sweep(seed: u64, planted: Option<PlantedBug>) -> Result<Points, String> {
    let uniform = seed.is_multiple_of(3);
    let mut whole = Run::new(seed, uniform, planted);
    let _opened = whole.open();
    let _worked = whole.work(COMMITS)?;
    let mut points = Points::default();
    let mut phases = whole.phases.iter().peekable();
    for call in 1..=whole.disk.calls_count() {
        while phases.next_if(|(_, last)| *last < call).is_some() {}
        let phase = phases.peek().map_or(Phase::Other, |(phase, _)| *phase);
        let mut dice = Dice(seed << 32 | call);
        let way = WAYS[usize::try_from(dice.roll(WAYS.len() as u64)).unwrap_or(0)];
        let mut run = Run::new(seed, uniform, planted);
        crash_at(&mut run, call, way, &mut dice)
            .map_err(|fault| format!("call {call} ({phase:?}), {way:?}: {fault}"))?;
        points.count += 1;
        *points.phases.entry(phase).or_default() += 1;
    }
    Ok(points)
}

fn crash_at(run: &mut Run, call: u64, way: Way, dice: &mut Dice) -> Result<(), String> {
    let fault = match way {
        Way::Power | Way::KillThenPower | Way::PowerTwice => Fault::Power,
        Way::ErrorThenKill | Way::ErrorThenPower => Fault::Io,
        Way::Full => Fault::Full,
    };
    run.disk.set_fault(call, fault);
    if run.open().is_ok() {
        let _stopped = run.work(COMMITS)?;
    }
    run.disk.clear_fault();
    match way {
        Way::Power | Way::ErrorThenPower | Way::Full => run.disk = run.disk.crash(dice.next()),
        Way::KillThenPower | Way::ErrorThenKill => {
            run.disk = run.disk.kill();
            run.recover()?;
            run.disk = run.disk.crash(dice.next());
        }
        Way::PowerTwice => {
            run.disk = run.disk.crash(dice.next());
            run.disk.set_fault(run.disk.calls_count() + 1 + dice.roll(20), Fault::Power);
            let _recovered = run.open();
            run.disk.clear_fault();
            run.disk = run.disk.crash(dice.next());
        }
    }
    run.recover()?;
    // What was cut must stay away when the log goes on in its place and crashes again.
    run.disk.set_fault(run.disk.calls_count() + 1 + dice.roll(20), Fault::Power);
    let _stopped = run.work(COMMITS_AFTER)?;
    run.disk.clear_fault();
    run.disk = run.disk.crash(dice.next());
    run.recover()?;
    run.tidy()
}

/// How many commits lie between two places from which a script can be run again.
const COMMITS_PER_FORK: u64 = 6;

/// Runs one script of `steps` operations and commits, once for each of its calls, which then fails. Returns how many calls
/// there were.
pub(crate) fn failing_calls(seed: u64, steps: u64, planted: Option<PlantedBug>) -> Result<u64, String> {
    let mut whole = Run::new(seed, false, planted);
    let mut dice = Dice(seed);
    let mut calls = 0;
    while whole.steps < steps {
        let start = whole.fork();
        let from = start.disk.calls_count();
        whole.disk = whole.disk.kill();
        whole.open().map_err(|error| error.to_string())?;
        let _worked = whole.work(COMMITS_PER_FORK)?;
        for call in from + 1..=whole.disk.calls_count() {
            let mut run = start.fork();
            run.disk = run.disk.kill();
            run.disk.set_fault(call, Fault::Io);
            if run.open().is_ok() {
                let _stopped = run.work(COMMITS_PER_FORK)?;
            }
            run.disk.clear_fault();
            run.disk = if dice.percent(50) { run.disk.kill() } else { run.disk.crash(dice.next()) };
            run.recover().map_err(|fault| format!("call {call}: {fault}"))?;
            run.tidy().map_err(|fault| format!("call {call}: {fault}"))?;
            calls += 1;
        }
    }
    Ok(calls)
}

/// Crashes one log again and again, each time soon after it was opened: what one recovery cut must stay away when
/// others wrote in its place. Returns how many crashes there were.
pub(crate) fn rounds_sweep(seed: u64, planted: Option<PlantedBug>) -> Result<u64, String> {
    let mut dice = Dice(seed);
    let mut run = Run::new(seed, true, planted);
    for round in 0..ROUNDS {
        run.recover().map_err(|fault| format!("round {round}: {fault}"))?;
        run.disk.set_fault(run.disk.calls_count() + 1 + dice.roll(5), Fault::Power);
        let _stopped = run.work(2)?;
        run.disk.clear_fault();
        run.disk = run.disk.crash(dice.next());
    }
    Ok(ROUNDS)
}

/// Flips bits of a finished log, one at a time, in all of its files. Returns how many.
pub(crate) fn damage_sweep(seed: u64, flips: u64, planted: Option<PlantedBug>) -> Result<u64, String> {
    let mut dice = Dice(seed);
    let mut run = Run::new(seed, false, planted);
    run.open().map_err(|error| error.to_string())?;
    let _worked = run.work(COMMITS)?;
    run.settle();
    let files = run.disk.kill().list().map_err(|error| error.to_string())?;
    for flip in 0..flips {
        let mut damaged = run.fork();
        damaged.disk = damaged.disk.kill();
        let name = &files[usize::try_from(flip).unwrap_or(0) % files.len()];
        let bytes =
            damaged.disk.open(name).and_then(|file| file.bytes()).map_err(|error| error.to_string())?;
        // Most of a manifest, a segment and the reserve is zeros that mean nothing: often the beginning is meant.
        let bytes = if dice.percent(50) { bytes.min(6 << 10) } else { bytes };
        let (at, bit) = (dice.roll(bytes.max(1)), 1 << dice.roll(8));
        if damaged.disk.damage(name, at, bit) {
            damaged
                .recover_from_damage()
                .map_err(|fault| format!("bit {bit} of byte {at} of {name}: {fault}"))?;
        }
    }
    Ok(flips)
}
