//! Signals that ask a comparison to end.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The exit code of one that can't wait.
const AT_ONCE: i32 = 130;

/// Notices Ctrl-C and its like. The first ends the comparison in order, which takes a moment; the second ends the process at once (the
/// server that it has started ends with it).
#[derive(Clone, Debug)]
pub(super) struct StopSignals {
    came: Arc<AtomicBool>,
}

impl StopSignals {
    /// Begins to notice.
    pub(super) fn new() -> io::Result<StopSignals> {
        let came = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // In this order: at the first signal the flag is not set yet when it is looked at.
            flag::register_conditional_shutdown(signal, AT_ONCE, Arc::clone(&came))?;
            flag::register(signal, Arc::clone(&came))?;
        }
        Ok(StopSignals { came })
    }

    /// Whether one came.
    pub(super) fn came(&self) -> bool {
        self.came.load(Ordering::Relaxed)
    }
}
