//! What the handle of an engine, its commit thread and its fillers share.

use crate::clock::Clock;
use crate::directory::Directory;
use crate::inbox::{Inbox, WorkerId};
use crate::settings::Policy;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use tidings_model::Durability;

/// Shared by all threads of one engine.
pub(crate) struct Shared {
    pub(crate) directory: Directory,
    pub(crate) policy: Arc<dyn Policy>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) boot: u32,
    inboxes: RwLock<Vec<Arc<Inbox>>>,
    disk_full: AtomicBool,
    memory_full: AtomicBool,
    failed: Mutex<Option<String>>,
    on_failed: Box<dyn Fn(&str) + Send + Sync>,
    ended: AtomicBool,
}

/// Whether a publish would be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// Yes.
    Ready,
    /// Not at the moment: there is no room, on the disk or for `memory` streams. Reads go on.
    Full,
    /// Never again: a write failed. With the detail for the operator.
    Failed(String),
}

impl Shared {
    pub(crate) fn new(
        policy: Arc<dyn Policy>,
        clock: Arc<dyn Clock>,
        boot: u32,
        on_failed: Box<dyn Fn(&str) + Send + Sync>,
    ) -> Shared {
        Shared {
            directory: Directory::new(),
            policy,
            clock,
            boot,
            inboxes: RwLock::default(),
            disk_full: AtomicBool::new(false),
            memory_full: AtomicBool::new(false),
            failed: Mutex::default(),
            on_failed,
            ended: AtomicBool::new(false),
        }
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
        let flag = match durability {
            Durability::Disk => &self.disk_full,
            Durability::Memory => &self.memory_full,
        };
        flag.store(full, Ordering::Relaxed);
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

    pub(crate) fn health(&self) -> Health {
        let failed = self.failed.lock().expect("nobody panics while holding the failure").clone();
        let full = self.disk_full.load(Ordering::Relaxed) || self.memory_full.load(Ordering::Relaxed);
        match failed {
            Some(detail) => Health::Failed(detail),
            None if full => Health::Full,
            None => Health::Ready,
        }
    }

    /// The commit thread is gone: whoever works for it may go too.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }
}
