//! The engine: the handle that everybody holds, and how it starts and stops.

use crate::committer::{Command, Committer};
use crate::fetch::{self, Fetch};
use crate::filling;
use crate::inbox::{Inbox, Token, WorkerId};
use crate::logs::Logs;
use crate::settings::EngineSettings;
use crate::shared::{Health, Shared};
use crate::stepped::{SteppedSettings, Stepper};
use crate::stream::Stream;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use tidings_log::{DirectoryStorage, LogSettings, OpenError, Operation, SegmentFiller, Storage};
use tidings_model::{Durability, StreamName, Timestamp};

/// Live streams over a log. Shared by all workers.
pub struct Engine {
    shared: Arc<Shared>,
    commands: SyncSender<Command>,
    fetches: SyncSender<Fetch>,
    /// None in an engine that is stepped.
    threads: Vec<JoinHandle<()>>,
}

/// An engine before anything runs in it.
struct Parts {
    engine: Engine,
    committer: Committer,
    commands: Receiver<Command>,
    fetches: Receiver<Fetch>,
    fillers: [(Durability, SegmentFiller); 2],
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

/// Too much waits already; try again a little later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many operations wait for the disk")]
pub struct TooBusy;

impl Engine {
    /// Opens the log, recovers what it holds, and starts the threads. Blocks for as long as recovery takes.
    pub fn start(settings: EngineSettings) -> Result<Engine, StartError> {
        let boot: u32 = rand::random();
        let logs = Logs::open(&settings, &LogSettings::default(), boot, || Box::new(rand::random))?;
        let Parts { mut engine, committer, commands, fetches, fillers } = Engine::parts(settings, logs, boot);
        let commit = thread::Builder::new().name("commit".to_owned());
        let commit = commit.spawn(move || committer.run(&commands));
        engine.threads.push(commit.map_err(|error| StartError::System(error.to_string()))?);
        engine.threads.extend(fetch::start(fetches)?);
        for (durability, filler) in fillers {
            engine.threads.push(filling::start(durability, filler, &engine.shared)?);
        }
        Ok(engine)
    }

    /// An engine without threads: nothing happens in it but what its stepper is told to do. For simulations, in which
    /// the same seed must do the same each time.
    pub fn stepped(
        settings: EngineSettings,
        stepped: SteppedSettings,
    ) -> Result<(Engine, Stepper), StartError> {
        let SteppedSettings { log, boot, random } = stepped;
        let logs = Logs::open(&settings, &log, boot, random)?;
        let Parts { engine, committer, commands, fetches, fillers } = Engine::parts(settings, logs, boot);
        let fillers = fillers.map(|(_, filler)| filler);
        Ok((engine, Stepper { committer, commands, fetches, fillers }))
    }

    fn parts(settings: EngineSettings, logs: Logs, boot: u32) -> Parts {
        let EngineSettings { policy, clock, on_failed, .. } = settings;
        let now = clock.now();
        let shared = Arc::new(Shared::new(policy, clock, boot, on_failed));
        let fillers = logs.fillers();
        let committer = Committer::new(Arc::clone(&shared), logs, settings.tail_cache_bytes, now);
        let (commands, waiting_commands) = sync_channel(settings.pending_operations_max);
        let (fetches, waiting_fetches) = sync_channel(settings.pending_fetches_max);
        let engine = Engine { shared, commands, fetches, threads: Vec::new() };
        Parts { engine, committer, commands: waiting_commands, fetches: waiting_fetches, fillers }
    }

    /// A new inbox for a worker; `wake` is called when there is news, from any thread, and must not wait.
    /// `None` when there are as many workers as there may be.
    pub fn register(&self, wake: Box<dyn Fn() + Send + Sync>) -> Option<Arc<Inbox>> {
        self.shared.register(wake)
    }

    /// The stream of that name, unless it is missing or over. Costs one hash and one short lock.
    pub fn find(&self, name: &StreamName, now: Timestamp) -> Option<Arc<Stream>> {
        self.shared.directory.find(name).filter(|stream| !stream.is_expired(now))
    }

    /// Asks for an operation; the answer comes to the worker's inbox with `token`, after it is stored.
    pub fn submit(&self, operation: Operation, worker: WorkerId, token: Token) -> Result<(), TooBusy> {
        let command = Command::Operation { operation, worker, token };
        self.commands.try_send(command).map_err(|_full| TooBusy)
    }

    /// Asks for messages from the disk; the answer comes to the inbox. Gives the read back when too many wait.
    pub fn fetch(&self, fetch: Fetch) -> Result<(), Fetch> {
        self.fetches.try_send(fetch).map_err(|error| match error {
            TrySendError::Full(fetch) | TrySendError::Disconnected(fetch) => fetch,
        })
    }

    /// Wakes every worker although nothing was stored, so that it looks at what else was asked of it.
    pub fn wake_workers(&self) {
        self.shared.inboxes().iter().for_each(|inbox| inbox.wake());
    }

    /// Up to `limit` streams by name, with names that begin with `prefix`, after the name `after`.
    pub fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Vec<Arc<Stream>> {
        self.shared.directory.list(prefix, after, limit)
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

    /// Stores and answers all that was asked for, then ends the threads.
    ///
    /// An engine that is dropped instead answers what it has begun, and its threads end a little later.
    pub fn stop(self) {
        let Engine { commands, fetches, threads, .. } = self;
        // Refused only when nobody is there to be told.
        let _ended = commands.send(Command::Stop);
        drop((commands, fetches));
        for thread in threads {
            thread.join().expect("a thread of the engine does not panic");
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
