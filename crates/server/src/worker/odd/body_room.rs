//! The room that all bodies which hyper reads share: many connections, each within its own limit, may not fill memory.

use super::Shared;
use crate::worker::Common;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What one request has of the room. It is given back when the request is answered.
pub(super) struct BodyRoom {
    common: Arc<Common>,
    bytes: usize,
}

impl BodyRoom {
    /// None yet.
    pub(super) fn new(worker: &Shared) -> BodyRoom {
        BodyRoom { common: Arc::clone(&worker.borrow().common), bytes: 0 }
    }

    /// Whether there is room for so many bytes now. Takes none: what is announced may never come.
    pub(super) fn has(&self, bytes: u64) -> bool {
        let most = self.most() as u64;
        (self.common.body_bytes.load(Ordering::Relaxed) as u64).saturating_add(bytes) <= most
    }

    /// Takes room for so many bytes more; says whether there is.
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        let most = self.most();
        let add = |taken: usize| taken.checked_add(bytes).filter(|taken| *taken <= most);
        let taken = self.common.body_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        if taken.is_ok() {
            self.bytes += bytes;
        }
        taken.is_ok()
    }

    fn most(&self) -> usize {
        self.common.settings.look(|settings| settings.request_memory_bytes)
    }

    /// Gives all of it back.
    pub(super) fn give_back(&mut self) {
        self.common.body_bytes.fetch_sub(std::mem::take(&mut self.bytes), Ordering::Relaxed);
    }
}

impl Drop for BodyRoom {
    fn drop(&mut self) {
        self.give_back();
    }
}
