//! How long to wait before the next try: exponential, with full jitter, paced by what the server says.
//!
//! Pure: knows neither the clock nor why something failed.

use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::time::Duration;

/// Waits that double from [`Backoff::BASE`] up to a cap. Each is drawn evenly from zero to that bound ("full
/// jitter"), so that followers which were lost together don't come back together.
#[derive(Debug)]
pub(crate) struct Backoff {
    random: StdRng,
    cap: Duration,
    tries: u32,
    /// The least bound of the next wait, as a server asked for it.
    window: Duration,
}

impl Backoff {
    /// The bound of the first wait.
    pub(crate) const BASE: Duration = Duration::from_millis(250);

    /// The bound of every later wait.
    pub(crate) const CAP: Duration = Duration::from_secs(15);

    /// A backoff that has seen no failure.
    pub(crate) fn new(seed: u64) -> Backoff {
        Backoff::with_cap(seed, Backoff::CAP)
    }

    /// The same with another upper bound.
    pub(crate) fn with_cap(seed: u64, cap: Duration) -> Backoff {
        Backoff { random: StdRng::seed_from_u64(seed), cap, tries: 0, window: Duration::ZERO }
    }

    /// The wait after one more failure.
    pub(crate) fn next_wait(&mut self) -> Duration {
        let doubled = Backoff::BASE.saturating_mul(1 << self.tries.min(16));
        self.tries = self.tries.saturating_add(1);
        let bound = doubled.min(self.cap).max(std::mem::take(&mut self.window));
        self.within(bound)
    }

    /// Something worked: the next failure is a first one.
    pub(crate) fn on_success(&mut self) {
        self.tries = 0;
    }

    /// The server wants those that it lets go to come back within `window`, spread out.
    pub(crate) fn on_window(&mut self, window: Duration) {
        self.window = window;
    }

    /// The wait that `Retry-After` asks for: never less, and up to a quarter more, to spread.
    pub(crate) fn at_least(&mut self, wait: Duration) -> Duration {
        wait.saturating_add(self.within(wait / 4))
    }

    /// A wait drawn evenly from zero to `window`.
    pub(crate) fn within(&mut self, window: Duration) -> Duration {
        window.mul_f64(self.random.random::<f64>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_stay_under_a_doubling_bound() {
        for seed in 0..200 {
            let mut backoff = Backoff::new(seed);
            for tries in 0..20_u32 {
                let bound = Backoff::BASE.saturating_mul(2_u32.pow(tries.min(10))).min(Backoff::CAP);
                assert!(backoff.next_wait() <= bound);
            }
        }
    }

    #[test]
    fn waits_use_the_whole_bound() {
        let waits: Vec<Duration> = (0..200).map(|seed| Backoff::new(seed).next_wait()).collect();
        assert!(waits.iter().any(|wait| *wait < Backoff::BASE / 10));
        assert!(waits.iter().any(|wait| *wait > Backoff::BASE * 9 / 10));
    }

    #[test]
    fn a_success_starts_again_at_the_base() {
        let mut backoff = Backoff::new(7);
        for _ in 0..10 {
            backoff.next_wait();
        }
        backoff.on_success();
        assert!(backoff.next_wait() <= Backoff::BASE);
    }

    #[test]
    fn a_window_of_the_server_is_used_once_and_spread() {
        let window = Duration::from_secs(30);
        let waits: Vec<Duration> = (0..200)
            .map(|seed| {
                let mut backoff = Backoff::new(seed);
                backoff.on_window(window);
                let wait = backoff.next_wait();
                assert!(backoff.next_wait() <= Backoff::BASE * 2);
                wait
            })
            .collect();
        assert!(waits.iter().all(|wait| *wait <= window));
        assert!(waits.iter().any(|wait| *wait > window * 3 / 4));
        assert!(waits.iter().any(|wait| *wait < window / 4));
    }

    #[test]
    fn retry_after_is_never_undercut() {
        for seed in 0..100 {
            let wait = Backoff::new(seed).at_least(Duration::from_secs(4));
            assert!(Duration::from_secs(4) <= wait && wait <= Duration::from_secs(5));
        }
    }
}
