//! The committer: the one owner of the order of things.
//!
//! Hot path: publish → commit → acknowledge. A round takes all that waits, checks each against what is stored, writes
//! it with one write and one fsync, then makes it visible, then answers. Budget of a publish: one allocation for its
//! batch, one place in each of two queues, a share of one fsync and of one wake-up per worker. There is no timer:
//! while the disk syncs, the next round gathers.

mod intent;
mod outbox;

use crate::inbox::{Reply, Token, WorkerId};
use crate::logs::Logs;
use crate::mortality::Mortality;
use crate::retention::{Due, RetentionKeeper, kept};
use crate::shared::Shared;
use crate::stream::Stream;
use crate::tail_cache::TailCache;
use intent::Intent;
use outbox::Outbox;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;
use tidings_log::{BatchSize, Change, Operation, Outcome, Refusal, StorageFailed, StreamView};
use tidings_model::{Durability, Incarnation, Offset, StreamName, Timestamp};

/// What the committer is asked to do.
#[expect(clippy::large_enum_variant, reason = "the small one is sent once in the life of an engine")]
pub(crate) enum Command {
    /// Check, store, answer.
    Operation { operation: Operation, worker: WorkerId, token: Token },
    /// Finish what was asked before, then end.
    Stop,
}

/// Owns both logs and everything that is decided in their order. Plain data: a thread of its own runs its rounds, or
/// a `Stepper`.
pub(crate) struct Committer {
    shared: Arc<Shared>,
    logs: Logs,
    streams: HashMap<Incarnation, Arc<Stream>>,
    cache: TailCache,
    retention: RetentionKeeper,
    mortality: Mortality,
    /// Bytes that the staged trims will free, by what they make the earliest. Empty between rounds.
    trimmed_bytes: HashMap<(Incarnation, u64), u64>,
    answers: Vec<(WorkerId, Token, Result<Outcome, Refusal>)>,
    outbox: Outbox,
    ticked: Timestamp,
    /// Once set, everything is refused.
    failed: Option<StorageFailed>,
}

/// Whether another round may follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Round {
    /// It may.
    GoesOn,
    /// It was asked to stop.
    Last,
}

impl Committer {
    /// How often lifetimes and ages are looked at.
    const TICK: Duration = Duration::from_millis(250);
    /// A round stops to gather at that many operations or bytes.
    const ROUND_OPERATIONS: usize = 4_096;
    const ROUND_BYTES: usize = 8 << 20;

    /// Takes over what the logs hold.
    pub(crate) fn new(shared: Arc<Shared>, logs: Logs, tail_cache_bytes: usize, now: Timestamp) -> Committer {
        let found = logs.streams();
        let mut committer = Committer {
            shared,
            logs,
            streams: HashMap::with_capacity(found.len()),
            cache: TailCache::new(tail_cache_bytes),
            retention: RetentionKeeper::default(),
            mortality: Mortality::default(),
            trimmed_bytes: HashMap::new(),
            answers: Vec::new(),
            outbox: Outbox::default(),
            ticked: Timestamp(0),
            failed: None,
        };
        for (durability, view) in found {
            committer.on_found(durability, view, now);
        }
        // What was due when the process ended goes before anybody looks: a trim is not always in the same frame as the
        // messages that it makes room for.
        committer.round(std::iter::empty(), now);
        committer
    }

    /// Works until it is told to stop, or nobody is left who could tell it anything.
    pub(crate) fn run(mut self, commands: &Receiver<Command>) {
        loop {
            let first = match commands.recv_timeout(Committer::TICK) {
                Ok(command) => Some(command),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let now = self.shared.clock.now();
            let waiting = std::iter::from_fn(|| commands.try_recv().ok());
            if self.round(first.into_iter().chain(waiting), now) == Round::Last {
                break;
            }
        }
        self.settle();
    }

    /// Takes what waits, stores it, makes it visible, answers. One write and one fsync, however much it is.
    pub(crate) fn round(&mut self, commands: impl Iterator<Item = Command>, now: Timestamp) -> Round {
        let mut round = Round::GoesOn;
        let mut idle = true;
        for command in commands.take(Committer::ROUND_OPERATIONS) {
            idle = false;
            match command {
                Command::Operation { operation, worker, token } => {
                    let outcome = self.stage(operation, now);
                    self.answers.push((worker, token, outcome));
                }
                Command::Stop => round = Round::Last,
            }
            if Committer::ROUND_BYTES < self.logs.staged_bytes() {
                break;
            }
        }
        self.on_time(now);
        if idle && self.logs.staged_bytes() == 0 {
            self.settle();
        }
        self.commit(now);
        self.outbox.deliver(&self.shared.inboxes());
        round
    }

    /// Writes down that all that was committed is synced, unless that was done. Until then damage to the last commit
    /// looks like a write that a crash cut short.
    pub(crate) fn settle(&mut self) {
        if self.failed.is_none()
            && let Err(error) = self.logs.settle()
        {
            self.fail(error);
        }
    }

    fn stage(&mut self, operation: Operation, now: Timestamp) -> Result<Outcome, Refusal> {
        if let Some(failed) = &self.failed {
            return Err(Refusal::StorageFailed(failed.clone()));
        }
        let intent = Intent::of(&operation).ok_or(Refusal::NotFound)?;
        self.expire(&intent.name, now)?;
        let durability = self.durability_of(&intent.name, intent.durability);
        let outcome = self.logs.stage(durability, operation, now);
        if matches!(outcome, Err(Refusal::StorageFull)) {
            self.shared.set_full(durability, true);
        }
        let outcome = outcome?;
        let staged = match &outcome {
            Outcome::Created { tail, .. } => Some((*tail, true)),
            Outcome::Published { tail: Some(tail), duplicate: false, created, .. } => Some((*tail, *created)),
            Outcome::Existed { .. }
            | Outcome::Published { .. }
            | Outcome::Closed { .. }
            | Outcome::Deleted { .. }
            | Outcome::Trimmed => None,
        };
        if let Some((tail, created)) = staged {
            self.on_staged(Staged { intent, durability, tail, created }, now);
        }
        Ok(outcome)
    }

    /// Messages are going to be stored, or a stream made: what has to go goes with the same commit.
    fn on_staged(&mut self, staged: Staged, now: Timestamp) {
        let Staged { intent, durability, tail, created } = staged;
        self.shared.set_full(durability, false);
        if created {
            let retention = intent.retention.or(self.shared.policy.retention(&intent.name));
            self.retention.watch(tail.incarnation, retention, Vec::new());
        }
        let Intent { count, bytes, .. } = intent;
        let batch = BatchSize { first_index: tail.index - u64::from(count), count, bytes, time: now };
        if let Some(due) = self.retention.on_append(tail.incarnation, batch, now) {
            self.stage_trim(durability, tail.incarnation, due, now);
        }
    }

    /// The log that has the stream, or else the one that a new stream of that name belongs to.
    fn durability_of(&self, name: &StreamName, asked: Option<Durability>) -> Durability {
        let found = self.logs.durability_of(name).or(asked);
        found.unwrap_or_else(|| self.shared.policy.durability(name))
    }

    /// A stream that is over goes before anything else is done under its name.
    fn expire(&mut self, name: &StreamName, now: Timestamp) -> Result<(), Refusal> {
        match self.shared.directory.find(name) {
            Some(stream) if stream.is_expired(now) => self.stage_expiry(&stream, now),
            _ => Ok(()),
        }
    }

    fn stage_expiry(&mut self, stream: &Stream, now: Timestamp) -> Result<(), Refusal> {
        let name = stream.name().clone();
        let delete = Operation::Delete { name, incarnation: Some(stream.incarnation()) };
        match self.logs.stage(stream.durability(), delete, now) {
            // Already gone, by an operation of this very round.
            Ok(_) | Err(Refusal::NotFound) => Ok(()),
            Err(refusal) => Err(refusal),
        }
    }

    fn stage_trim(&mut self, durability: Durability, incarnation: Incarnation, due: Due, now: Timestamp) {
        let trim = Operation::Trim { incarnation, earliest_index: due.earliest };
        match self.logs.stage(durability, trim, now) {
            Ok(_) => *self.trimmed_bytes.entry((incarnation, due.earliest)).or_default() += due.bytes,
            // The stream went in this round.
            Err(Refusal::NotFound) => {}
            // No room: more is kept for now.
            Err(_) => self.retention.on_refused(incarnation, due),
        }
    }

    /// Looks at lifetimes and ages, at most once a tick.
    fn on_time(&mut self, now: Timestamp) {
        let set_back = now < self.ticked;
        if !set_back && now.since(self.ticked) < Committer::TICK {
            return;
        }
        self.ticked = now;
        let streams = &self.streams;
        let expired = self.mortality.on_tick(now, |stream| !streams.contains_key(&stream.incarnation()));
        for stream in expired {
            // Refused for want of room: its turn comes again, and nobody finds it meanwhile.
            let _refused = self.stage_expiry(&stream, now);
        }
        for (incarnation, due) in self.retention.on_tick(now) {
            if let Some(stream) = self.streams.get(&incarnation) {
                let durability = stream.durability();
                self.stage_trim(durability, incarnation, due, now);
            }
        }
    }

    /// Stores what is staged and makes it visible. On an error nothing of the round is acknowledged.
    fn commit(&mut self, now: Timestamp) {
        if self.failed.is_none() {
            let (changes, committed) = self.logs.commit();
            for (durability, change) in changes {
                self.on_change(durability, change, now);
            }
            if let Err(error) = committed {
                self.fail(error);
            }
        }
        self.trimmed_bytes.clear();
        for (worker, token, outcome) in self.answers.drain(..) {
            let outcome = match (&self.failed, outcome) {
                (Some(error), Ok(_)) => Err(Refusal::StorageFailed(error.clone())),
                (_, outcome) => outcome,
            };
            self.outbox.answer(worker, token, Reply::Operation(outcome));
        }
    }

    fn fail(&mut self, error: StorageFailed) {
        self.shared.fail(&error.to_string());
        self.failed = Some(error);
    }

    fn on_change(&mut self, durability: Durability, change: Change, now: Timestamp) {
        match change {
            // A stream that this very round has deleted again was never there. It must not hide the one that has its
            // name now, which may be in the other log.
            Change::Created(view) if !self.logs.has(durability, &view) => {}
            Change::Created(view) => self.on_created(durability, view, now),
            Change::Appended { incarnation, batch } => {
                let Some(stream) = self.streams.get(&incarnation) else { return };
                stream.touch(now);
                let workers = stream.on_appended(Arc::clone(&batch));
                self.cache.on_appended(stream, &batch);
                self.outbox.tell_of(workers, stream);
            }
            Change::Closed { incarnation } => {
                let Some(stream) = self.streams.get(&incarnation) else { return };
                stream.touch(now);
                self.outbox.tell_of(stream.on_closed(), stream);
            }
            Change::Trimmed { incarnation, earliest_index } => {
                let Some(stream) = self.streams.get(&incarnation) else { return };
                let bytes = self.trimmed_bytes.remove(&(incarnation, earliest_index)).unwrap_or_default();
                self.outbox.tell_of(stream.on_trimmed(earliest_index, bytes), stream);
            }
            Change::Deleted { incarnation, .. } => {
                self.retention.forget(incarnation);
                let Some(stream) = self.streams.remove(&incarnation) else { return };
                self.shared.directory.remove(&stream);
                self.outbox.tell_of(stream.on_deleted(), &stream);
            }
        }
    }

    /// A stream was there at the start: what it keeps is counted once.
    fn on_found(&mut self, durability: Durability, view: StreamView, now: Timestamp) {
        let retention = view.config.retention.or(self.shared.policy.retention(&view.name));
        let mut view = view;
        if !retention.keeps_all() || 0 < view.earliest_index {
            // Where sizes can't be read the limits count from now on; who reads the messages is told.
            let stored = view.stored.batch_sizes(view.earliest_index).unwrap_or_default();
            let kept = kept(stored, view.earliest_index);
            view.bytes = kept.iter().map(|batch| batch.bytes).sum();
            self.retention.watch(view.incarnation, retention, kept);
        }
        self.on_created(durability, view, now);
    }

    fn on_created(&mut self, durability: Durability, view: StreamView, now: Timestamp) {
        let retention = view.config.retention.or(self.shared.policy.retention(&view.name));
        let stream = Arc::new(Stream::new(view, durability, retention, now));
        self.mortality.watch(&stream);
        self.streams.insert(stream.incarnation(), Arc::clone(&stream));
        self.shared.directory.insert(stream);
    }
}

/// An operation that changes a stream's messages, or makes it.
struct Staged {
    intent: Intent,
    durability: Durability,
    /// After its messages.
    tail: Offset,
    created: bool,
}

impl Drop for Committer {
    /// The threads that work for it end too. A panic must not leave a server behind that refuses everybody for ever.
    fn drop(&mut self) {
        if thread::panicking() {
            self.shared.fail("the commit thread has panicked");
        }
        self.shared.end();
    }
}
