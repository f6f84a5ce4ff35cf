//! A circuit breaker: who has failed several times in a row is left alone for a while, so that nobody waits for it in vain, and is asked once
//! then to see whether it is back.

use std::time::Duration;
use tokio::time::Instant;

/// Whether somebody is asked.
pub(super) struct Breaker {
    failures_max: usize,
    pause: Duration,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It answers, or has failed so many times in a row.
    Closed { failures: usize },
    /// It is left alone until then.
    Open { until: Instant },
    /// One question is on its way.
    Trying,
}

/// What an outcome has changed, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Nothing,
    Opened,
    Closed,
}

impl Breaker {
    pub(super) fn new(failures_max: usize, pause: Duration) -> Breaker {
        Breaker { failures_max, pause, state: State::Closed { failures: 0 } }
    }

    /// Whether it has failed too often, and has not answered since.
    pub(super) fn is_open(&self) -> bool {
        !matches!(self.state, State::Closed { .. })
    }

    /// Whether it may be asked now. Who is told so asks.
    pub(super) fn may_ask(&mut self, now: Instant) -> bool {
        match self.state {
            State::Closed { .. } => true,
            State::Open { until } if until <= now => {
                self.state = State::Trying;
                true
            }
            State::Open { .. } | State::Trying => false,
        }
    }

    /// It has answered.
    pub(super) fn on_answer(&mut self) -> Change {
        match std::mem::replace(&mut self.state, State::Closed { failures: 0 }) {
            State::Closed { .. } => Change::Nothing,
            // Also what was asked before it was left alone: it is back.
            State::Open { .. } | State::Trying => Change::Closed,
        }
    }

    /// It has not.
    pub(super) fn on_failure(&mut self, now: Instant) -> Change {
        let open = State::Open { until: now + self.pause };
        match self.state {
            State::Closed { failures } if failures + 1 < self.failures_max => {
                self.state = State::Closed { failures: failures + 1 };
                Change::Nothing
            }
            State::Closed { .. } => {
                self.state = open;
                Change::Opened
            }
            State::Trying => {
                self.state = open;
                Change::Nothing
            }
            // Asked before it was left alone.
            State::Open { .. } => Change::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row_and_closes_after_one_answer() {
        let (now, pause) = (Instant::now(), Duration::from_secs(5));
        let mut breaker = Breaker::new(3, pause);
        breaker.on_failure(now);
        breaker.on_failure(now);
        assert_eq!(breaker.on_answer(), Change::Nothing);
        breaker.on_failure(now);
        breaker.on_failure(now);
        assert!(breaker.may_ask(now));
        assert_eq!(breaker.on_failure(now), Change::Opened);
        assert!(!breaker.may_ask(now + pause / 2));
        // Half-open: one question, and no other meanwhile.
        assert!(breaker.may_ask(now + pause) && !breaker.may_ask(now + pause));
        assert_eq!(breaker.on_failure(now + pause), Change::Nothing);
        assert!(!breaker.may_ask(now + pause) && breaker.may_ask(now + 2 * pause));
        assert_eq!(breaker.on_answer(), Change::Closed);
        assert!(breaker.may_ask(now) && breaker.may_ask(now));
    }
}
