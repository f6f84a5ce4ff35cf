//! The committer: the one owner of the order of things.
//!
//! Hot path: publish → commit → acknowledge. A round takes all that waits, checks each against what is stored, writes
//! it with one write and one fsync, then makes it visible, then answers. Budget of a publish: one allocation for its
//! batch, one place in each of two queues, a share of one fsync and of one wake-up per worker. There is no timer:
//! while the disk syncs, the next round gathers.
//!
//! Messages for `memory` streams wait for nothing, so the worker that has them takes the committer for a moment, when
//! it is free, and runs a round itself: two wake-ups less. Whoever has it owns it.

mod intent;
mod outbox;
mod time;

use crate::catalogs::durability_of;
use crate::dues::Dues;
use crate::fetch::{Job, ReadSizes};
use crate::hand::Hand;
use crate::inbox::{News, Reply, Token, WorkerId};
use crate::lifetimes::lifetime_end;
use crate::logs::{Committed, Logs};
use crate::retention::{Due, Kept, RetentionKeeper};
use crate::settings::EngineBounds;
use crate::shared::{Shared, Sizes};
use crate::stream::Stream;
use crate::tail_cache::TailCache;
use intent::Intent;
use outbox::Outbox;
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use tidings_log::{BatchSize, Change, Operation, Outcome, Refusal, StorageFailed, StreamView, Trim};
use tidings_model::{Durability, Incarnation, Lifetime, Offset, StreamName, Timestamp};

/// What the committer is asked to do.
#[expect(clippy::large_enum_variant, reason = "the small one is sent once in the life of an engine")]
pub(crate) enum Command {
    /// Check, store, answer.
    Operation { operation: Operation, worker: WorkerId, token: Token },
    /// Write and sync as if for a message, then tell every worker the number.
    Probe { number: u64 },
    /// Finish what was asked before, then end.
    Stop,
}

/// Owns both logs and everything that is decided in their order. Plain data: a thread of its own runs its rounds, or
/// a `Stepper`, or for a moment a worker.
pub(crate) struct Committer {
    shared: Arc<Shared>,
    logs: Logs,
    cache: TailCache,
    retention: RetentionKeeper,
    /// When streams end by themselves. Each that may is here once.
    ends: Dues,
    hand: Hand,
    /// For what must be read from the log.
    jobs: SyncSender<Job>,
    ledger_batches_max: usize,
    /// Commands that were taken and are not staged yet. Mostly empty between rounds.
    ahead: VecDeque<Command>,
    answers: Vec<(WorkerId, Token, Result<Outcome, Refusal>)>,
    outbox: Outbox,
    /// What the next commit proves.
    probe: Option<u64>,
    /// When the write of this round began, if there was one.
    committing_since: Option<Duration>,
    ticked: Timestamp,
    /// More has become due than was looked at: the next round follows at once.
    is_behind: bool,
    /// Once set, everything is refused.
    failed: Option<StorageFailed>,
}

/// What a committer is made of.
pub(crate) struct CommitterParts {
    pub(crate) shared: Arc<Shared>,
    pub(crate) logs: Logs,
    pub(crate) jobs: SyncSender<Job>,
    pub(crate) tail_cache_bytes: usize,
    pub(crate) bounds: EngineBounds,
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
    /// How many commands are looked ahead at: more than a core fetches side by side, few enough for its cache.
    const LOOK_AHEAD: usize = 64;

    /// Takes over what the logs hold: one look at each stream, and nothing is kept of those that neither end by themselves
    /// nor have a limit.
    pub(crate) fn new(parts: CommitterParts, now: Timestamp) -> Committer {
        let CommitterParts { shared, logs, jobs, tail_cache_bytes, bounds } = parts;
        let mut committer = Committer {
            shared,
            logs,
            cache: TailCache::new(tail_cache_bytes),
            retention: RetentionKeeper::new(&bounds),
            ends: Dues::default(),
            hand: Hand::new(bounds.idle_streams_max),
            jobs,
            ledger_batches_max: bounds.ledger_batches_max,
            ahead: VecDeque::new(),
            answers: Vec::new(),
            outbox: Outbox::default(),
            probe: None,
            committing_since: None,
            ticked: Timestamp(0),
            is_behind: false,
            failed: None,
        };
        let shared = Arc::clone(&committer.shared);
        shared.catalogs.for_each(|view| committer.on_found(&view, now));
        // What was due when the process ended goes before anybody looks, as far as it is known: a trim is not always in the
        // same frame as the messages that it makes room for.
        committer.round(std::iter::empty(), now);
        committer
    }

    /// Works until it is told to stop, or nobody is left who could tell it anything. Between two rounds others may have
    /// the committer.
    pub(crate) fn run(committer: &Mutex<Committer>, commands: &Receiver<Command>) {
        let mut patience = Duration::ZERO;
        loop {
            let first = commands.recv_timeout(patience);
            let mut this = committer.lock().expect("nobody panics while holding the committer");
            match first {
                Ok(command) => this.ahead.push_back(command),
                Err(RecvTimeoutError::Disconnected) if this.ahead.is_empty() => break,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            let now = this.shared.clock.now();
            if this.round(std::iter::from_fn(|| commands.try_recv().ok()), now) == Round::Last {
                break;
            }
            let busy = this.is_behind || !this.ahead.is_empty();
            patience = if busy { Duration::ZERO } else { Committer::TICK };
        }
        committer.lock().expect("nobody panics while holding the committer").settle();
    }

    /// A round in the thread of a worker, between two of the commit thread's: takes its operations, which are about `memory`
    /// streams, makes them visible, and gives it its news. Nothing waits for a disk.
    ///
    /// `None` when the commit thread has taken something that comes first; the operations are then left as they were.
    pub(crate) fn round_in_memory(
        &mut self,
        worker: WorkerId,
        operations: &mut Vec<(Operation, Token)>,
        now: Timestamp,
    ) -> Option<News> {
        if !self.ahead.is_empty() {
            return None;
        }
        let mut operations = operations.drain(..).peekable();
        while operations.peek().is_some() {
            while self.logs.staged_bytes() <= Committer::ROUND_BYTES
                && let Some((operation, token)) = operations.next()
            {
                let outcome = self.stage(operation, now);
                self.answers.push((worker, token, outcome));
            }
            self.commit(now);
        }
        let committed_at = self.shared.clock.elapsed();
        let times = (committed_at, committed_at);
        let news = self.outbox.take(worker, times);
        if !self.outbox.is_empty() {
            self.outbox.deliver(&self.shared.inboxes(), times);
        }
        if self.failed.is_none() {
            self.ask_for_sizes();
        }
        Some(news)
    }

    /// Takes what waits, stores it, makes it visible, answers. One write and one fsync, however much it is.
    pub(crate) fn round(&mut self, commands: impl Iterator<Item = Command>, now: Timestamp) -> Round {
        let mut round = Round::GoesOn;
        let mut idle = true;
        let mut commands = commands.take(Committer::ROUND_OPERATIONS);
        while self.logs.staged_bytes() <= Committer::ROUND_BYTES {
            if self.ahead.len() < 2 {
                self.look_ahead(&mut commands);
            }
            let Some(command) = self.ahead.pop_front() else { break };
            idle = false;
            match command {
                Command::Operation { operation, worker, token } => {
                    let outcome = self.stage(operation, now);
                    self.answers.push((worker, token, outcome));
                }
                Command::Probe { number } => self.stage_probe(number, now),
                Command::Stop => round = Round::Last,
            }
        }
        // After a failure nothing that is due can go.
        if self.failed.is_none() {
            self.on_sizes(now);
            self.on_time(now);
        }
        if idle && self.logs.staged_bytes() == 0 {
            self.settle();
        }
        self.commit(now);
        let began = self.committing_since.take();
        if !self.outbox.is_empty() {
            let now = self.shared.clock.elapsed();
            let began = began.unwrap_or(now);
            self.outbox.deliver(&self.shared.inboxes(), (began, now));
        }
        if self.failed.is_none() {
            self.ask_for_sizes();
        }
        round
    }

    /// Takes the next few commands, and fetches what the logs know of their streams side by side.
    fn look_ahead(&mut self, commands: &mut impl Iterator<Item = Command>) {
        self.ahead.extend(commands.take(Committer::LOOK_AHEAD));
        if 1 < self.ahead.len() {
            let names = |command: &Command| match command {
                Command::Operation { operation, .. } => operation.name().cloned(),
                Command::Probe { .. } | Command::Stop => None,
            };
            let names: Vec<StreamName> = self.ahead.iter().filter_map(names).collect();
            self.logs.look_ahead(&names);
        }
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

    /// From here to the worker it goes the way of a message, but that it is in no stream.
    fn stage_probe(&mut self, number: u64, now: Timestamp) {
        if self.failed.is_some() {
            return;
        }
        match self.logs.stage_probe(now) {
            // That there is room again is found out by who makes segments: a probe needs less than any message.
            Ok(()) => self.probe = Some(number),
            Err(refusal) => {
                if matches!(refusal, Refusal::StorageFull) {
                    self.shared.set_full(Durability::Disk, true);
                }
                self.shared.probes.refused.store(number, Ordering::Relaxed);
            }
        }
    }

    /// Messages are going to be stored, or a stream made: what has to go goes with the same commit.
    fn on_staged(&mut self, staged: Staged, now: Timestamp) {
        let Staged { intent, durability, tail, created } = staged;
        self.shared.set_full(durability, false);
        let incarnation = tail.incarnation;
        if created && let Some(end) = lifetime_end(&intent.lifetime, || now) {
            self.ends.push(end, incarnation);
        }
        let Some(stream) = self.logs.staged(durability, incarnation) else { return };
        let retention = stream.config.retention.or(self.shared.policy.retention(&intent.name));
        if retention.keeps_all() {
            return;
        }
        let kept = Kept {
            retention,
            earliest: stream.earliest_index,
            tail: stream.tail_index,
            bytes: stream.bytes,
            oldest: None,
        };
        let Intent { count, bytes, .. } = intent;
        let batch = BatchSize { first_index: tail.index - u64::from(count), count, bytes, time: now };
        if let Some(due) = self.retention.on_append(incarnation, &kept, batch, now) {
            self.stage_trim(incarnation, due, now);
        }
    }

    /// The log that has the stream, or else the one that a new stream of that name belongs to.
    fn durability_of(&self, name: &StreamName, asked: Option<Durability>) -> Durability {
        let found = self.logs.durability_of(name).or(asked);
        found.unwrap_or_else(|| self.shared.policy.durability(name))
    }

    /// A stream that is over goes before anything else is done under its name.
    fn expire(&mut self, name: &StreamName, now: Timestamp) -> Result<(), Refusal> {
        if self.ends.is_empty() {
            return Ok(());
        }
        match self.shared.find(name, now) {
            Some(stream) if stream.is_expired(now) => self.stage_expiry(name, stream.incarnation(), now),
            _ => Ok(()),
        }
    }

    fn stage_expiry(
        &mut self,
        name: &StreamName,
        incarnation: Incarnation,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let delete = Operation::Delete { name: name.clone(), incarnation: Some(incarnation) };
        match self.logs.stage(durability_of(incarnation), delete, now) {
            // Already gone, by an operation of this very round.
            Ok(_) | Err(Refusal::NotFound) => Ok(()),
            Err(refusal) => Err(refusal),
        }
    }

    /// Whether it is staged, or there is nothing to trim any more.
    fn stage_trim(&mut self, incarnation: Incarnation, due: Due, now: Timestamp) -> bool {
        let Due { earliest, bytes, oldest } = due;
        let trim = Trim { incarnation, earliest_index: earliest, freed_bytes: bytes, oldest };
        match self.logs.stage(durability_of(incarnation), Operation::Trim(trim), now) {
            // The other one: the stream went in this round.
            Ok(_) | Err(Refusal::NotFound) => true,
            // No room: more is kept for now.
            Err(_) => {
                self.retention.on_refused(incarnation);
                false
            }
        }
    }

    /// Stores what is staged and makes it visible. On an error nothing of the round is acknowledged.
    fn commit(&mut self, now: Timestamp) {
        if self.failed.is_none() {
            let began = self.logs.writes_to_disk().then(|| self.shared.clock.elapsed());
            let Committed { changes, wanting, untidy, failed } = self.logs.commit();
            if let Some(began) = began {
                let took = self.shared.clock.elapsed().saturating_sub(began);
                self.shared.measures.commits.observe(took);
                self.committing_since = Some(began);
            }
            for change in changes {
                self.on_change(change, now);
            }
            for durability in wanting {
                self.shared.filler_bell(durability).ring();
            }
            for durability in untidy {
                self.shared.upkeep_bell(durability).ring();
            }
            if let Some(error) = failed {
                self.fail(error);
            } else if let Some(number) = self.probe.take() {
                self.shared.probes.stored.store(number, Ordering::Relaxed);
                self.outbox.probe = Some(number);
            }
            self.shared.measures.tail_cache_bytes.store(self.cache.bytes() as u64, Ordering::Relaxed);
        }
        self.shared.measures.on_answered(self.answers.len());
        for (worker, token, outcome) in self.answers.drain(..) {
            let outcome = match (&self.failed, outcome) {
                (Some(error), Ok(_)) => Err(Refusal::StorageFailed(error.clone())),
                (_, outcome) => outcome,
            };
            self.outbox.answer(worker, token, Reply::Operation(outcome));
        }
    }

    fn fail(&mut self, error: StorageFailed) {
        self.is_behind = false;
        self.shared.fail(&error.to_string());
        self.failed = Some(error);
    }

    /// Tells the live streams. The log shows the change already, so a stream may have been made live with it.
    fn on_change(&mut self, change: Change, now: Timestamp) {
        match change {
            // Whoever looks for it makes it live.
            Change::Created(_) => {}
            Change::Appended { incarnation, batch } => {
                let Some(stream) = self.live_or_made(incarnation, now) else { return };
                stream.touch(now);
                let workers = stream.on_appended(Arc::clone(&batch));
                self.cache.on_appended(&stream, &batch);
                self.shared.measures.on_appended(batch.messages.len(), batch.bytes());
                self.outbox.tell_of(workers, &stream);
            }
            Change::Closed { incarnation } => match self.shared.live.of(incarnation) {
                Some(stream) => {
                    stream.touch(now);
                    self.outbox.tell_of(stream.on_closed(), &stream);
                }
                None => self.touch_unused(incarnation, now),
            },
            Change::Trimmed { incarnation, earliest_index, bytes } => {
                let Some(stream) = self.shared.live.of(incarnation) else { return };
                self.outbox.tell_of(stream.on_trimmed(earliest_index, bytes), &stream);
            }
            Change::Deleted { incarnation, name } => {
                self.retention.forget(incarnation);
                let Some(stream) = self.shared.live.remove(incarnation, &name) else { return };
                self.outbox.tell_of(stream.on_deleted(), &stream);
            }
        }
    }

    /// A stream that has new messages is live: they are in memory. `None` when this very commit has deleted it again.
    fn live_or_made(&self, incarnation: Incarnation, now: Timestamp) -> Option<Arc<Stream>> {
        let live = self.shared.live.of(incarnation);
        live.or_else(|| self.shared.make_live(&self.shared.catalogs.of(incarnation)?, now))
    }

    fn touch_unused(&self, incarnation: Incarnation, now: Timestamp) {
        let view = self.shared.catalogs.of(incarnation);
        if view.is_some_and(|view| matches!(view.config.lifetime, Lifetime::Ttl { .. })) {
            self.shared.live.touch(incarnation, now);
        }
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

/// Held by the thread that runs the rounds: the threads that work for it end with it.
pub(crate) struct Ending(pub(crate) Arc<Shared>);

impl Drop for Ending {
    /// A panic must not leave a server behind that refuses everybody for ever.
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.fail("the commit thread has panicked");
        }
        self.0.end();
    }
}
