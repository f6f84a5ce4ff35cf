//! Strangers: connections whose handshake is not over. So many at a time, and no longer than a time limit.
//!
//! Whoever keeps strangers waiting, a crowd of silent connections say, takes the places of those who wait longest: a peer that
//! goes on with its handshake needs its place for two round trips only.

use super::Worker;
use super::slots::{Phase, Slot};
use std::collections::VecDeque;

/// The strangers of a worker, in the order in which they came.
#[derive(Default)]
pub(super) struct Strangers {
    /// Their keys, and some of connections that are none any more.
    keys: VecDeque<u64>,
    count: usize,
}

impl Worker {
    /// Another one has come. If there are too many, the one that has waited longest goes.
    pub(super) fn on_stranger(&mut self, key: u64) {
        self.strangers.count += 1;
        self.strangers.keys.push_back(key);
        self.forget_known();
        if self.core.settings.max_tls_handshakes < self.strangers.count
            && let Some(oldest) = self.strangers.keys.pop_front()
        {
            log::debug!("a handshake gave way to a newer one");
            self.close(oldest);
        }
    }

    /// Its handshake is over.
    pub(super) fn on_known(&mut self) {
        self.strangers.count -= 1;
        self.forget_known();
    }

    /// A connection has ended.
    pub(super) fn on_stranger_gone(&mut self, slot: &Slot) {
        if slot.phase == Phase::Handshake {
            self.strangers.count -= 1;
        }
    }

    /// Takes keys from the front that are no stranger's: what is behind the oldest stranger is as young as the time limit, so this
    /// list is bounded too.
    fn forget_known(&mut self) {
        while let Some(oldest) = self.strangers.keys.front() {
            if self.slots.peek(*oldest).is_some_and(|slot| slot.phase == Phase::Handshake) {
                return;
            }
            self.strangers.keys.pop_front();
        }
    }
}
