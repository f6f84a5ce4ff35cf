//! The engine: the handle that everybody holds, and how it starts and stops.

use crate::catalogs::durability_of;
use crate::committer::{Command, Committer, CommitterParts, Ending};
use crate::fetch::{self, Fetch, Job};
use crate::inbox::{Inbox, News, Token, WorkerId};
use crate::listing::ListedStream;
use crate::live_streams::LiveStreams;
use crate::logs::{Helpers, Logs};
use crate::measures::Measured;
use crate::settings::{EngineBounds, EngineSettings};
use crate::shared::{Health, Probes, Shared};
use crate::stepped::{SteppedSettings, Stepper};
use crate::stream::Stream;
use crate::{filling, tidying};
use std::fmt;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tidings_log::{DirectoryStorage, LogSettings, OpenError, Operation, Storage};
use tidings_model::{Durability, StreamName, Timestamp};

/// Live streams over a log. Shared by all workers.
pub struct Engine {
    shared: Arc<Shared>,
    /// Whose turn it is to commit. The commit thread has it during its rounds.
    committer: Arc<Mutex<Committer>>,
    commands: SyncSender<Command>,
    jobs: SyncSender<Job>,
    /// None in an engine that is stepped.
    threads: Vec<JoinHandle<()>>,
    /// Those that may be at a long piece of work, which can be given up.
    tidiers: Vec<JoinHandle<()>>,
}

/// An engine before anything runs in it.
struct Parts {
    engine: Engine,
    commands: Receiver<Command>,
    jobs: Receiver<Job>,
    helpers: [Helpers; 2],
}

/// The engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The log could not be opened.
    #[error(transparent)]
    Log(#[from] OpenError),
    /// The system has no randomness or no thread to give.
    #[error("the system refuses what the engine needs: {0}")]
    System(String),
}

/// How long a stop waits for a piece of tidying. What takes longer ends with the process: what it has written so far
/// counts for nothing, and is removed at the next start.
const TIDIERS_PATIENCE: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Too much waits already; try again a little later. Gives the operation back.
#[derive(Debug, thiserror::Error)]
#[error("too many operations wait for the disk")]
pub struct TooBusy(pub Box<Operation>);

impl Engine {
    /// Opens the log, recovers what it holds, and starts the threads. Blocks for as long as recovery takes.
    pub fn start(settings: EngineSettings) -> Result<Engine, StartError> {
        let boot: u32 = rand::random();
        let logs = Logs::open(&settings, &LogSettings::default(), boot, || Box::new(rand::random))?;
        let Parts { mut engine, commands, jobs, helpers } =
            Engine::parts(settings, EngineBounds::default(), logs, boot);
        let commit = thread::Builder::new().name("commit".to_owned());
        let (committer, ending) = (Arc::clone(&engine.committer), Ending(Arc::clone(&engine.shared)));
        let commit = commit.spawn(move || {
            let _ending = ending;
            Committer::run(&committer, &commands);
        });
        engine.threads.push(commit.map_err(|error| StartError::System(error.to_string()))?);
        engine.threads.extend(fetch::start(jobs)?);
        for Helpers { durability, filler, upkeep } in helpers {
            engine.threads.push(filling::start(durability, filler, &engine.shared)?);
            engine.tidiers.push(tidying::start(durability, upkeep, &engine.shared)?);
        }
        Ok(engine)
    }

    /// An engine without threads: nothing happens in it but what its stepper is told to do. For simulations, in which
    /// the same seed must do the same each time.
    pub fn stepped(
        settings: EngineSettings,
        stepped: SteppedSettings,
    ) -> Result<(Engine, Stepper), StartError> {
        let SteppedSettings { log, bounds, boot, random } = stepped;
        let logs = Logs::open(&settings, &log, boot, random)?;
        let Parts { engine, commands, jobs, helpers } = Engine::parts(settings, bounds, logs, boot);
        let (shared, committer) = (Arc::clone(&engine.shared), Arc::clone(&engine.committer));
        Ok((engine, Stepper { shared, committer, commands, jobs, helpers }))
    }

    fn parts(settings: EngineSettings, bounds: EngineBounds, mut logs: Logs, boot: u32) -> Parts {
        let EngineSettings { policy, clock, on_failed, tail_cache_bytes, .. } = settings;
        let now = clock.now();
        let shared = Arc::new(Shared::new(logs.catalogs(), policy, clock, boot, on_failed));
        let helpers = logs.helpers();
        let (commands, waiting_commands) = sync_channel(settings.pending_operations_max);
        let (jobs, waiting_jobs) = sync_channel(settings.pending_fetches_max);
        let parts = CommitterParts {
            shared: Arc::clone(&shared),
            logs,
            jobs: jobs.clone(),
            tail_cache_bytes,
            bounds,
        };
        let committer = Arc::new(Mutex::new(Committer::new(parts, now)));
        let engine = Engine { shared, committer, commands, jobs, threads: Vec::new(), tidiers: Vec::new() };
        Parts { engine, commands: waiting_commands, jobs: waiting_jobs, helpers }
    }

    /// A new inbox for a worker; `wake` is called when there is news, from any thread, and must not wait.
    /// `None` when there are as many workers as there may be.
    pub fn register(&self, wake: Box<dyn Fn() + Send + Sync>) -> Option<Arc<Inbox>> {
        self.shared.register(wake)
    }

    /// The stream of that name, unless it is missing or over. Costs two hashes and two short locks where somebody uses
    /// it already; else it is made live, for about a microsecond.
    pub fn find(&self, name: &StreamName, now: Timestamp) -> Option<Arc<Stream>> {
        self.shared.find(name, now).filter(|stream| !stream.is_expired(now))
    }

    /// Asks for an operation; the answer comes to the worker's inbox with `token`, after it is stored.
    pub fn submit(&self, operation: Operation, worker: WorkerId, token: Token) -> Result<(), TooBusy> {
        let command = Command::Operation { operation, worker, token };
        self.commands.try_send(command).map_err(|error| {
            let (TrySendError::Full(command) | TrySendError::Disconnected(command)) = error;
            match command {
                Command::Operation { operation, .. } => TooBusy(Box::new(operation)),
                Command::Probe { .. } | Command::Stop => unreachable!("what comes back is what was sent"),
            }
        })
    }

    /// Sends a message of nobody to nobody the way that a publish goes: through the queue and the commit thread to the disk, and from there to
    /// every worker, which finds the number in its [`News`]. Says whether the queue took it. It is in no stream, and costs 48 bytes of the log.
    pub fn probe(&self, number: u64) -> bool {
        self.commands.try_send(Command::Probe { number }).is_ok()
    }

    /// The numbers of the last probe that was stored, and of the last one that was refused: there was no room.
    pub fn probes(&self) -> (u64, u64) {
        let Probes { stored, refused } = &self.shared.probes;
        (stored.load(Ordering::Relaxed), refused.load(Ordering::Relaxed))
    }

    /// Whether the operation is a publish to a `memory` stream that is there: one for [`Engine::commit_in_memory`].
    pub fn is_in_memory(&self, operation: &Operation) -> bool {
        let Operation::Publish(publish) = operation else { return false };
        let stream = self.shared.live.find(&publish.name);
        stream.is_some_and(|stream| durability_of(stream.incarnation()) == Durability::Memory)
    }

    /// Does these operations at once, in the thread of the worker that calls: they wait for no disk. What comes of them is in
    /// the news; others hear of it as ever.
    ///
    /// `None`, and nothing is done, while the commit thread is at work: then [`Engine::submit`] them, or come again. Whoever
    /// has submitted an operation and waits for its answer does not do a later one so: it would come first.
    pub fn commit_in_memory(
        &self,
        worker: WorkerId,
        operations: &mut Vec<(Operation, Token)>,
    ) -> Option<News> {
        let mut committer = self.committer.try_lock().ok()?;
        committer.round_in_memory(worker, operations, self.shared.clock.now())
    }

    /// Asks for messages from the disk; the answer comes to the inbox. Gives the read back when too many wait.
    pub fn fetch(&self, fetch: Fetch) -> Result<(), Fetch> {
        self.jobs.try_send(Job::Fetch(fetch)).map_err(|error| match error {
            TrySendError::Full(Job::Fetch(fetch)) | TrySendError::Disconnected(Job::Fetch(fetch)) => fetch,
            TrySendError::Full(Job::ReadSizes(_)) | TrySendError::Disconnected(Job::ReadSizes(_)) => {
                unreachable!("what comes back is what was sent")
            }
        })
    }

    /// Wakes every worker although nothing was stored, so that it looks at what else was asked of it.
    pub fn wake_workers(&self) {
        self.shared.inboxes().iter().for_each(|inbox| inbox.wake());
    }

    /// Up to `limit` streams by name, with names that begin with `prefix`, after the name `after`. Makes none of them live.
    pub fn list(&self, prefix: &str, after: Option<&str>, limit: usize, now: Timestamp) -> Vec<ListedStream> {
        let views = self.shared.catalogs.list(prefix, after, limit);
        views.into_iter().map(|view| ListedStream::of(view, &self.shared, now)).collect()
    }

    /// How many streams there are.
    pub fn stream_count(&self) -> usize {
        self.shared.catalogs.count()
    }

    /// In how many parts the live streams can be looked at.
    pub const LIVE_PARTS: usize = LiveStreams::PARTS;

    /// The live streams, those that somebody uses, of one part of all: so that a look at a great many can be taken in steps.
    pub fn live_part(&self, part: usize) -> Vec<Arc<Stream>> {
        self.shared.live.part(part)
    }

    /// The mark of this process, for `Reader::open`.
    pub fn boot(&self) -> u32 {
        self.shared.boot
    }

    /// The time of day.
    pub fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// Whether a publish would be stored.
    pub fn health(&self) -> Health {
        self.shared.health()
    }

    /// What it has measured of itself. Takes a few locks for moments.
    pub fn measured(&self) -> Measured {
        self.shared.measured()
    }

    /// Time that never goes back, since some moment.
    pub fn elapsed(&self) -> Duration {
        self.shared.clock.elapsed()
    }

    /// Stores and answers all that was asked for, then ends the threads.
    ///
    /// An engine that is dropped instead answers what it has begun, and its threads end a little later.
    pub fn stop(self) {
        let Engine { committer, commands, jobs, threads, tidiers, .. } = self;
        // Refused only when nobody is there to be told.
        let _ended = commands.send(Command::Stop);
        // The committer has jobs for the fetch threads, which end when nobody has any more.
        drop((committer, commands, jobs));
        for thread in threads {
            thread.join().expect("a thread of the engine does not panic");
        }
        let mut patience = TIDIERS_PATIENCE;
        for thread in tidiers {
            while !thread.is_finished() && !patience.is_zero() {
                thread::sleep(LOOK_EVERY);
                patience = patience.saturating_sub(LOOK_EVERY);
            }
            if thread.is_finished() {
                thread.join().expect("a thread of the engine does not panic");
            }
        }
    }
}

/// The storage in a folder, which is made if it is missing. One process at a time may have it.
pub fn open_folder(folder: &Path) -> Result<Arc<dyn Storage>, StartError> {
    let storage = DirectoryStorage::open(folder)?;
    Ok(Arc::new(storage))
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Engine")
    }
}
