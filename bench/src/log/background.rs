//! Threads that do what a store wants done beside its commits.

use anyhow::Context;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A few threads that end with this value.
#[derive(Default)]
pub(crate) struct Background {
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Background {
    /// Does the work now and then, on a thread of its own.
    pub(crate) fn run_every(
        &mut self,
        pause: Duration,
        name: &str,
        mut work: impl FnMut() + Send + 'static,
    ) -> anyhow::Result<()> {
        let over = Arc::clone(&self.over);
        let run = move || {
            while !over.load(Ordering::Acquire) {
                work();
                thread::park_timeout(pause);
            }
        };
        let thread = thread::Builder::new().name(name.to_owned()).spawn(run);
        self.threads.push(thread.context("starting a thread")?);
        Ok(())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            thread.thread().unpark();
            // Its panic was printed; what it did not do shows in the figures.
            let _panicked = thread.join();
        }
    }
}
