//! Time limits of parked connections, and heartbeats: a clock hand goes over the slots, and no slot has a timer.

use super::liveness::{Due, Liveness};
use super::output::Then;
use super::slots::Phase;
use super::{Owner, Worker};
use std::time::Duration;
use tidings_protocol::{Connection, ErrorCode, Problem, Response};

impl Worker {
    /// The hand of the clock stands on this connection.
    pub(super) fn on_hand(&mut self, key: u64) {
        let now_ms = self.core.now_ms;
        let heartbeat_ms = millis(self.core.settings.heartbeat);
        let keep_alive_ms = millis(self.core.settings.keep_alive_timeout);
        let Some(slot) = self.slots.get(key) else { return };
        if slot.due_ms <= now_ms {
            // Who still takes what it was sent, however slowly, is not idle.
            let moves = slot.is_blocked() && now_ms < slot.sent_ms.saturating_add(keep_alive_ms);
            if moves && matches!(slot.phase, Phase::Request | Phase::Last) {
                slot.due_ms = slot.sent_ms.saturating_add(keep_alive_ms);
                return;
            }
            slot.due_ms = u64::MAX;
            return match slot.phase {
                Phase::Request => self.on_request_timeout(key),
                Phase::Answer | Phase::Duplex => self.queue(Owner(key)),
                Phase::ProxyHeader | Phase::Handshake | Phase::Last => self.close(key),
            };
        }
        if !slot.streaming {
            return;
        }
        if slot.is_blocked() {
            let lag = slot.exchange.as_ref().map_or(0, |exchange| exchange.lag());
            return self.lagging.on_found(lag);
        }
        // Only of a WebSocket is anything heard: on the others the peer has said all it had to.
        let seen_ms = if slot.phase == Phase::Duplex { slot.seen_ms } else { now_ms };
        let due = Liveness { sent_ms: slot.sent_ms, seen_ms, asked: slot.asked }.due(now_ms, heartbeat_ms);
        slot.asked |= matches!(due, Due::Silence | Due::Unanswered);
        let mut out = Vec::new();
        if let Some(exchange) = slot.exchange.as_mut() {
            match due {
                Due::Nothing => {}
                Due::Silence => exchange.on_silence(&mut out),
                Due::Unanswered => exchange.on_unanswered(&mut out),
                Due::Unheard => exchange.on_unheard(&mut out),
            }
        }
        match due {
            // The exchange is over: it is stepped once more, to end.
            Due::Unheard => self.flush(key, &mut out),
            Due::Silence | Due::Unanswered => self.send_with_others(key, &mut out, Then::Wait),
            Due::Nothing => {}
        }
    }

    fn on_request_timeout(&mut self, key: u64) {
        let begun = self.slots.get(key).is_some_and(|slot| slot.has_input() && !slot.is_blocked());
        if !begun {
            return self.close(key);
        }
        let problem =
            Problem::new(ErrorCode::RequestTimeout, "send the whole request within `request_timeout`");
        let mut out = Vec::new();
        self.respond(key, &Response::problem(&problem), Connection::Close, &mut out);
        self.flush(key, &mut out);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
