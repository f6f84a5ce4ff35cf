//! Time that passes when the simulation says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tidings_engine::Clock;
use tidings_model::Timestamp;

/// A clock in the hand of the simulation. Clones show the same time.
#[derive(Clone)]
pub(crate) struct SimulatedClock(Arc<AtomicU64>);

impl SimulatedClock {
    pub(crate) fn new(now: Timestamp) -> SimulatedClock {
        SimulatedClock(Arc::new(AtomicU64::new(now.0)))
    }

    pub(crate) fn set(&self, now: Timestamp) {
        self.0.store(now.0, Ordering::Relaxed);
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}
