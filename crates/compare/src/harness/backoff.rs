//! How long a follower waits before it connects anew.

use crate::clock::nanoseconds;
use rand::RngExt as _;
use rand::rngs::SmallRng;
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(15);

/// Full jitter: anywhere between nothing and a bound that doubles with each failure in a row.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    pub(super) fn on_success(&mut self) {
        self.failures = 0;
    }

    /// When to come again after a failure, never before `at_least` is over.
    pub(super) fn next_ns(&mut self, now_ns: u64, at_least: Duration, random: &mut SmallRng) -> u64 {
        let bound = FIRST.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        self.failures += 1;
        let jitter_ns = random.random_range(0..=nanoseconds(bound));
        now_ns.saturating_add(nanoseconds(at_least)).saturating_add(jitter_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;

    #[test]
    fn waits_grow_up_to_a_bound_and_spread() {
        let (mut random, mut backoff) = (SmallRng::seed_from_u64(1), Backoff::default());
        let waits: Vec<u64> = (0..40).map(|_| backoff.next_ns(0, Duration::ZERO, &mut random)).collect();
        assert!(waits[0] <= nanoseconds(FIRST) && waits[1] <= 2 * nanoseconds(FIRST));
        assert!(waits.iter().all(|wait| *wait <= nanoseconds(LONGEST)));
        assert!(waits[10..].iter().any(|wait| nanoseconds(LONGEST / 2) < *wait));
        backoff.on_success();
        let asked = Duration::from_secs(30);
        assert!(nanoseconds(asked) <= backoff.next_ns(0, asked, &mut random));
        let never = backoff.next_ns(9, Duration::from_millis(u64::MAX), &mut random);
        assert_eq!(never, u64::MAX, "a server may ask for any time");
    }
}
