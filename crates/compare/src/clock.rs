//! The one place that asks for the time.

use std::time::{Duration, Instant};

/// For durations.
#[expect(clippy::disallowed_methods, reason = "this is the clock that everything else takes")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// A monotonic clock that counts from its making, so that a moment fits into a message as a number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    epoch: Instant,
}

impl Clock {
    pub(crate) fn start() -> Clock {
        Clock { epoch: now() }
    }

    /// Nanoseconds since the clock was made.
    pub(crate) fn now_ns(self) -> u64 {
        nanoseconds(now().duration_since(self.epoch))
    }
}

/// A duration as a number; one of more than 584 years is that long.
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Nanoseconds as seconds.
#[expect(clippy::cast_precision_loss, reason = "2^53 nanoseconds are 104 days")]
pub(crate) fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}

/// Nanoseconds as milliseconds.
pub(crate) fn milliseconds(nanoseconds: u64) -> f64 {
    seconds(nanoseconds) * 1e3
}
