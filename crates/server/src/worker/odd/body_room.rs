//! The room that all bodies which hyper reads share: many connections, each within its own limit, may not fill memory.

use super::Shared;
use crate::worker::Common;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What hyper takes for a connection whose request it reads, roughly as measured: its buffers and tasks.
pub(super) const READING_BYTES: usize = 64 << 10;

/// What one request has of the room. It is given back when the request is answered.
pub(super) struct BodyRoom {
    common: Arc<Common>,
    bytes: usize,
    is_reading: bool,
}

impl BodyRoom {
    /// None yet.
    pub(super) fn new(worker: &Shared) -> BodyRoom {
        BodyRoom { common: Arc::clone(&worker.borrow().common), bytes: 0, is_reading: false }
    }

    /// Whether one more body may be read, whatever is in it: what hyper takes for it needs room too.
    pub(super) fn begin(&mut self) -> bool {
        let (most, taken) = (self.most(), self.common.body_bytes.load(Ordering::Relaxed));
        let add = |count| {
            let reading = reading_bytes(count + 1);
            (reading == 0 || taken.saturating_add(reading) <= most).then_some(count + 1)
        };
        let begun = self.common.body_count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        self.is_reading = begun.is_ok();
        self.is_reading
    }

    /// It is read, or given up.
    pub(super) fn end(&mut self) {
        if std::mem::take(&mut self.is_reading) {
            self.common.body_count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Whether there is room for so many bytes now. Takes none: what is announced may never come.
    pub(super) fn has(&self, bytes: u64) -> bool {
        let most = self.most() as u64;
        (self.common.body_bytes.load(Ordering::Relaxed) as u64).saturating_add(bytes) <= most
    }

    /// Takes room for so many bytes more; says whether there is.
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        let reading = reading_bytes(self.common.body_count.load(Ordering::Relaxed));
        let most = self.most().saturating_sub(reading);
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

/// What so many bodies take by themselves. A few are always read.
fn reading_bytes(count: usize) -> usize {
    const ALWAYS: usize = 16;
    count.saturating_sub(ALWAYS) * READING_BYTES
}

impl Drop for BodyRoom {
    fn drop(&mut self) {
        self.give_back();
        self.end();
    }
}
