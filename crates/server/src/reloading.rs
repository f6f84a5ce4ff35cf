//! Settings that change while the server runs: on SIGHUP, and when their file does. No connection is touched.
//!
//! The thread that looks after this each second also tells a supervisor that the server is alive.

use crate::settings::{LoadedSettings, Reloaded};
use crate::supervisor::{self, Watchdog};
use crate::worker::Common;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How often files are looked at. One that changed is read when it was still for as long.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The thread that reads settings anew.
pub(crate) struct Reloading {
    asked: SyncSender<()>,
    thread: JoinHandle<()>,
}

impl Reloading {
    pub(crate) fn start(loaded: LoadedSettings, common: Arc<Common>) -> std::io::Result<Reloading> {
        let (asked, asks) = sync_channel(1);
        let reloader = Reloader { loaded, common, watchdog: Watchdog::of_environment() };
        let thread = thread::Builder::new().name("settings".to_owned());
        Ok(Reloading { asked, thread: thread.spawn(move || reloader.run(&asks))? })
    }

    /// Somebody wants it now.
    pub(crate) fn ask(&self) {
        match self.asked.try_send(()) {
            // One that is asked for already reads what is there then.
            Ok(()) | Err(TrySendError::Full(())) => {}
            Err(TrySendError::Disconnected(())) => log::error!("settings can't be reloaded any more"),
        }
    }

    pub(crate) fn stop(self) {
        drop(self.asked);
        // What it panicked of was told then, and the server is about to end.
        let _panicked = self.thread.join();
    }
}

struct Reloader {
    loaded: LoadedSettings,
    common: Arc<Common>,
    watchdog: Watchdog,
}

impl Reloader {
    fn run(mut self, asks: &Receiver<()>) {
        loop {
            self.watchdog.look(&self.common);
            match asks.recv_timeout(LOOK_EVERY) {
                Ok(()) => self.reload(),
                Err(RecvTimeoutError::Timeout) if self.loaded.have_files_changed() => self.reload(),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn reload(&mut self) {
        supervisor::tell_reloading();
        match self.loaded.reload() {
            Ok(reloaded) => {
                self.common.on_settings(self.loaded.settings().clone());
                tell(&reloaded);
                supervisor::tell_ready("serves, with settings that were reloaded");
            }
            Err(error) => {
                log::error!("the settings stay as they were: {error}");
                supervisor::tell_ready(&format!("serves; the settings stay as they were: {error}"));
            }
        }
    }
}

/// The last line says that it is done.
fn tell(reloaded: &Reloaded) {
    if !reloaded.at_next_start.is_empty() {
        log::warn!("only the next start changes {}", reloaded.at_next_start.join(", "));
    }
    if reloaded.changed.is_empty() {
        log::info!("the settings were reloaded");
    } else {
        log::info!("the settings were reloaded; others now: {}", reloaded.changed.join(", "));
    }
}
