//! How often a stream is polled: a gauge for people.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use tidings_model::Timestamp;

/// Counts by the minute: the running one and the one before it.
#[derive(Default)]
pub(super) struct Polls {
    minute: AtomicU64,
    running: AtomicU32,
    last: AtomicU32,
}

impl Polls {
    // Races at the turn of a minute may lose a few counts; this is a gauge for people.
    pub(super) fn count(&self, now: Timestamp) {
        self.turn(now);
        self.running.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn last_minute(&self, now: Timestamp) -> u32 {
        self.turn(now);
        self.last.load(Ordering::Relaxed)
    }

    fn turn(&self, now: Timestamp) {
        let minute = now.0 / 60_000;
        let before = self.minute.load(Ordering::Relaxed);
        if before == minute {
            return;
        }
        self.minute.store(minute, Ordering::Relaxed);
        let counted = self.running.swap(0, Ordering::Relaxed);
        self.last.store(if before + 1 == minute { counted } else { 0 }, Ordering::Relaxed);
    }
}
