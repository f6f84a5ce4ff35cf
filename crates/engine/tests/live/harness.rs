//! An engine with a clock in the hand of the test, and a worker that waits for its answers.

use bytes::Bytes;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tidings_engine::{
    Clock, Engine, EngineSettings, Fetch, Identity, Inbox, News, Operation, Outcome, Page, PageLimit, Policy,
    Publish, Reader, Refusal, Reply, Step, Stream, Token,
};
use tidings_log::{MemoryStorage, Storage};
use tidings_model::{
    ContentType, Durability, Lifetime, Offset, Retention, Start, StreamConfig, StreamName, Timestamp,
};

/// Nothing takes that long unless it never comes.
const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const START: Timestamp = Timestamp(1_700_000_000_000);
pub(crate) const ALL: PageLimit = PageLimit { bytes: usize::MAX, messages: u64::MAX };

/// Time that stands still until the test moves it.
pub(crate) struct HandClock(AtomicU64);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}

/// Streams are on disk and keep everything, unless their creation says otherwise.
struct KeepAll;

impl Policy for KeepAll {
    fn retention(&self, _: &StreamName) -> Retention {
        Retention::default()
    }

    fn durability(&self, _: &StreamName) -> Durability {
        Durability::Disk
    }
}

/// A running engine and one worker of it.
pub(crate) struct Bench {
    pub(crate) engine: Engine,
    pub(crate) worker: Worker,
    pub(crate) failures: Arc<AtomicUsize>,
    clock: Arc<HandClock>,
}

/// What a test may choose.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) tail_cache_bytes: usize,
    pub(crate) pending_operations_max: usize,
    pub(crate) memory_bytes: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { tail_cache_bytes: 1 << 20, pending_operations_max: 4_096, memory_bytes: 16 << 20 }
    }
}

impl Bench {
    pub(crate) fn start(storage: Arc<dyn Storage>) -> Bench {
        Bench::with(storage, Limits::default())
    }

    pub(crate) fn with(storage: Arc<dyn Storage>, limits: Limits) -> Bench {
        Bench::with_policy(storage, limits, Arc::new(KeepAll))
    }

    pub(crate) fn with_policy(storage: Arc<dyn Storage>, limits: Limits, policy: Arc<dyn Policy>) -> Bench {
        let clock = Arc::new(HandClock(AtomicU64::new(START.0)));
        let failures = Arc::new(AtomicUsize::new(0));
        let on_failed = Arc::clone(&failures);
        let engine = Engine::start(EngineSettings {
            storage,
            segment_bytes: 64 << 10,
            memory_bytes: limits.memory_bytes,
            message_bytes_max: 16 << 10,
            streams_max: 1_000,
            producers_max: 10,
            tail_cache_bytes: limits.tail_cache_bytes,
            pending_operations_max: limits.pending_operations_max,
            pending_fetches_max: 100,
            policy,
            clock: Arc::<HandClock>::clone(&clock),
            on_failed: Box::new(move |_| {
                on_failed.fetch_add(1, Ordering::Relaxed);
            }),
        })
        .unwrap();
        let worker = Worker::register(&engine);
        Bench { engine, worker, failures, clock }
    }

    pub(crate) fn in_memory() -> Bench {
        Bench::start(memory())
    }

    /// Moves the clock to that many milliseconds after the start, or back to it.
    pub(crate) fn set_ms(&self, ms: u64) {
        self.clock.0.store(START.0 + ms, Ordering::Relaxed);
    }

    pub(crate) fn find(&self, name: &str) -> Option<Arc<Stream>> {
        self.engine.find(&StreamName::parse(name).unwrap(), self.engine.now())
    }

    /// How many streams a list shows.
    pub(crate) fn listed_count(&self) -> usize {
        let listed = self.engine.list("", None, 10, self.engine.now());
        listed.iter().filter(|stream| !stream.is_expired).count()
    }

    pub(crate) fn ask(&mut self, operation: Operation) -> Result<Outcome, Refusal> {
        self.worker.ask(&self.engine, operation)
    }

    /// Creates a stream without messages.
    pub(crate) fn create(&mut self, name: &str, config: StreamConfig) -> Result<Outcome, Refusal> {
        self.ask(create(name, config))
    }

    /// Publishes, and returns the offset after the messages.
    pub(crate) fn publish(&mut self, name: &str, messages: &[&str]) -> Offset {
        tail_of(&self.ask(Operation::Publish(publish(name, messages))))
    }

    pub(crate) fn open(&self, name: &str, start: Start) -> Result<Reader, tidings_model::Reset> {
        Reader::open(self.find(name).unwrap(), start, self.engine.boot())
    }

    /// All messages from there on, up to the tail.
    pub(crate) fn read(&mut self, name: &str, start: Start) -> Vec<String> {
        let mut reader = self.open(name, start).unwrap();
        let mut texts = Vec::new();
        while let Some(page) = self.worker.page(&self.engine, &mut reader, ALL) {
            texts.extend(texts_of(&page));
            reader.advance_to(page.end);
        }
        texts
    }

    /// Waits until something is so, looking now and then.
    pub(crate) fn wait_until(&self, mut is_so: impl FnMut(&Bench) -> bool) {
        const LOOK_EVERY: Duration = Duration::from_millis(10);
        for _ in 0..PATIENCE.as_millis() / LOOK_EVERY.as_millis() {
            if is_so(self) {
                return;
            }
            let _news = self.worker.wakes.lock().unwrap().recv_timeout(LOOK_EVERY);
        }
        panic!("it never was so");
    }
}

/// A worker that does one thing at a time.
pub(crate) struct Worker {
    pub(crate) inbox: Arc<Inbox>,
    wakes: Mutex<Receiver<()>>,
    next: Token,
}

impl Worker {
    pub(crate) fn register(engine: &Engine) -> Worker {
        let (wake, wakes) = sync_channel(1);
        let inbox = engine.register(Box::new(move || {
            let _already_woken = wake.try_send(());
        }));
        Worker { inbox: inbox.unwrap(), wakes: Mutex::new(wakes), next: 0 }
    }

    /// Asks without waiting.
    pub(crate) fn submit(&mut self, engine: &Engine, operation: Operation) -> Option<Token> {
        self.next += 1;
        engine.submit(operation, self.inbox.worker(), self.next).ok().map(|()| self.next)
    }

    pub(crate) fn ask(&mut self, engine: &Engine, operation: Operation) -> Result<Outcome, Refusal> {
        let asked = self.submit(engine, operation).unwrap();
        loop {
            for (token, reply) in self.news().replies {
                if let (true, Reply::Operation(outcome)) = (token == asked, reply) {
                    return outcome;
                }
            }
        }
    }

    /// Waits to be woken. Whoever is not has been forgotten.
    pub(crate) fn news(&self) -> News {
        self.wakes.lock().unwrap().recv_timeout(PATIENCE).expect("the worker is woken");
        self.inbox.take()
    }

    /// What comes next, also from the disk; `None` at the tail.
    pub(crate) fn page(&mut self, engine: &Engine, reader: &mut Reader, limit: PageLimit) -> Option<Page> {
        match self.step(engine, reader, limit) {
            Step::Page(page) => Some(page),
            Step::AtTail { .. } => None,
            other @ (Step::Stored | Step::Reset(_)) => panic!("{other:?}"),
        }
    }

    /// Steps, and fetches what is not in memory.
    pub(crate) fn step(&mut self, engine: &Engine, reader: &mut Reader, limit: PageLimit) -> Step {
        loop {
            match reader.step(limit) {
                Step::Stored => {}
                step @ (Step::Page(_) | Step::AtTail { .. } | Step::Reset(_)) => return step,
            }
            self.next += 1;
            engine.fetch(Fetch::new(reader, limit, &self.inbox, self.next)).unwrap();
            let batches = loop {
                let fetched = self.news().replies.into_iter().find_map(|(token, reply)| match reply {
                    Reply::Fetched(fetched) if token == self.next => Some(fetched.unwrap()),
                    Reply::Fetched(_) | Reply::Operation(_) => None,
                });
                if let Some(batches) = fetched {
                    break batches;
                }
            };
            match reader.fetched(batches, limit) {
                Step::Stored => {}
                step @ (Step::Page(_) | Step::AtTail { .. } | Step::Reset(_)) => return step,
            }
        }
    }
}

pub(crate) fn memory() -> Arc<MemoryStorage> {
    Arc::new(MemoryStorage::new(64 << 20))
}

pub(crate) fn config() -> StreamConfig {
    StreamConfig {
        content_type: ContentType::text(),
        lifetime: Lifetime::Forever,
        retention: Retention::default(),
        durability: None,
    }
}

pub(crate) fn create(name: &str, config: StreamConfig) -> Operation {
    Operation::Create { name: StreamName::parse(name).unwrap(), config, first: Vec::new(), close: false }
}

/// To a stream that is made if it is missing.
pub(crate) fn publish(name: &str, messages: &[&str]) -> Publish {
    Publish {
        name: StreamName::parse(name).unwrap(),
        incarnation: None,
        create: Some(config()),
        content_type: None,
        messages: messages.iter().map(|text| Bytes::copy_from_slice(text.as_bytes())).collect(),
        seq: None,
        identity: Identity::None,
        close: false,
    }
}

pub(crate) fn delete(name: &str) -> Operation {
    Operation::Delete { name: StreamName::parse(name).unwrap(), incarnation: None }
}

pub(crate) fn tail_of(outcome: &Result<Outcome, Refusal>) -> Offset {
    match outcome {
        Ok(Outcome::Published { tail: Some(tail), .. } | Outcome::Created { tail, .. }) => *tail,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn texts_of(page: &Page) -> Vec<String> {
    let messages = page.parts.iter().flat_map(|part| part.messages().map(|(_, message)| message.to_vec()));
    messages.map(|message| String::from_utf8(message).unwrap()).collect()
}
