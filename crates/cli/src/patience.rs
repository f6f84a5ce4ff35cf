//! How long a command goes on trying when the server can't be reached or is busy.
//!
//! Pure: it takes `now` and random numbers, and says how long to wait.

use std::time::Duration;
use tokio::time::Instant;

/// Exponential waits with full jitter, for ever or for a given time since something last worked.
#[derive(Debug)]
pub(crate) struct Patience {
    limit: Option<Duration>,
    /// When trying began to fail.
    failing_since: Option<Instant>,
    tries: u32,
}

impl Patience {
    /// The bound of the first wait.
    const WAIT_MIN: Duration = Duration::from_millis(100);

    /// The bound of every later wait.
    const WAIT_MAX: Duration = Duration::from_secs(10);

    /// `limit` is how long it may fail; `None` is for ever.
    pub(crate) fn new(limit: Option<Duration>) -> Patience {
        Patience { limit, failing_since: None, tries: 0 }
    }

    /// It worked: the next failure is a first one. Says whether it had failed before.
    pub(crate) fn on_success(&mut self) -> bool {
        self.tries = 0;
        self.failing_since.take().is_some()
    }

    /// It failed. How long to wait before the next try, or `None` when it has failed for too long.
    /// `asked` is the wait that the server asked for, `jitter` a random number from 0 to 1.
    pub(crate) fn on_failure(
        &mut self,
        now: Instant,
        asked: Option<Duration>,
        jitter: f64,
    ) -> Option<Duration> {
        let failing = now.duration_since(*self.failing_since.get_or_insert(now));
        let bound = Patience::WAIT_MIN.saturating_mul(1 << self.tries.min(16)).min(Patience::WAIT_MAX);
        self.tries += 1;
        let wait = asked.unwrap_or_default() + bound.mul_f64(jitter);
        let Some(limit) = self.limit else {
            return Some(wait);
        };
        // The last try comes when the time is up, not before.
        limit.checked_sub(failing).filter(|left| !left.is_zero()).map(|left| wait.min(left))
    }

    /// Whether this is the first failure since it worked: the one to tell.
    pub(crate) fn is_first_failure(&self) -> bool {
        self.tries == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound_and_start_again() {
        let now = Instant::now();
        let mut patience = Patience::new(None);
        let waits: Vec<u128> =
            (0..9).map(|_| patience.on_failure(now, None, 1.0).unwrap().as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
        assert!(patience.on_success());
        assert!(!patience.on_success());
        assert_eq!(patience.on_failure(now, None, 0.5), Some(Duration::from_millis(50)));
    }

    #[test]
    fn the_wait_of_the_server_is_never_undercut() {
        let asked = Some(Duration::from_secs(3));
        assert_eq!(Patience::new(None).on_failure(Instant::now(), asked, 0.0), asked);
    }

    #[test]
    fn with_a_limit_it_ends_after_a_last_try() {
        let start = Instant::now();
        let mut patience = Patience::new(Some(Duration::from_secs(1)));
        assert_eq!(patience.on_failure(start, None, 1.0), Some(Duration::from_millis(100)));
        let late = start + Duration::from_millis(950);
        assert_eq!(patience.on_failure(late, None, 1.0), Some(Duration::from_millis(50)));
        assert_eq!(patience.on_failure(start + Duration::from_secs(1), None, 1.0), None);
        assert_eq!(Patience::new(Some(Duration::ZERO)).on_failure(start, None, 1.0), None);
    }
}
