//! Waiting in tests: everything that should happen has a deadline, and nothing waits longer than it must.

use std::time::{Duration, Instant};

/// How long a test waits for what should happen at once; only a failure ever lasts so long.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How often a condition is asked again.
const ASK_EVERY: Duration = Duration::from_millis(5);

/// A point in time after which waiting is over.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// That much from now.
    pub fn after(wait: Duration) -> Deadline {
        Deadline(now() + wait)
    }

    /// [`PATIENCE`] from now.
    pub fn patient() -> Deadline {
        Deadline::after(PATIENCE)
    }

    /// What is left, `None` when it has passed.
    pub fn left(self) -> Option<Duration> {
        self.0.checked_duration_since(now()).filter(|left| !left.is_zero())
    }

    /// Whether it has passed.
    pub fn passed(self) -> bool {
        self.left().is_none()
    }

    /// The earlier one of the two.
    #[must_use]
    pub fn or_sooner(self, other: Deadline) -> Deadline {
        Deadline(self.0.min(other.0))
    }
}

/// Lets time pass, where the passing of time is what a test is about.
pub fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

/// Waits until `ready` gives something; panics, naming `what`, after [`PATIENCE`].
pub fn eventually<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let deadline = Deadline::patient();
    loop {
        if let Some(found) = ready() {
            return found;
        }
        assert!(!deadline.passed(), "within {PATIENCE:?}: {what}");
        pause(ASK_EVERY);
    }
}

#[expect(clippy::disallowed_methods, reason = "the harness waits in real time, for real processes")]
fn now() -> Instant {
    Instant::now()
}
