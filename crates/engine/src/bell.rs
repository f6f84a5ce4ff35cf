//! A bell: one thread waits, any other one wakes it. What is rung while nobody waits is heard by who waits next.

use std::sync::{Condvar, Mutex};
use std::time::Duration;

/// Wakes one thread that has work now and then.
#[derive(Default)]
pub(crate) struct Bell {
    rung: Mutex<bool>,
    heard: Condvar,
}

impl Bell {
    /// Wakes who waits, or who waits next. Cheap, and never waits itself.
    pub(crate) fn ring(&self) {
        let mut rung = self.rung.lock().expect("nobody panics while holding a bell");
        *rung = true;
        self.heard.notify_one();
    }

    /// Waits until it is rung.
    pub(crate) fn wait(&self) {
        let rung = self.rung.lock().expect("nobody panics while holding a bell");
        let waited = self.heard.wait_while(rung, |rung| !*rung);
        *waited.expect("nobody panics while holding a bell") = false;
    }

    /// Waits until it is rung, but not longer than that.
    pub(crate) fn wait_at_most(&self, longest: Duration) {
        let rung = self.rung.lock().expect("nobody panics while holding a bell");
        let waited = self.heard.wait_timeout_while(rung, longest, |rung| !*rung);
        let (mut rung, _) = waited.expect("nobody panics while holding a bell");
        *rung = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::thread;

    #[test]
    fn what_was_rung_before_is_heard_once() {
        let bell = Bell::default();
        bell.ring();
        bell.ring();
        bell.wait();
        // Were it heard twice this would not wait, which nobody notices; that it ends shows that it does not wait for ever.
        bell.wait_at_most(Duration::from_millis(1));
    }

    #[test]
    fn who_waits_is_woken() {
        let bell = Arc::new(Bell::default());
        let waits = Arc::clone(&bell);
        let thread = thread::spawn(move || waits.wait());
        bell.ring();
        thread.join().unwrap();
    }
}
