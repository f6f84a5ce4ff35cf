//! Retention: which messages are due to go. Decides; the commit thread logs it and then it is so.
//!
//! Whether anything is due is told by what the log's record of a stream says, so that a stream costs nothing while nothing
//! is. How much must go takes the sizes and times of its oldest batches: a ledger, kept from the first message on while
//! a stream is small, else read from the log when it is needed. Until it is there, what is due waits.

mod ledger;
mod ledgers;

use crate::dues::Dues;
use crate::settings::EngineBounds;
use ledger::{Ledger, Taken};
use ledgers::Ledgers;
use std::collections::BTreeSet;
use std::time::Duration;
use tidings_log::BatchSize;
use tidings_model::{Incarnation, Retention, Timestamp};

/// What is to be known of a stream, as what is staged leaves it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    pub(crate) retention: Retention,
    pub(crate) earliest: u64,
    pub(crate) tail: u64,
    pub(crate) bytes: u64,
    /// When its oldest message was stored, if the log knows.
    pub(crate) oldest: Option<Timestamp>,
}

/// What must go from a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// The new earliest index.
    pub(crate) earliest: u64,
    /// Bytes of the messages before it. Where a batch is cut, in proportion; where the sizes of batches are not known, as
    /// if all messages had one size.
    pub(crate) bytes: u64,
    /// When the oldest message that is left was stored, if that is known.
    pub(crate) oldest: Option<Timestamp>,
}

/// What is to be done about a stream whose time has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) due: Option<Due>,
    /// When its ages are looked at again: to be told by [`RetentionKeeper::look_at`], unless `due` can't be logged.
    pub(crate) again: Option<Timestamp>,
}

/// Decides what goes. Owned by the commit thread.
///
/// The sets are in the order of their incarnations, so that a simulation does the same each time.
pub(crate) struct RetentionKeeper {
    ledgers: Ledgers,
    /// When the oldest message of a stream may be too old. A stream is here once if it has messages and a limit of age,
    /// or else in `aged`.
    ages: Dues,
    /// Streams with messages that are too old, or may be, whose ledger is being read.
    aged: BTreeSet<Incarnation>,
    /// Streams that may have too much, to be looked at without anything being published.
    overdue: BTreeSet<Incarnation>,
    /// Streams whose ledger must be read.
    wanted: BTreeSet<Incarnation>,
    /// Streams whose ledger is being read.
    asked: BTreeSet<Incarnation>,
}

/// How many ledgers are read at a time.
const ASKED_MAX: usize = 16;

/// What could not be done is tried again after so long.
pub(crate) const AGAIN: Duration = Duration::from_secs(1);

impl RetentionKeeper {
    pub(crate) fn new(bounds: &EngineBounds) -> RetentionKeeper {
        RetentionKeeper {
            ledgers: Ledgers::new(bounds),
            ages: Dues::default(),
            aged: BTreeSet::new(),
            overdue: BTreeSet::new(),
            wanted: BTreeSet::new(),
            asked: BTreeSet::new(),
        }
    }

    /// A stream was there at the start.
    pub(crate) fn on_found(&mut self, incarnation: Incarnation, kept: &Kept, now: Timestamp) {
        if let Some(age) = kept.retention.age
            && kept.earliest < kept.tail
        {
            // Where the log does not know, it is found out at once.
            self.ages.push(kept.oldest.map_or(now, |oldest| oldest.after(age)), incarnation);
        }
        if kept.has_too_many() || kept.may_have_too_much() {
            self.overdue.insert(incarnation);
        }
    }

    /// Messages are about to be stored, `kept` with them. Says what must go with the same commit. (What is too old goes
    /// when its time comes.)
    pub(crate) fn on_append(
        &mut self,
        incarnation: Incarnation,
        kept: &Kept,
        batch: BatchSize,
        now: Timestamp,
    ) -> Option<Due> {
        if batch.count == 0 {
            return None;
        }
        let is_first = batch.first_index == kept.earliest;
        if is_first {
            if let Some(age) = kept.retention.age {
                self.ages.push(now.after(age), incarnation);
            }
            self.ledgers.begin(incarnation);
        }
        self.ledgers.push(incarnation, batch);
        let is_over = kept.has_too_many() || (kept.may_have_too_much() && !is_first);
        if is_over { self.take(incarnation, kept, None).due } else { None }
    }

    /// A trim could not be logged: what was due is due again.
    pub(crate) fn on_refused(&mut self, incarnation: Incarnation) {
        self.ledgers.forget(incarnation);
        self.overdue.insert(incarnation);
    }

    pub(crate) fn forget(&mut self, incarnation: Incarnation) {
        self.ledgers.forget(incarnation);
        self.overdue.remove(&incarnation);
        self.wanted.remove(&incarnation);
        self.aged.remove(&incarnation);
    }

    /// Looks at the ages of a stream at that time.
    pub(crate) fn look_at(&mut self, at: Timestamp, incarnation: Incarnation) {
        self.ages.push(at, incarnation);
    }

    /// A stream whose oldest message may be too old by now; [`RetentionKeeper::on_aged`] says.
    pub(crate) fn next_aged(&mut self, now: Timestamp) -> Option<Incarnation> {
        self.ages.pop(now)
    }

    /// A stream that may have too much; [`RetentionKeeper::on_overdue`] says.
    pub(crate) fn next_overdue(&mut self) -> Option<Incarnation> {
        self.overdue.pop_first()
    }

    /// Whether there is more to look at now.
    pub(crate) fn is_behind(&self, now: Timestamp) -> bool {
        self.ages.is_any(now)
    }

    pub(crate) fn on_overdue(&mut self, incarnation: Incarnation, kept: &Kept) -> Option<Due> {
        if kept.has_too_many() || kept.may_have_too_much() {
            self.take(incarnation, kept, None).due
        } else {
            None
        }
    }

    pub(crate) fn on_aged(&mut self, incarnation: Incarnation, kept: &Kept, now: Timestamp) -> Step {
        let Some(age) = kept.retention.age.filter(|_| kept.earliest < kept.tail) else {
            return Step::default();
        };
        let oldest = self.ledgers.of(incarnation).and_then(|ledger| ledger.oldest(kept.earliest));
        match oldest.or(kept.oldest).map(|oldest| oldest.after(age)) {
            Some(at) if now < at => Step { due: None, again: Some(at) },
            _ => {
                let taken = self.take(incarnation, kept, Some(now));
                self.step_of_aged(incarnation, kept, taken, age, now)
            }
        }
    }

    /// The next stream whose ledger is to be read, from its beginning; [`RetentionKeeper::on_sizes`] takes the answer.
    pub(crate) fn next_wanted(&mut self) -> Option<Incarnation> {
        if ASKED_MAX <= self.asked.len() {
            return None;
        }
        let incarnation = self.wanted.pop_first()?;
        self.asked.insert(incarnation);
        Some(incarnation)
    }

    /// It can't be asked for at the moment.
    pub(crate) fn on_not_asked(&mut self, incarnation: Incarnation) {
        self.asked.remove(&incarnation);
        self.wanted.insert(incarnation);
    }

    /// Whether answers are to come.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.asked.is_empty()
    }

    /// The answer; `None` where nothing can be read. `kept` is `None` when the stream is gone.
    pub(crate) fn on_sizes(
        &mut self,
        incarnation: Incarnation,
        sizes: Option<Vec<BatchSize>>,
        kept: Option<&Kept>,
        now: Timestamp,
    ) -> Step {
        self.asked.remove(&incarnation);
        let was_aged = self.aged.remove(&incarnation);
        let Some(kept) = kept else { return Step::default() };
        let aged = kept.retention.age.filter(|_| was_aged);
        let Some(sizes) = sizes else {
            // Whoever reads the messages is told. What is due by size is due again with the next publish.
            return Step { due: None, again: aged.map(|_| now.after(AGAIN)) };
        };
        let mut ledger = Ledger::read(sizes, kept);
        // Before there may be no room for it.
        let taken = ledger.take(kept, aged.map(|_| now));
        self.ledgers.install(incarnation, ledger);
        self.note(incarnation, taken);
        match aged {
            Some(age) => self.step_of_aged(incarnation, kept, taken, age, now),
            None => Step { due: taken.due, again: None },
        }
    }

    /// What follows from looking at the ages of a stream. It is in `ages` or `aged` again after this, unless nothing is left.
    fn step_of_aged(
        &mut self,
        incarnation: Incarnation,
        kept: &Kept,
        taken: Taken,
        age: Duration,
        now: Timestamp,
    ) -> Step {
        let Taken { due, is_unsure, oldest } = taken;
        if is_unsure {
            self.aged.insert(incarnation);
            return Step { due, again: None };
        }
        let is_left = due.is_none_or(|due| due.earliest < kept.tail);
        let again = is_left.then(|| oldest.map_or(now.after(AGAIN), |oldest| oldest.after(age)));
        Step { due, again }
    }

    /// Takes out of the ledger what is due; by age too, if a time is given.
    fn take(&mut self, incarnation: Incarnation, kept: &Kept, aged_at: Option<Timestamp>) -> Taken {
        let taken = self.ledgers.take(incarnation, kept, aged_at);
        self.note(incarnation, taken);
        taken
    }

    /// Where a ledger says too little, a longer one is wanted.
    fn note(&mut self, incarnation: Incarnation, taken: Taken) {
        if taken.is_unsure && !self.asked.contains(&incarnation) {
            self.wanted.insert(incarnation);
        }
    }
}

impl Kept {
    fn has_too_many(&self) -> bool {
        self.retention.count.is_some_and(|max| max < self.tail - self.earliest)
    }

    /// Unless all of it is one publish, which stays.
    fn may_have_too_much(&self) -> bool {
        self.retention.bytes.is_some_and(|max| max < self.bytes) && self.earliest < self.tail
    }
}

#[cfg(test)]
mod tests;
