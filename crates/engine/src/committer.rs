//! The commit thread: the one owner of the order of things.
//!
//! Hot path: publish → commit → acknowledge. A round takes all that waits, checks each against what is stored, writes
//! it with one write and one fsync, then makes it visible, then answers. Budget of a publish: one allocation for its
//! batch, one place in each of two queues, a share of one fsync and of one wake-up per worker. There is no timer:
//! while the disk syncs, the next round gathers.

use crate::engine::Shared;
use crate::inbox::{Reply, Token, WorkerId};
use crate::mortality::Mortality;
use crate::retention::{Due, RetentionKeeper};
use crate::stream::Stream;
use crate::tail_cache::TailCache;
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;
use tidings_log::{BatchSize, Change, Log, Operation, Outcome, Refusal, StorageFailed, StreamView};
use tidings_model::{Durability, Incarnation, Retention, StreamConfig, StreamName, Timestamp};

/// What the commit thread is asked to do.
pub(crate) enum Command {
    /// Check, store, answer.
    Operation { operation: Operation, worker: WorkerId, token: Token },
    /// Finish what was asked before, then end.
    Stop,
}

/// Owns both logs and everything that is decided in their order.
pub(crate) struct Committer {
    shared: Arc<Shared>,
    disk: Log,
    memory: Log,
    streams: HashMap<Incarnation, Arc<Stream>>,
    cache: TailCache,
    retention: RetentionKeeper,
    mortality: Mortality,
    /// Bytes that a staged trim will free, until it is committed.
    trimmed_bytes: HashMap<Incarnation, u64>,
    answers: Vec<(WorkerId, Token, Result<Outcome, Refusal>)>,
    news: Vec<WorkerNews>,
    ticked: Timestamp,
}

/// What one worker will hear of this round.
#[derive(Default)]
struct WorkerNews {
    changed: Vec<Arc<Stream>>,
    replies: Vec<(Token, Reply)>,
}

impl Committer {
    /// How often lifetimes and ages are looked at.
    const TICK: Duration = Duration::from_millis(250);
    /// A round stops to gather at that many operations or bytes.
    const ROUND_OPERATIONS: usize = 4_096;
    const ROUND_BYTES: usize = 8 << 20;

    /// Takes over what the logs hold.
    pub(crate) fn new(
        shared: Arc<Shared>,
        disk: Log,
        memory: Log,
        cache: TailCache,
        now: Timestamp,
    ) -> Committer {
        let mut committer = Committer {
            shared,
            disk,
            memory,
            streams: HashMap::new(),
            cache,
            retention: RetentionKeeper::default(),
            mortality: Mortality::default(),
            trimmed_bytes: HashMap::new(),
            answers: Vec::new(),
            news: Vec::new(),
            ticked: now,
        };
        let views: Vec<StreamView> = committer.disk.streams().collect();
        for view in views {
            let retention = view.config.retention.or(committer.shared.policy.retention(&view.name));
            if !retention.keeps_all() {
                // Where sizes can't be read the limits count from now on; who reads the messages is told.
                let stored = view.stored.batch_sizes(view.earliest_index).unwrap_or_default();
                committer.retention.watch(view.incarnation, retention, stored);
            }
            committer.on_found(view, now);
        }
        committer
    }

    /// Works until it is told to stop or the storage fails.
    pub(crate) fn run(mut self, commands: &Receiver<Command>) {
        let mut running = true;
        while running {
            let first = match commands.recv_timeout(Committer::TICK) {
                Ok(command) => Some(command),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let now = self.shared.clock.now();
            let waiting = std::iter::from_fn(|| commands.try_recv().ok());
            for command in first.into_iter().chain(waiting).take(Committer::ROUND_OPERATIONS) {
                match command {
                    Command::Operation { operation, worker, token } => {
                        let outcome = self.stage(operation, now);
                        self.answers.push((worker, token, outcome));
                    }
                    Command::Stop => running = false,
                }
                if Committer::ROUND_BYTES < self.disk.staged_bytes() + self.memory.staged_bytes() {
                    break;
                }
            }
            self.on_time(now);
            if let Err(error) = self.commit(now) {
                self.shared.fail(error.to_string());
                running = false;
            }
            self.tell();
        }
    }

    fn stage(&mut self, operation: Operation, now: Timestamp) -> Result<Outcome, Refusal> {
        let intent = Intent::of(&operation).ok_or(Refusal::NotFound)?;
        self.expire(&intent.name, now)?;
        let outcome = self.log_of(&intent.name, intent.durability).stage(operation, now)?;
        let tail = match &outcome {
            Outcome::Created { tail, .. } => Some((*tail, true)),
            Outcome::Published { tail, duplicate: false, created, .. } => tail.map(|tail| (tail, *created)),
            _ => None,
        };
        if let Some((tail, created)) = tail {
            if created {
                let retention = intent.retention.or(self.shared.policy.retention(&intent.name));
                self.retention.watch(tail.incarnation, retention, Vec::new());
            }
            let Intent { name, count, bytes, .. } = intent;
            let batch = BatchSize { first_index: tail.index - u64::from(count), count, bytes, time: now };
            if let Some(due) = self.retention.on_append(tail.incarnation, batch, now) {
                self.stage_trim(&name, tail.incarnation, due, now);
            }
        }
        Ok(outcome)
    }

    /// The log that has the stream, or else the one that a new stream of that name belongs to.
    fn log_of(&mut self, name: &StreamName, asked: Option<Durability>) -> &mut Log {
        let durability = if self.memory.contains(name.as_str()) {
            Durability::Memory
        } else if self.disk.contains(name.as_str()) {
            Durability::Disk
        } else {
            asked.unwrap_or_else(|| self.shared.policy.durability(name))
        };
        match durability {
            Durability::Disk => &mut self.disk,
            Durability::Memory => &mut self.memory,
        }
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
        let delete = Operation::Delete { name: name.clone(), incarnation: Some(stream.incarnation()) };
        match self.log_of(&name, None).stage(delete, now) {
            // Already gone, by an operation of this very round.
            Ok(_) | Err(Refusal::NotFound) => Ok(()),
            Err(refusal) => Err(refusal),
        }
    }

    fn stage_trim(&mut self, name: &StreamName, incarnation: Incarnation, due: Due, now: Timestamp) {
        let trim = Operation::Trim { incarnation, earliest_index: due.earliest };
        // A refused trim (no room, or the stream went in this round) only means that more is kept for now.
        if self.log_of(name, None).stage(trim, now).is_ok() {
            *self.trimmed_bytes.entry(incarnation).or_default() += due.bytes;
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
                let name = stream.name().clone();
                self.stage_trim(&name, incarnation, due, now);
            }
        }
    }

    /// Stores what is staged and makes it visible. On an error nothing of the round is acknowledged.
    fn commit(&mut self, now: Timestamp) -> Result<(), StorageFailed> {
        self.news.resize_with(self.shared.inbox_count(), WorkerNews::default);
        let mut failed = None;
        for changes in [self.disk.commit(), self.memory.commit()] {
            match changes {
                Ok(changes) => changes.into_iter().for_each(|change| self.on_change(change, now)),
                Err(error) => failed = Some(error),
            }
        }
        self.trimmed_bytes.clear();
        for (worker, token, outcome) in self.answers.drain(..) {
            match &outcome {
                Err(Refusal::StorageFull) => self.shared.set_full(true),
                Ok(Outcome::Published { duplicate: false, .. }) => self.shared.set_full(false),
                _ => {}
            }
            let outcome = match (&failed, outcome) {
                (Some(error), Ok(_)) => Err(Refusal::StorageFailed(error.clone())),
                (_, outcome) => outcome,
            };
            if let Some(news) = self.news.get_mut(worker.index()) {
                news.replies.push((token, Reply::Operation(outcome)));
            }
        }
        failed.map_or(Ok(()), Err)
    }

    fn on_change(&mut self, change: Change, now: Timestamp) {
        match change {
            Change::Created(view) => {
                self.on_found(view, now);
            }
            Change::Appended { incarnation, batch } => {
                let Some(stream) = self.streams.get(&incarnation) else { return };
                stream.touch(now);
                let workers = stream.on_appended(Arc::clone(&batch));
                self.cache.on_appended(stream, &batch);
                tell_of(&mut self.news, workers, stream);
            }
            Change::Closed { incarnation } => {
                let Some(stream) = self.streams.get(&incarnation) else { return };
                stream.touch(now);
                tell_of(&mut self.news, stream.on_closed(), stream);
            }
            Change::Trimmed { incarnation, earliest_index } => {
                let Some(stream) = self.streams.get(&incarnation) else { return };
                let bytes = self.trimmed_bytes.get(&incarnation).copied().unwrap_or_default();
                tell_of(&mut self.news, stream.on_trimmed(earliest_index, bytes), stream);
            }
            Change::Deleted { incarnation, name } => {
                let Some(stream) = self.streams.remove(&incarnation) else { return };
                self.shared.directory.remove(&name);
                self.retention.forget(incarnation);
                tell_of(&mut self.news, stream.on_deleted(), &stream);
            }
        }
    }

    /// A stream is there: found at the start, or created in this round.
    fn on_found(&mut self, view: StreamView, now: Timestamp) {
        let in_memory = self.memory.contains(view.name.as_str());
        let durability = if in_memory { Durability::Memory } else { Durability::Disk };
        let retention = view.config.retention.or(self.shared.policy.retention(&view.name));
        let stream = Arc::new(Stream::new(view, durability, retention, now));
        self.mortality.watch(&stream);
        self.streams.insert(stream.incarnation(), Arc::clone(&stream));
        self.shared.directory.insert(stream);
    }

    /// Everything is visible: now the workers may know.
    fn tell(&mut self) {
        for (inbox, news) in self.shared.inboxes().iter().zip(&mut self.news) {
            inbox.put(&mut news.changed, &mut news.replies);
        }
    }
}

fn tell_of(news: &mut [WorkerNews], workers: u64, stream: &Arc<Stream>) {
    let mut left = workers;
    while left != 0 {
        let index = left.trailing_zeros() as usize;
        left &= left - 1;
        if let Some(news) = news.get_mut(index) {
            news.changed.push(Arc::clone(stream));
        }
    }
}

/// What must be known of an operation after it was handed to the log.
struct Intent {
    name: StreamName,
    durability: Option<Durability>,
    retention: Retention,
    count: u32,
    bytes: u64,
}

impl Intent {
    /// `None` for what only the engine itself may do.
    fn of(operation: &Operation) -> Option<Intent> {
        let (name, config, messages): (_, Option<&StreamConfig>, &[Bytes]) = match operation {
            Operation::Create { name, config, first, .. } => (name, Some(config), first),
            Operation::Publish(publish) => (&publish.name, publish.create.as_ref(), &publish.messages),
            Operation::Close { name, .. } | Operation::Delete { name, .. } => (name, None, &[]),
            Operation::Trim { .. } => return None,
        };
        Some(Intent {
            name: name.clone(),
            durability: config.and_then(|config| config.durability),
            retention: config.map(|config| config.retention).unwrap_or_default(),
            // More messages than fit into the number are more than fit into a segment, and the log refuses them.
            count: u32::try_from(messages.len()).unwrap_or(u32::MAX),
            bytes: messages.iter().map(|message| message.len() as u64).sum(),
        })
    }
}
