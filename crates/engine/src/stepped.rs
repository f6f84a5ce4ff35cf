//! The engine without its threads: what they would do, one step at a time, by one caller.
//!
//! The threads of `Engine::start` are thin loops round the very same calls, so what is proved of the one holds for the
//! other, but for the order in which threads meet.

use crate::committer::{Command, Committer};
use crate::fetch::Job;
use crate::filling::fill;
use crate::logs::Helpers;
use crate::settings::EngineBounds;
use crate::shared::Shared;
use crate::tidying::{Tidied, tidy};
use std::fmt;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard};
use tidings_log::{LogSettings, Random};
use tidings_model::Timestamp;

/// What a stepped engine needs besides its `EngineSettings`, so that nothing in it is left to chance.
pub struct SteppedSettings {
    /// Limits of the log. What `EngineSettings` says too is taken from there.
    pub log: LogSettings,
    /// Bounds of the engine.
    pub bounds: EngineBounds,
    /// The mark of the process.
    pub boot: u32,
    /// Makes the randomness of one log.
    pub random: Box<dyn FnMut() -> Random>,
}

/// Does what the threads of an engine do. What it is not told to do does not happen.
pub struct Stepper {
    pub(crate) shared: Arc<Shared>,
    pub(crate) committer: Arc<Mutex<Committer>>,
    pub(crate) commands: Receiver<Command>,
    pub(crate) jobs: Receiver<Job>,
    pub(crate) helpers: [Helpers; 2],
}

impl Stepper {
    /// One round of the commit thread with what waits. Without anything it is what an idle thread does at each tick.
    pub fn step(&mut self, now: Timestamp) {
        let waiting = std::iter::from_fn(|| self.commands.try_recv().ok());
        self.committer().round(waiting, now);
    }

    /// Answers the read that has waited longest, a worker's or the commit thread's. `false` when none waits.
    pub fn fetch(&mut self) -> bool {
        self.jobs.try_recv().map(Job::run).is_ok()
    }

    /// Makes the next files of the logs ready, where they are wanted.
    pub fn fill(&mut self) {
        for Helpers { durability, filler, .. } in &self.helpers {
            // Refused for want of room, or failed: the next round finds out.
            let _refused = fill(*durability, filler, &self.shared);
        }
    }

    /// Does one piece of the work that keeps the logs tidy, in each of them where there is any. Whether there was; an error
    /// says what is damaged.
    pub fn tidy(&mut self) -> Result<bool, String> {
        let mut any = false;
        for Helpers { upkeep, .. } in &mut self.helpers {
            match tidy(upkeep, &self.shared, &mut |_| ()) {
                Tidied::Something => any = true,
                Tidied::Nothing | Tidied::Full | Tidied::Failed => {}
                Tidied::Damaged(detail) => return Err(detail),
            }
        }
        Ok(any)
    }

    /// What the commit thread does last before the process ends in order.
    pub fn settle(&mut self) {
        self.committer().settle();
    }

    fn committer(&self) -> MutexGuard<'_, Committer> {
        self.committer.lock().expect("nobody panics while holding the committer")
    }
}

impl fmt::Debug for SteppedSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SteppedSettings")
    }
}

impl fmt::Debug for Stepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stepper")
    }
}
