//! The end of a worker: everybody is told, then it waits for them to go, for a while.

use super::output::Written;
use super::slots::{Phase, Slot};
use super::{Owner, Worker};
use crate::return_window;
use crate::settings::Settings;
use std::sync::atomic::Ordering;

impl Worker {
    /// The server is about to end. Once.
    pub(super) fn drain(&mut self) {
        if self.core.draining {
            return;
        }
        self.core.draining = true;
        let connections = self.common.drained_connections.load(Ordering::Relaxed);
        let Settings { drain_window, return_rate, .. } = *self.core.settings;
        self.core.drain_window = return_window::drain_window(drain_window, connections, return_rate);
        self.drain_until_ms = Some(self.core.ms_after(self.core.settings.drain_timeout));
        self.stop_accepting();
        self.drain_slots();
        self.tasks.drain();
    }

    /// Everything that waits is told that the server is about to end.
    fn drain_slots(&mut self) {
        for key in self.slots.keys() {
            self.drain_slot(key);
        }
    }

    pub(super) fn drain_slot(&mut self, key: u64) {
        let Some(slot) = self.slots.get(key) else { return };
        slot.keep_alive = false;
        let Some(mut exchange) = slot.exchange.take() else { return self.drain_idle(key) };
        let mut out = Vec::new();
        exchange.on_drain(&mut self.core, &mut out);
        if let Some(slot) = self.slots.get(key) {
            slot.exchange = Some(exchange);
        }
        if self.send(key, &mut out) == Written::Broken {
            self.close(key);
        }
        self.queue(Owner(key));
    }

    /// A connection that waits for requests is closed, after those that were sent before it could know.
    fn drain_idle(&mut self, key: u64) {
        let is_stranger = |slot: &Slot| matches!(slot.phase, Phase::ProxyHeader | Phase::Handshake);
        if self.slots.peek(key).is_some_and(is_stranger) {
            // It has asked for nothing yet.
            return self.close(key);
        }
        let waits = |worker: &mut Worker| {
            worker.slots.get(key).is_some_and(|slot| slot.phase == Phase::Request && slot.rare.is_none())
        };
        if waits(self) {
            self.on_readable(key);
            self.send_together();
        }
        if waits(self) {
            self.close(key);
        }
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
