//! As many of these tests at once as there are processors, however many others wait: each fills its disk as fast as it can, and the upkeep of
//! each server works against that.

use std::num::NonZero;
use std::sync::{Condvar, Mutex, PoisonError};

static BUSY: Mutex<usize> = Mutex::new(0);
static ENDED: Condvar = Condvar::new();

/// Held by a test that is under way.
pub(crate) struct Turn;

impl Turn {
    /// Waits for it.
    pub(crate) fn take() -> Turn {
        let at_once = std::thread::available_parallelism().map_or(1, NonZero::get);
        let busy = BUSY.lock().unwrap_or_else(PoisonError::into_inner);
        let mut busy =
            ENDED.wait_while(busy, |busy| at_once <= *busy).unwrap_or_else(PoisonError::into_inner);
        *busy += 1;
        Turn
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *BUSY.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        ENDED.notify_one();
    }
}
