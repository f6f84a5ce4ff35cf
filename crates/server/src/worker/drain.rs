//! The end of a worker: everybody is told, then it waits for them to go, for a while.

use super::Worker;

impl Worker {
    /// The server is about to end. Once.
    pub(super) fn drain(&mut self) {
        if self.core.draining {
            return;
        }
        self.core.draining = true;
        self.drain_until_ms = Some(self.core.ms_after(self.core.settings.drain_timeout));
        self.stop_accepting();
        self.drain_slots();
        self.tasks.drain();
    }

    /// Whether all have gone, or have had their time.
    pub(super) fn is_drained(&self) -> bool {
        self.drain_until_ms
            .is_some_and(|until_ms| self.connection_count() == 0 || until_ms <= self.core.now_ms)
    }

    /// The text of `Date`, made once a second.
    pub(super) fn date(&mut self) -> tidings_protocol::HttpDate {
        let second = self.core.now.0 / 1_000;
        if self.date.0 != second {
            self.date = (second, tidings_protocol::HttpDate::at(self.core.now));
        }
        self.date.1
    }
}
