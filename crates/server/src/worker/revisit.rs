//! A walk over everything that is held open, when who may do what has changed: whoever is not believed any more ends.
//!
//! It goes on with each tick, so that a worker with a million connections is busy with it for moments only.

use super::{Owner, Worker};

/// Places looked at in one go: a few milliseconds; a million within a second.
const PLACES_AT_ONCE: usize = 65_536;

/// How far a walk is.
#[derive(Debug, Default)]
pub(super) struct Revisit {
    /// For which state of [`Access`](crate::authorise::Access) the last one began.
    edition: u64,
    /// The next place; `None` when it is over.
    next: Option<usize>,
}

impl Worker {
    /// Begins a walk if something has changed, and goes on with one that has begun.
    pub(super) fn revisit(&mut self) {
        self.core.access.refresh();
        let edition = self.core.access.edition();
        if std::mem::replace(&mut self.revisit.edition, edition) != edition {
            self.revisit.next = Some(0);
            self.tasks.on_access_changed();
        }
        let Some(from) = self.revisit.next.take() else { return };
        let until = (from + PLACES_AT_ONCE).min(self.slots.places());
        for key in self.slots.keys_at(from..until) {
            let Some(slot) = self.slots.get(key) else { continue };
            let exchange = slot.exchange.as_mut();
            if exchange.is_some_and(|exchange| exchange.on_access_changed(&mut self.core)) {
                self.queue(Owner(key));
            }
        }
        self.revisit.next = (until < self.slots.places()).then_some(until);
    }
}
