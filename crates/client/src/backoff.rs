//! Chance, and how long to wait before the next try: exponential, with full jitter, paced by what the server says.
//!
//! Pure: knows neither the clock nor why something failed.

use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::time::Duration;

/// Where everything random comes from.
#[derive(Debug)]
pub(crate) enum Chance {
    /// Another number each time.
    Random(Box<StdRng>),
    /// Always the same, for cases that say what happens when.
    #[cfg(test)]
    Fixed(f64),
}

impl Chance {
    pub(crate) fn new(seed: u64) -> Chance {
        Chance::Random(Box::new(StdRng::seed_from_u64(seed)))
    }

    /// From 0 to 1.
    pub(crate) fn draw(&mut self) -> f64 {
        match self {
            Chance::Random(random) => random.random(),
            #[cfg(test)]
            Chance::Fixed(always) => *always,
        }
    }

    /// A wait drawn evenly from zero to `window`.
    pub(crate) fn within(&mut self, window: Duration) -> Duration {
        window.mul_f64(self.draw())
    }

    /// The wait that `Retry-After` asks for: never less, and up to a quarter more, to spread; up to a second at least, since it is
    /// in whole seconds, at which others would come too.
    pub(crate) fn at_least(&mut self, wait: Duration) -> Duration {
        if wait.is_zero() {
            return wait;
        }
        wait.saturating_add(self.within((wait / 4).max(Duration::from_secs(1))))
    }
}

/// Waits that double from a base up to a cap. Each is drawn evenly from zero to that bound ("full jitter"), so that
/// followers which were lost together don't come back together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Backoff {
    base: Duration,
    cap: Duration,
    tries: u32,
}

impl Backoff {
    /// The bound of the first wait, where nobody says otherwise.
    pub(crate) const BASE: Duration = Duration::from_millis(250);

    /// The bound of every later wait, where nobody says otherwise.
    pub(crate) const CAP: Duration = Duration::from_secs(15);

    /// A backoff that has seen no failure.
    pub(crate) fn new(base: Duration, cap: Duration) -> Backoff {
        Backoff { base, cap, tries: 0 }
    }

    /// The wait after one more failure, where so many others may have failed too that the server has named a window for all. Where that is
    /// longer than the bound, the first wait is drawn evenly from it, and each later one from half of it to one and a half: so those
    /// who failed together come back evenly, whenever the server does.
    pub(crate) fn next_wait_in_crowd(&mut self, chance: &mut Chance, window: Duration) -> Duration {
        let doubled = self.base.saturating_mul(1 << self.tries.min(16)).min(self.cap);
        if window <= doubled {
            return self.next_wait(chance);
        }
        let least = if self.tries == 0 { Duration::ZERO } else { window / 2 };
        self.tries = self.tries.saturating_add(1);
        least + chance.within(window)
    }

    /// The wait after one more failure.
    pub(crate) fn next_wait(&mut self, chance: &mut Chance) -> Duration {
        let doubled = self.base.saturating_mul(1 << self.tries.min(16));
        self.tries = self.tries.saturating_add(1);
        chance.within(doubled.min(self.cap))
    }

    /// Something worked: the next failure is a first one.
    pub(crate) fn on_success(&mut self) {
        self.tries = 0;
    }
}

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff::new(Backoff::BASE, Backoff::CAP)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_stay_under_a_doubling_bound() {
        for seed in 0..200 {
            let (mut chance, mut backoff) = (Chance::new(seed), Backoff::default());
            for tries in 0..20_u32 {
                let bound = Backoff::BASE.saturating_mul(2_u32.pow(tries.min(10))).min(Backoff::CAP);
                assert!(backoff.next_wait(&mut chance) <= bound);
            }
        }
    }

    #[test]
    fn waits_use_the_whole_bound() {
        let wait = |seed| Backoff::default().next_wait(&mut Chance::new(seed));
        let waits: Vec<Duration> = (0..200).map(wait).collect();
        assert!(waits.iter().any(|wait| *wait < Backoff::BASE / 10));
        assert!(waits.iter().any(|wait| *wait > Backoff::BASE * 9 / 10));
    }

    #[test]
    fn a_success_starts_again_at_the_base() {
        let (mut chance, mut backoff) = (Chance::new(7), Backoff::default());
        for _ in 0..10 {
            backoff.next_wait(&mut chance);
        }
        backoff.on_success();
        assert!(backoff.next_wait(&mut chance) <= Backoff::BASE);
    }

    /// Of followers that are lost together, as many come in each tenth of the window as in any other, wherever the server comes back.
    #[test]
    fn a_crowd_comes_back_evenly_however_long_the_server_is_away() {
        const CROWD: u32 = 20_000;
        const WINDOW: Duration = Duration::from_secs(5);
        for away in [0.0, 0.3, 1.0, 4.0, 11.0].map(Duration::from_secs_f64) {
            let mut tenths = [0_u32; 30];
            for seed in 0..CROWD {
                let (mut chance, mut backoff) = (Chance::new(u64::from(seed)), Backoff::default());
                let mut at = Duration::ZERO;
                loop {
                    at += backoff.next_wait_in_crowd(&mut chance, WINDOW);
                    if away <= at {
                        break;
                    }
                }
                let tenth = at.saturating_sub(away).as_millis() * 10 / WINDOW.as_millis();
                tenths[usize::try_from(tenth).unwrap()] += 1;
            }
            assert!(tenths.iter().all(|count| *count <= CROWD / 10 * 3 / 2), "{away:?}: {tenths:?}");
        }
    }

    #[test]
    fn a_window_that_is_shorter_than_the_bound_changes_nothing() {
        let waits = |window| {
            let (mut chance, mut backoff) = (Chance::new(1), Backoff::default());
            [0; 9].map(|_| backoff.next_wait_in_crowd(&mut chance, window))
        };
        assert_eq!(waits(Duration::ZERO), waits(Backoff::BASE));
    }

    #[test]
    fn a_window_is_used_evenly() {
        let window = Duration::from_secs(30);
        let waits: Vec<Duration> = (0..200).map(|seed| Chance::new(seed).within(window)).collect();
        assert!(waits.iter().all(|wait| *wait <= window));
        assert!(waits.iter().any(|wait| *wait > window * 3 / 4));
        assert!(waits.iter().any(|wait| *wait < window / 4));
    }

    #[test]
    fn retry_after_is_never_undercut() {
        for seed in 0..100 {
            let wait = Chance::new(seed).at_least(Duration::from_secs(4));
            assert!(Duration::from_secs(4) <= wait && wait <= Duration::from_secs(5));
            let wait = Chance::new(seed).at_least(Duration::from_secs(1));
            assert!(Duration::from_secs(1) <= wait && wait <= Duration::from_secs(2));
        }
    }
}
