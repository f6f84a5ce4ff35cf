//! Crashes a workload at each of its calls, in several ways, and looks at what is left.

use crate::dice::Dice;
use crate::run::Run;
use tidings_log::{Fault, PlantedBug};

/// How many commits a workload has before the crash, and after it.
const COMMITS: u64 = 14;
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

/// Tries every crash point of one workload. Returns how many there are, or what is wrong.
pub(crate) fn sweep(seed: u64, planted: Option<PlantedBug>) -> Result<u64, String> {
    let uniform = seed.is_multiple_of(3);
    let mut whole = Run::new(seed, uniform, planted);
    let _opened = whole.open();
    let _worked = whole.work(COMMITS)?;
    let calls_count = whole.disk.calls_count();
    for call in 1..=calls_count {
        let mut dice = Dice(seed << 32 | call);
        let way = WAYS[usize::try_from(dice.roll(WAYS.len() as u64)).unwrap_or(0)];
        let mut run = Run::new(seed, uniform, planted);
        crash_at(&mut run, call, way, &mut dice).map_err(|fault| format!("call {call}, {way:?}: {fault}"))?;
    }
    Ok(calls_count)
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
    run.recover()
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

/// Flips bits of a finished log, one place at a time.
pub(crate) fn damage_sweep(seed: u64, planted: Option<PlantedBug>) -> Result<(), String> {
    let mut dice = Dice(seed);
    let mut run = Run::new(seed, false, planted);
    run.open().map_err(|error| error.to_string())?;
    let _worked = run.work(COMMITS)?;
    run.settle();
    for _ in 0..20 {
        let segment = 1 + dice.roll(2);
        let (name, at, bit) = (format!("{segment:08}.segment"), dice.roll(8 << 10), 1 << dice.roll(8));
        run.disk = run.disk.kill();
        if run.disk.damage(&name, at, bit) {
            run.recover_from_damage()
                .map_err(|fault| format!("bit {bit} of byte {at} of {name}: {fault}"))?;
            run.disk = run.disk.kill();
            run.disk.damage(&name, at, bit);
        }
    }
    Ok(())
}
