//! One life of the process: an engine that is stepped, and its workers.

use crate::clock::SimulatedClock;
use crate::dice::Dice;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tidings_engine::{
    Engine, EngineBounds, EngineSettings, Inbox, News, Policy, StartError, SteppedSettings, Stepper, Stream,
};
use tidings_log::{LogSettings, SimulatedStorage};
use tidings_model::{Behind, Durability, Incarnation, Retention, StreamName, Timestamp};

/// Streams below `memory/` are in memory; those below `few/` keep three messages.
pub(crate) struct ByName;

impl Policy for ByName {
    fn retention(&self, name: &StreamName) -> Retention {
        let count = name.as_str().starts_with("few/").then_some(3);
        Retention { count, ..Retention::default() }
    }

    fn durability(&self, name: &StreamName) -> Durability {
        if name.as_str().starts_with("memory/") { Durability::Memory } else { Durability::Disk }
    }

    fn behind(&self, name: &StreamName) -> Behind {
        if name.as_str().starts_with("few/") { Behind::Latest { messages_max: 2 } } else { Behind::CatchUp }
    }
}

/// A running process.
pub(crate) struct Node {
    pub(crate) engine: Engine,
    pub(crate) stepper: Stepper,
    pub(crate) workers: Vec<Worker>,
    /// One who follows nothing and looks at everything.
    pub(crate) auditor: Worker,
    failed: Arc<AtomicBool>,
}

/// A worker: where its news comes, and what it watches.
pub(crate) struct Worker {
    pub(crate) inbox: Arc<Inbox>,
    woken: Arc<AtomicBool>,
    watches: BTreeMap<Incarnation, u32>,
}

impl Node {
    const WORKERS: usize = 2;

    pub(crate) fn start(
        disk: &SimulatedStorage,
        log: &LogSettings,
        clock: &SimulatedClock,
        dice: &mut Dice,
    ) -> Result<Node, StartError> {
        let failed = Arc::new(AtomicBool::new(false));
        let on_failed = Arc::clone(&failed);
        // Often too small for anything: readers then go through the log.
        let tail_cache_bytes = [0, 600, 1 << 20][dice.index(3)];
        let settings = EngineSettings {
            storage: Arc::new(disk.clone()),
            segment_bytes: log.segment_bytes,
            memory_bytes: 8 << 20,
            message_bytes_max: 0,
            streams_max: 1_000,
            producers_max: 100,
            tail_cache_bytes,
            pending_operations_max: 16,
            pending_fetches_max: 4,
            policy: Arc::new(ByName),
            clock: Arc::new(clock.clone()),
            on_failed: Box::new(move |_| on_failed.store(true, Ordering::Relaxed)),
        };
        let mut seeds = Dice(dice.next());
        let stepped = SteppedSettings {
            log: log.clone(),
            // Small, so that streams are dropped and made live again, and ledgers read.
            bounds: EngineBounds {
                idle_streams_max: dice.index(3),
                ledger_batches_max: 1 + dice.index(4),
                ledgers_batches_max: 5 * dice.index(6),
            },
            boot: u32::try_from(1 + dice.roll(0x7fff_fffe)).expect("a mark has 31 bits"),
            random: Box::new(move || {
                let mut dice = Dice(seeds.next());
                Box::new(move || dice.next())
            }),
        };
        let (engine, stepper) = Engine::stepped(settings, stepped)?;
        let workers = (0..Node::WORKERS).map(|_| Worker::register(&engine)).collect();
        let auditor = Worker::register(&engine);
        Ok(Node { engine, stepper, workers, auditor, failed })
    }

    /// The storage has failed: the process is to end.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }
}

impl Worker {
    fn register(engine: &Engine) -> Worker {
        let woken = Arc::new(AtomicBool::new(false));
        let wake = Arc::clone(&woken);
        let inbox = engine.register(Box::new(move || wake.store(true, Ordering::Relaxed)));
        Worker { inbox: inbox.expect("there are few workers"), woken, watches: BTreeMap::new() }
    }

    /// Its news, if it was woken. It never looks otherwise, so that a wake-up that is missing is found.
    pub(crate) fn news(&self) -> Option<News> {
        self.woken.swap(false, Ordering::Relaxed).then(|| self.inbox.take())
    }

    pub(crate) fn watch(&mut self, stream: &Stream) {
        let count = self.watches.entry(stream.incarnation()).or_default();
        if *count == 0 {
            stream.watch(self.inbox.worker());
        }
        *count += 1;
    }

    pub(crate) fn unwatch(&mut self, stream: &Stream, now: Timestamp) {
        let Some(count) = self.watches.get_mut(&stream.incarnation()) else { return };
        *count -= 1;
        if *count == 0 {
            self.watches.remove(&stream.incarnation());
            stream.unwatch(self.inbox.worker(), now);
        }
    }
}
