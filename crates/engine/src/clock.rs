//! The source of wall-clock time, as a seam.

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime};
use tidings_model::Timestamp;

/// Tells the time of day. It may jump in both directions; nothing that orders messages depends on it.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;

    /// Time that passed since some moment, and never goes back: to measure with. A clock without one gives the time of day.
    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.now().0)
    }
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the clock that everybody else is handed")]
    fn now(&self) -> Timestamp {
        let elapsed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Timestamp::default().after(elapsed)
    }

    #[allow(clippy::disallowed_methods, reason = "this is the clock that everybody else is handed")]
    fn elapsed(&self) -> Duration {
        static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
        BEGAN.elapsed()
    }
}
