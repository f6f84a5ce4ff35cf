//! The settings that count now: replaced as a whole when they are reloaded, and looked up by whoever has them.

use crate::settings::Settings;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use tidings_engine::Policy;
use tidings_model::{Behind, Durability, Retention, StreamName};

/// One for a process. Workers have the settings of their own and ask only whether there are newer ones.
#[derive(Debug)]
pub(crate) struct LiveSettings {
    settings: RwLock<Arc<Settings>>,
    /// How often they were replaced.
    generation: AtomicUsize,
}

impl LiveSettings {
    pub(crate) fn new(settings: Settings) -> LiveSettings {
        LiveSettings { settings: RwLock::new(Arc::new(settings)), generation: AtomicUsize::new(0) }
    }

    pub(crate) fn get(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Those that are newer than the ones of that generation, which is made theirs.
    pub(crate) fn newer_than(&self, generation: &mut usize) -> Option<Arc<Settings>> {
        let newest = self.generation.load(Ordering::Acquire);
        (std::mem::replace(generation, newest) != newest).then(|| self.get())
    }

    pub(crate) fn replace(&self, settings: Settings) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// Looks without sharing them, for what is looked up often.
    pub(crate) fn look<T>(&self, at: impl FnOnce(&Settings) -> T) -> T {
        at(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What the engine asks about streams is answered by the settings of the moment.
impl Policy for LiveSettings {
    fn retention(&self, name: &StreamName) -> Retention {
        self.look(|settings| settings.policies.for_stream(name).retention)
    }

    fn durability(&self, name: &StreamName) -> Durability {
        self.look(|settings| settings.policies.for_stream(name).durability)
    }

    fn behind(&self, name: &StreamName) -> Behind {
        self.look(|settings| settings.policies.for_stream(name).behind())
    }
}
