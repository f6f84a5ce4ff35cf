//! Followers are told over which time they shall come back, should the server be lost without a word: again when so many have come, or gone,
//! that it is another time.

use super::Worker;
use super::output::Then;

/// How many are told in one tick: some thousands a second, beside all else.
const TOLD_IN_A_TICK: usize = 256;

/// How often the connections are counted, in ticks.
const COUNTED_EVERY: usize = 4;

impl Worker {
    /// A clock tick.
    pub(super) fn tell_window(&mut self) {
        if self.core.draining {
            return;
        }
        if self.tick.is_multiple_of(COUNTED_EVERY) {
            let rate = self.core.settings.return_rate;
            if self.core.return_window.on_connections(self.common.connections(), rate) {
                // Whoever comes from here on is told the new one at once.
                self.untold = self.slots.keys();
                self.tasks.tell_window();
            }
        }
        if self.untold.is_empty() {
            return;
        }
        for key in self.untold.split_off(self.untold.len().saturating_sub(TOLD_IN_A_TICK)) {
            self.tell_window_to(key);
        }
        self.send_together();
    }

    fn tell_window_to(&mut self, key: u64) {
        // One that is blocked comes back by itself, later than others: it has much to read.
        let Some(slot) = self.slots.get(key).filter(|slot| slot.streaming && !slot.is_blocked()) else {
            return;
        };
        let Some(exchange) = slot.exchange.as_mut() else { return };
        let mut out = Vec::new();
        exchange.on_window(&mut self.core, &mut out);
        self.send_with_others(key, &mut out, Then::Wait);
    }
}
