//! What the handle of an engine and all its threads share.

use crate::bell::Bell;
use crate::catalogs::Catalogs;
use crate::clock::Clock;
use crate::inbox::{Inbox, WorkerId};
use crate::live_streams::LiveStreams;
use crate::measures::{Measured, Measures};
use crate::settings::Policy;
use crate::stream::Stream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, RwLock};
use std::time::Duration;
use tidings_log::{BatchSize, StreamView};
use tidings_model::{Durability, Incarnation, Lifetime, Retention, StreamName, Timestamp};

/// Shared by all threads of one engine.
pub(crate) struct Shared {
    pub(crate) live: LiveStreams,
    pub(crate) catalogs: Catalogs,
    pub(crate) policy: Arc<dyn Policy>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) boot: u32,
    pub(crate) measures: Measures,
    pub(crate) probes: Probes,
    inboxes: RwLock<Vec<Arc<Inbox>>>,
    disk: OfLog,
    memory: OfLog,
    /// Ledgers that were read for the commit thread, which says how many there may be.
    sizes: Mutex<Vec<Sizes>>,
    failed: Mutex<Option<String>>,
    on_failed: Box<dyn Fn(&str) + Send + Sync>,
    ended: (Mutex<bool>, Condvar),
}

/// The numbers of the last probes of either kind.
#[derive(Default)]
pub(crate) struct Probes {
    pub(crate) stored: AtomicU64,
    pub(crate) refused: AtomicU64,
}

/// What there is for each of the two logs.
#[derive(Default)]
struct OfLog {
    full: AtomicBool,
    filler: Bell,
    upkeep: Bell,
    room: Bell,
}

/// The oldest batches of a stream, as far as they can be read.
pub(crate) struct Sizes {
    pub(crate) incarnation: Incarnation,
    pub(crate) sizes: Option<Vec<BatchSize>>,
}

/// Whether a publish would be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// Yes.
    Ready,
    /// Not at the moment, of streams of that durability: there is no room. Reads, trims and deletes go on.
    Full {
        /// There is no room on the disk.
        disk: bool,
        /// `memory` streams have used up what they may.
        memory: bool,
    },
    /// Never again: a write failed. With the detail for the operator.
    Failed(String),
}

impl Shared {
    pub(crate) fn new(
        catalogs: Catalogs,
        policy: Arc<dyn Policy>,
        clock: Arc<dyn Clock>,
        boot: u32,
        on_failed: Box<dyn Fn(&str) + Send + Sync>,
    ) -> Shared {
        Shared {
            live: LiveStreams::new(clock.now()),
            catalogs,
            policy,
            clock,
            boot,
            measures: Measures::default(),
            probes: Probes::default(),
            inboxes: RwLock::default(),
            disk: OfLog::default(),
            memory: OfLog::default(),
            sizes: Mutex::default(),
            failed: Mutex::default(),
            on_failed,
            ended: (Mutex::new(false), Condvar::new()),
        }
    }

    /// The stream of that name, made live if it is not. It may be over.
    pub(crate) fn find(&self, name: &StreamName, now: Timestamp) -> Option<Arc<Stream>> {
        if let Some(stream) = self.live.find(name) {
            return Some(stream);
        }
        loop {
            let view = self.catalogs.find(name)?;
            // Else it was deleted since, and another one may have its name.
            if let Some(stream) = self.make_live(&view, now) {
                return Some(stream);
            }
        }
    }

    /// The live stream of an incarnation that was seen in a catalog, unless it is gone by now.
    pub(crate) fn make_live(&self, seen: &StreamView, now: Timestamp) -> Option<Arc<Stream>> {
        let retention = self.retention_of(seen);
        let behind = self.policy.behind(&seen.name);
        self.live.find_or_make(seen.incarnation, |accessed| {
            let view = self.catalogs.of(seen.incarnation)?;
            let accessed = match view.config.lifetime {
                Lifetime::Ttl { .. } => accessed.unwrap_or(self.live.first_access(view.created)),
                Lifetime::Forever | Lifetime::Until { .. } => now,
            };
            Some(Stream::new(view, retention, accessed).with_behind(behind))
        })
    }

    /// What a stream keeps: as created, or else by the settings.
    pub(crate) fn retention_of(&self, view: &StreamView) -> Retention {
        view.config.retention.or(self.policy.retention(&view.name))
    }

    /// Adds an inbox, unless there are as many as there may be.
    pub(crate) fn register(&self, wake: Box<dyn Fn() + Send + Sync>) -> Option<Arc<Inbox>> {
        let mut inboxes = self.inboxes.write().expect("nobody panics while holding the inboxes");
        let inbox = Arc::new(Inbox::new(WorkerId::new(inboxes.len())?, wake));
        inboxes.push(Arc::clone(&inbox));
        Some(inbox)
    }

    pub(crate) fn inboxes(&self) -> Vec<Arc<Inbox>> {
        self.inboxes.read().expect("nobody panics while holding the inboxes").clone()
    }

    /// One of the two logs was found to have room, or none.
    pub(crate) fn set_full(&self, durability: Durability, full: bool) {
        self.of(durability).full.store(full, Ordering::Relaxed);
    }

    /// Rung when a file of that log is wanted.
    pub(crate) fn filler_bell(&self, durability: Durability) -> &Bell {
        &self.of(durability).filler
    }

    /// Rung when there is something to tidy in that log.
    pub(crate) fn upkeep_bell(&self, durability: Durability) -> &Bell {
        &self.of(durability).upkeep
    }

    /// Rung when there may be room again in that log, which was full.
    pub(crate) fn room_bell(&self, durability: Durability) -> &Bell {
        &self.of(durability).room
    }

    fn of(&self, durability: Durability) -> &OfLog {
        match durability {
            Durability::Disk => &self.disk,
            Durability::Memory => &self.memory,
        }
    }

    /// A ledger was read.
    pub(crate) fn put_sizes(&self, sizes: Sizes) {
        self.sizes.lock().expect("nobody panics while holding the sizes").push(sizes);
    }

    /// The ledgers that were read since the last call.
    pub(crate) fn take_sizes(&self) -> Vec<Sizes> {
        std::mem::take(&mut *self.sizes.lock().expect("nobody panics while holding the sizes"))
    }

    /// Nothing is stored any more. Told once, and only after [`Shared::health`] says so too.
    pub(crate) fn fail(&self, detail: &str) {
        let mut failed = self.failed.lock().expect("nobody panics while holding the failure");
        let first = failed.is_none();
        failed.get_or_insert_with(|| detail.to_owned());
        drop(failed);
        if first {
            (self.on_failed)(detail);
        }
    }

    /// What was measured so far.
    pub(crate) fn measured(&self) -> Measured {
        let Measures { commits, operations, messages, message_bytes, tail_cache_bytes } = &self.measures;
        let [operations, messages, message_bytes, tail_cache_bytes] =
            [operations, messages, message_bytes, tail_cache_bytes].map(|it| it.load(Ordering::Relaxed));
        Measured {
            commits: commits.numbers(),
            operations,
            messages,
            message_bytes,
            tail_cache_bytes,
            streams: (self.catalogs.disk.count() + self.catalogs.memory.count()) as u64,
            disk: self.catalogs.disk.size(),
            memory: self.catalogs.memory.size(),
        }
    }

    pub(crate) fn health(&self) -> Health {
        let failed = self.failed.lock().expect("nobody panics while holding the failure").clone();
        let (disk, memory) =
            (self.disk.full.load(Ordering::Relaxed), self.memory.full.load(Ordering::Relaxed));
        match failed {
            Some(detail) => Health::Failed(detail),
            None if disk || memory => Health::Full { disk, memory },
            None => Health::Ready,
        }
    }

    /// The commit thread is gone: whoever works for it may go too.
    pub(crate) fn end(&self) {
        *self.ended.0.lock().expect("nobody panics while ending") = true;
        self.ended.1.notify_all();
        for of_log in [&self.disk, &self.memory] {
            of_log.filler.ring();
            of_log.upkeep.ring();
            of_log.room.ring();
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        *self.ended.0.lock().expect("nobody panics while ending")
    }

    /// Waits for so long, or until the commit thread is gone.
    pub(crate) fn pause(&self, duration: Duration) {
        let ended = self.ended.0.lock().expect("nobody panics while ending");
        let waited = self.ended.1.wait_timeout_while(ended, duration, |ended| !*ended);
        drop(waited.expect("nobody panics while ending"));
    }
}
