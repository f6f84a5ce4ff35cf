//! The only source of time of this crate, and how it notices that the machine has slept.

use std::time::{Duration, Instant, SystemTime};

/// Now, by the clock of the runtime, so that a test may stop it.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Now, by the clock on the wall, which goes on while the machine sleeps.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the clock of the driver, the caller of everything else"
)]
pub(crate) fn wall_now() -> SystemTime {
    SystemTime::now()
}

/// Notices a sleep of the machine: the wall clock has gone on and the other has not.
#[derive(Debug)]
pub(crate) struct SleepWatch {
    seen: (Instant, SystemTime),
}

impl SleepWatch {
    /// How often to look.
    pub(crate) const INTERVAL: Duration = Duration::from_secs(1);

    /// A shorter sleep, or a correction of the wall clock by less, is none.
    const SLEEP_MIN: Duration = Duration::from_secs(5);

    /// A watch that looks for the first time.
    pub(crate) fn new(now: Instant, wall: SystemTime) -> SleepWatch {
        SleepWatch { seen: (now, wall) }
    }

    /// Looks again: has the machine slept since the last time?
    pub(crate) fn on_look(&mut self, now: Instant, wall: SystemTime) -> bool {
        let (then, wall_then) = std::mem::replace(&mut self.seen, (now, wall));
        let passed = now.saturating_duration_since(then);
        // A wall clock that was set back says nothing.
        wall.duration_since(wall_then).is_ok_and(|wall_passed| passed + SleepWatch::SLEEP_MIN < wall_passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_wall_clock_that_runs_ahead_is_a_sleep() {
        let (now, wall) = (now(), wall_now());
        let second = Duration::from_secs(1);
        let look = |passed: Duration, wall_passed: Duration| {
            SleepWatch::new(now, wall).on_look(now + passed, wall + wall_passed)
        };
        assert!(!look(second, second));
        assert!(!look(second, second * 3));
        assert!(!look(second * 100, second * 2));
        assert!(look(second, second * 600));
        assert!(!SleepWatch::new(now, wall).on_look(now + second, wall - second * 600));
    }
}
