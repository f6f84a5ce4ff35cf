//! What time brings: ends of streams, messages that are too old, streams that nobody uses any more, ledgers that were read.

use super::{Arc, durability_of, lifetime_end};
use super::{Committer, Incarnation, Job, Kept, ReadSizes, Sizes, StreamView, Timestamp, TrySendError};
use crate::retention::{AGAIN, Step};

impl Committer {
    /// Streams of each kind that are looked at in one round: bounds the time that it takes from publishing.
    const VISITS: usize = 10_000;

    /// A stream was there at the start.
    pub(super) fn on_found(&mut self, view: &StreamView, now: Timestamp) {
        let accessed = || self.shared.live.first_access(view.created);
        if let Some(end) = lifetime_end(&view.config.lifetime, accessed) {
            self.ends.push(end, view.incarnation);
        }
        let retention = self.shared.retention_of(view);
        if !retention.keeps_all() {
            let kept = Kept {
                retention,
                earliest: view.earliest_index,
                tail: view.tail_index,
                bytes: view.bytes,
                oldest: view.oldest,
            };
            self.retention.on_found(view.incarnation, &kept, now);
        }
    }

    /// Looks at lifetimes and ages, at most once a tick unless there is more to look at.
    pub(super) fn on_time(&mut self, now: Timestamp) {
        let is_set_back = now < self.ticked;
        if !is_set_back && !self.is_behind && now.since(self.ticked) < Committer::TICK {
            return;
        }
        self.ticked = now;
        for _ in 0..Committer::VISITS {
            let Some(incarnation) = self.ends.pop(now) else { break };
            self.on_end(incarnation, now);
        }
        for _ in 0..Committer::VISITS {
            let Some(incarnation) = self.retention.next_aged(now) else { break };
            if let Some(kept) = self.kept(incarnation) {
                let step = self.retention.on_aged(incarnation, &kept, now);
                self.take_step(incarnation, step, now);
            }
        }
        for _ in 0..Committer::VISITS {
            let Some(incarnation) = self.retention.next_overdue() else { break };
            let due = self.kept(incarnation).and_then(|kept| self.retention.on_overdue(incarnation, &kept));
            // Where there is no room all wait for the next tick.
            if due.is_some_and(|due| !self.stage_trim(incarnation, due, now)) {
                break;
            }
        }
        self.hand.on_tick(&self.shared.live, now);
        self.is_behind = self.ends.is_any(now) || self.retention.is_behind(now);
    }

    /// The time of a stream has come, unless somebody has used it since that was said.
    fn on_end(&mut self, incarnation: Incarnation, now: Timestamp) {
        let Some(view) = self.shared.catalogs.of(incarnation) else { return };
        let accessed = || self.shared.live.accessed(incarnation, view.created, now);
        let Some(end) = lifetime_end(&view.config.lifetime, accessed) else { return };
        if now < end {
            self.ends.push(end, incarnation);
            return;
        }
        // Refused for want of room: its turn comes again, and nobody finds it meanwhile. Else it is gone by then.
        let _refused = self.stage_expiry(&view.name, incarnation, now);
        self.ends.push(now.after(AGAIN), incarnation);
    }

    /// Does what the ages of a stream ask for.
    fn take_step(&mut self, incarnation: Incarnation, step: Step, now: Timestamp) {
        let Step { due, again } = step;
        let is_staged = due.is_none_or(|due| self.stage_trim(incarnation, due, now));
        let again = if is_staged { again } else { Some(now.after(AGAIN)) };
        if let Some(at) = again {
            self.retention.look_at(at, incarnation);
        }
    }

    /// Takes the ledgers that were read.
    pub(super) fn on_sizes(&mut self, now: Timestamp) {
        if !self.retention.is_waiting() {
            return;
        }
        for Sizes { incarnation, sizes } in self.shared.take_sizes() {
            let kept = self.kept(incarnation);
            let step = self.retention.on_sizes(incarnation, sizes, kept.as_ref(), now);
            self.take_step(incarnation, step, now);
        }
    }

    /// Asks for ledgers: what the commit thread must know of stored messages is read on other threads.
    pub(super) fn ask_for_sizes(&mut self) {
        while let Some(incarnation) = self.retention.next_wanted() {
            let Some(view) = self.shared.catalogs.of(incarnation) else {
                self.retention.on_sizes(incarnation, None, None, self.ticked);
                continue;
            };
            let read = ReadSizes {
                incarnation,
                stored: view.stored,
                from: view.earliest_index,
                count_max: self.ledger_batches_max,
                shared: Arc::clone(&self.shared),
            };
            match self.jobs.try_send(Job::ReadSizes(read)) {
                Ok(()) => {}
                Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                    self.retention.on_not_asked(incarnation);
                    return;
                }
            }
        }
    }

    /// What is to be known of a stream for its retention; `None` if it is gone.
    fn kept(&self, incarnation: Incarnation) -> Option<Kept> {
        let view = self.shared.catalogs.of(incarnation)?;
        let staged = self.logs.staged(durability_of(incarnation), incarnation)?;
        Some(Kept {
            retention: self.shared.retention_of(&view),
            earliest: staged.earliest_index,
            tail: staged.tail_index,
            bytes: staged.bytes,
            oldest: view.oldest,
        })
    }
}
