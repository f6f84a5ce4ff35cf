//! Waits until nobody else uses the machine, for a moment, and for a limited time.

use std::fs;
use std::ops::ControlFlow;
use std::thread;
use std::time::Duration;

/// How many processors others may use on a machine that is called quiet, or which part of all if that is more.
const OTHERS_MAX: f64 = 0.2;
const OTHERS_PART_MAX: f64 = 0.1;

/// Over how long that is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// How often it is looked before one run.
const LOOKS_MAX: u32 = 10;

/// How often in all, beside one look before each run: a machine that never becomes quiet is not waited for each time anew.
const LOOKS_IN_ALL: u32 = 20;

/// Waits for quiet, and counts how often there was none.
#[derive(Debug, Default)]
pub(crate) struct Quiet {
    more_looks: u32,
    waits: u32,
    /// What others used where it did not become quiet.
    noisy: Vec<f64>,
}

impl Quiet {
    /// Waits until the machine is quiet, or has not become so. `go_on` is asked between two looks.
    pub(crate) fn wait(&mut self, mut go_on: impl FnMut() -> ControlFlow<()>) -> ControlFlow<()> {
        self.waits += 1;
        let mut used = look();
        for _ in 1..LOOKS_MAX {
            go_on()?;
            if used.is_none_or(Used::is_quiet) || LOOKS_IN_ALL <= self.more_looks {
                break;
            }
            used = look();
            self.more_looks += 1;
        }
        self.noisy.extend(used.filter(|used| !used.is_quiet()).map(|used| used.processors));
        ControlFlow::Continue(())
    }

    /// What a reader of the figures has to know of it.
    pub(crate) fn note(&self) -> Option<String> {
        let most = self.noisy.iter().copied().max_by(f64::total_cmp)?;
        Some(format!(
            "The machine was not quiet before {} of {} runs: other programs used up to {most:.1} processors. Close them, and \
             measure again where it matters.",
            self.noisy.len(),
            self.waits
        ))
    }
}

/// How many processors are used, of how many.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Used {
    processors: f64,
    of: f64,
}

impl Used {
    fn is_quiet(self) -> bool {
        self.processors <= OTHERS_MAX.max(OTHERS_PART_MAX * self.of)
    }
}

/// What is used just now; where the system does not say, nothing.
fn look() -> Option<Used> {
    let before = Times::now()?;
    thread::sleep(LOOK);
    Times::now()?.since(before)
}

/// What `/proc/stat` counts, in ticks since the system started.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Times {
    all: f64,
    idle: f64,
    processors: f64,
}

impl Times {
    fn now() -> Option<Times> {
        Times::parse(&fs::read_to_string("/proc/stat").ok()?)
    }

    /// Reads the line of all processors, and counts those of one.
    fn parse(text: &str) -> Option<Times> {
        let mut processors = 0.0;
        let mut of_all = None;
        for line in text.lines().filter_map(|line| line.strip_prefix("cpu")) {
            match line.strip_prefix(' ') {
                Some(ticks) => of_all = Some(ticks),
                None => processors += 1.0,
            }
        }
        // Guests are counted among user time too, so only the first eight are added.
        let ticks: Vec<f64> =
            of_all?.split_whitespace().take(8).map_while(|number| number.parse().ok()).collect();
        // Time in which the machine waits for a disk is nobody's.
        let idle = ticks.get(3)? + ticks.get(4)?;
        Some(Times { all: ticks.iter().sum(), idle, processors })
    }

    /// What was used since then.
    fn since(self, before: Times) -> Option<Used> {
        let all = self.all - before.all;
        let of = self.processors;
        (0.0 < all).then(|| Used { processors: (1.0 - (self.idle - before.idle) / all).max(0.0) * of, of })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str =
        "cpu  100 0 50 800 50 0 0 0 7 0\ncpu0 50 0 25 400 25 0 0 0\ncpu1 50 0 25 400 25 0 0 0\nintr 1\n";
    const AFTER: &str =
        "cpu  110 0 55 820 55 0 0 0 9 0\ncpu0 50 0 25 400 25 0 0 0\ncpu1 50 0 25 400 25 0 0 0\nintr 1\n";

    #[test]
    fn what_is_used_is_what_is_not_idle() {
        let before = Times::parse(BEFORE).unwrap();
        assert_eq!(before, Times { all: 1_000.0, idle: 850.0, processors: 2.0 });
        // 15 of 40 ticks, of two processors.
        let used = Times::parse(AFTER).unwrap().since(before).unwrap();
        assert!((used.processors - 0.75).abs() < 1e-9 && !used.is_quiet(), "{used:?}");
        assert!(Used { of: 8.0, ..used }.is_quiet(), "less than a tenth of the machine");
        assert_eq!(before.since(before), None);
        assert_eq!(Times::parse("intr 1\n"), None);
    }

    #[test]
    fn only_what_was_not_quiet_is_noted() {
        let mut quiet = Quiet { waits: 3, ..Quiet::default() };
        assert_eq!(quiet.note(), None);
        quiet.noisy = vec![0.5, 1.25];
        let note = quiet.note().unwrap();
        assert!(note.contains("2 of 3 runs") && note.contains("up to 1.2 processors"), "{note}");
    }

    #[test]
    fn a_wait_ends_when_it_is_told_to() {
        assert_eq!(Quiet::default().wait(|| ControlFlow::Break(())), ControlFlow::Break(()));
    }
}
