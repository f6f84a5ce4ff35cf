//! The engine: the handle that everybody holds, and how it starts and stops.

use crate::clock::Clock;
use crate::committer::{Command, Committer};
use crate::directory::Directory;
use crate::fetch::{Fetch, Fetchers};
use crate::inbox::{Inbox, Token, WorkerId};
use crate::stream::Stream;
use crate::tail_cache::TailCache;
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, RwLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tidings_log::{
    DirectoryStorage, Incarnations, Log, LogSettings, MemoryStorage, OpenError, Operation, SegmentFiller,
    Storage,
};
use tidings_model::{Durability, Retention, StreamName};

/// What names mean, by the settings. Asked when a stream is created or found at the start.
pub trait Policy: Send + Sync {
    /// What a stream of that name keeps where its creation did not say.
    fn retention(&self, name: &StreamName) -> Retention;
    /// What an acknowledgement means where its creation did not say.
    fn durability(&self, name: &StreamName) -> Durability;
}

/// What an engine is started with.
pub struct EngineSettings {
    /// Where the log is.
    pub storage: Arc<dyn Storage>,
    /// The size of a file of the log, in bytes.
    pub segment_bytes: u64,
    /// What all `memory` streams may take together, in bytes.
    pub memory_bytes: u64,
    /// How many streams there may be.
    pub streams_max: usize,
    /// How many producers a stream may know.
    pub producers_max: usize,
    /// Memory for what was committed last, in bytes.
    pub tail_cache_bytes: usize,
    /// How many operations may wait for the commit thread.
    pub pending_operations_max: usize,
    /// How many reads may wait for the disk.
    pub pending_fetches_max: usize,
    /// What names mean.
    pub policy: Arc<dyn Policy>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Called once, from the commit thread, when a write or an fsync has failed: nothing is stored after that.
    pub on_failed: Box<dyn Fn(&str) + Send + Sync>,
}

/// Live streams over a log. Shared by all workers.
pub struct Engine {
    shared: Arc<Shared>,
    commands: SyncSender<Command>,
    fetchers: Fetchers,
    committer: JoinHandle<()>,
    fillers: Vec<JoinHandle<()>>,
}

/// What the threads of the engine share.
pub(crate) struct Shared {
    pub(crate) directory: Directory,
    pub(crate) policy: Arc<dyn Policy>,
    pub(crate) clock: Arc<dyn Clock>,
    boot: u32,
    inboxes: RwLock<Vec<Arc<Inbox>>>,
    full: AtomicBool,
    failed: Mutex<Option<String>>,
    on_failed: Box<dyn Fn(&str) + Send + Sync>,
    stopping: AtomicBool,
}

/// Whether a publish would be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// Yes.
    Ready,
    /// Not at the moment: there is no room on the disk. Reads go on.
    Full,
    /// Never again: a write failed. With the detail for the operator.
    Failed(String),
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
        let now = settings.clock.now();
        let limits = LogSettings {
            segment_bytes: settings.segment_bytes,
            streams_max: settings.streams_max,
            producers_max: settings.producers_max,
            ..LogSettings::default()
        };
        let in_memory = LogSettings { incarnations: Incarnations::Memory { boot }, ..limits.clone() };
        let disk = Log::open(settings.storage, limits, Box::new(rand::random))?;
        let memory = Log::open(
            Arc::new(MemoryStorage::new(settings.memory_bytes)),
            in_memory,
            Box::new(rand::random),
        )?;
        let shared = Arc::new(Shared {
            directory: Directory::new(),
            policy: settings.policy,
            clock: settings.clock,
            boot,
            inboxes: RwLock::default(),
            full: AtomicBool::new(false),
            failed: Mutex::default(),
            on_failed: settings.on_failed,
            stopping: AtomicBool::new(false),
        });
        let fillers = [("fill-disk", disk.filler()), ("fill-memory", memory.filler())];
        let fillers = fillers.map(|(name, filler)| fill_ahead(name, filler, &shared));
        let cache = TailCache::new(settings.tail_cache_bytes);
        let committer = Committer::new(Arc::clone(&shared), disk, memory, cache, now);
        let (commands, queue) = sync_channel(settings.pending_operations_max);
        let committer = spawn("commit", move || committer.run(&queue))?;
        let fillers = fillers.into_iter().collect::<Result<_, _>>()?;
        let fetchers = Fetchers::start(settings.pending_fetches_max);
        Ok(Engine { shared, commands, fetchers, committer, fillers })
    }

    /// A new inbox for a worker; `wake` is called when there is news, from any thread, and must not wait.
    /// `None` when there are as many workers as there may be.
    pub fn register(&self, wake: Box<dyn Fn() + Send + Sync>) -> Option<Arc<Inbox>> {
        let mut inboxes = self.shared.inboxes.write().expect("nobody panics while holding the inboxes");
        let inbox = Arc::new(Inbox::new(WorkerId::new(inboxes.len())?, wake));
        inboxes.push(Arc::clone(&inbox));
        Some(inbox)
    }

    /// The stream of that name, unless it is missing or over. Costs one hash and one short lock.
    pub fn find(&self, name: &StreamName, now: tidings_model::Timestamp) -> Option<Arc<Stream>> {
        self.shared.directory.find(name).filter(|stream| !stream.is_expired(now))
    }

    /// Asks for an operation; the answer comes to the worker's inbox with `token`, after it is stored.
    pub fn submit(&self, operation: Operation, worker: WorkerId, token: Token) -> Result<(), TooBusy> {
        let command = Command::Operation { operation, worker, token };
        self.commands.try_send(command).map_err(|_full| TooBusy)
    }

    /// Asks for messages from the disk; the answer comes to the inbox. Gives the read back when too many wait.
    pub fn fetch(&self, fetch: Fetch) -> Result<(), Fetch> {
        self.fetchers.submit(fetch)
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
    pub fn now(&self) -> tidings_model::Timestamp {
        self.shared.clock.now()
    }

    /// Whether a publish would be stored.
    pub fn health(&self) -> Health {
        let failed = self.shared.failed.lock().expect("nobody panics while holding the failure").clone();
        match failed {
            Some(detail) => Health::Failed(detail),
            None if self.shared.full.load(Ordering::Relaxed) => Health::Full,
            None => Health::Ready,
        }
    }

    /// Stores and answers all that was asked for, then ends the threads.
    pub fn stop(self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        // Refused only when the commit thread has ended by itself, after a failure.
        let _ended = self.commands.send(Command::Stop);
        drop(self.commands);
        self.committer.join().expect("the commit thread does not panic");
        self.fetchers.stop();
        for filler in self.fillers {
            filler.thread().unpark();
            filler.join().expect("a filler does not panic");
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

impl Shared {
    pub(crate) fn inbox_count(&self) -> usize {
        self.inboxes.read().expect("nobody panics while holding the inboxes").len()
    }

    pub(crate) fn inboxes(&self) -> Vec<Arc<Inbox>> {
        self.inboxes.read().expect("nobody panics while holding the inboxes").clone()
    }

    pub(crate) fn set_full(&self, full: bool) {
        self.full.store(full, Ordering::Relaxed);
    }

    pub(crate) fn fail(&self, detail: String) {
        (self.on_failed)(&detail);
        *self.failed.lock().expect("nobody panics while holding the failure") = Some(detail);
    }
}

/// Makes the next file of a log ready before it is needed, so that no publish waits for zeros.
fn fill_ahead(name: &str, filler: SegmentFiller, shared: &Arc<Shared>) -> Result<JoinHandle<()>, StartError> {
    const LOOK_EVERY: Duration = Duration::from_millis(20);
    let shared = Arc::clone(shared);
    spawn(name, move || {
        while !shared.stopping.load(Ordering::Relaxed) {
            if filler.wanted() {
                // Refused for want of room: the commit that needs the file finds out, and says so to its publisher.
                let _refused = filler.fill();
            }
            thread::park_timeout(LOOK_EVERY);
        }
    })
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StartError> {
    let thread = thread::Builder::new().name(name.to_owned());
    thread.spawn(run).map_err(|error| StartError::System(error.to_string()))
}
