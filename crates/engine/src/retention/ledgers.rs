//! All ledgers, which together have a bound.

use super::Kept;
use super::ledger::{Ledger, Taken};
use crate::settings::EngineBounds;
use std::collections::{HashMap, VecDeque};
use tidings_log::BatchSize;
use tidings_model::{Incarnation, Timestamp};

/// Ledgers by stream. Where there are too many batches in them, those that came first go; they are read again when they
/// are needed.
pub(super) struct Ledgers {
    by_stream: HashMap<Incarnation, Ledger>,
    /// In the order in which they came; with some that are gone.
    order: VecDeque<Incarnation>,
    /// What all of them weigh.
    weight: usize,
    weight_max: usize,
    batches_max: usize,
}

impl Ledgers {
    /// What a ledger weighs, in batches, beside its batches.
    const WEIGHT: usize = 4;

    pub(super) fn new(bounds: &EngineBounds) -> Ledgers {
        Ledgers {
            by_stream: HashMap::new(),
            order: VecDeque::new(),
            weight: 0,
            weight_max: bounds.ledgers_batches_max,
            batches_max: bounds.ledger_batches_max,
        }
    }

    pub(super) fn of(&self, incarnation: Incarnation) -> Option<&Ledger> {
        self.by_stream.get(&incarnation)
    }

    /// A stream without messages gets its first one.
    pub(super) fn begin(&mut self, incarnation: Incarnation) {
        self.install(incarnation, Ledger::of_empty());
    }

    /// Takes a ledger in, in place of the one that is there.
    pub(super) fn install(&mut self, incarnation: Incarnation, ledger: Ledger) {
        self.weight += weight(&ledger);
        match self.by_stream.insert(incarnation, ledger) {
            Some(old) => self.weight -= weight(&old),
            None => self.order.push_back(incarnation),
        }
        self.drop_first_ones();
    }

    pub(super) fn push(&mut self, incarnation: Incarnation, batch: BatchSize) {
        if let Some(ledger) = self.by_stream.get_mut(&incarnation) {
            let before = weight(ledger);
            ledger.push(batch, self.batches_max);
            self.weight = self.weight + weight(ledger) - before;
            self.drop_first_ones();
        }
    }

    /// Takes out what is due. A stream without a ledger has one that says nothing.
    pub(super) fn take(
        &mut self,
        incarnation: Incarnation,
        kept: &Kept,
        aged_at: Option<Timestamp>,
    ) -> Taken {
        match self.by_stream.get_mut(&incarnation) {
            Some(ledger) => {
                let before = weight(ledger);
                let taken = ledger.take(kept, aged_at);
                self.weight = self.weight + weight(ledger) - before;
                taken
            }
            None => Ledger::default().take(kept, aged_at),
        }
    }

    pub(super) fn forget(&mut self, incarnation: Incarnation) {
        if let Some(ledger) = self.by_stream.remove(&incarnation) {
            self.weight -= weight(&ledger);
        }
        // Streams may come and go without ever filling the bound.
        if 2 * self.by_stream.len() + 64 < self.order.len() {
            self.order.retain(|incarnation| self.by_stream.contains_key(incarnation));
        }
    }

    fn drop_first_ones(&mut self) {
        while self.weight_max < self.weight
            && let Some(first) = self.order.pop_front()
        {
            if let Some(ledger) = self.by_stream.remove(&first) {
                self.weight -= weight(&ledger);
            }
        }
    }
}

fn weight(ledger: &Ledger) -> usize {
    Ledgers::WEIGHT + ledger.batches.len()
}
