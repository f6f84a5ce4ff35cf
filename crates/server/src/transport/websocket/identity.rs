//! Who speaks over a connection, for how long that is believed, and how it is renewed without a gap.
//!
//! Knows times and the two frames about them. Does not know streams.

use crate::authorise::{Principal, Right};
use crate::expiring::Over;
use crate::worker::core::Core;
use std::time::Duration;
use tidings_protocol::websocket::frame::write_text_frame;
use tidings_protocol::websocket::server_message::writer::{write_authenticated, write_renew};

/// How long before its end a client is asked for a new token; half of what is left, where that is less.
const RENEW_BEFORE: Duration = Duration::from_secs(30);

/// Somebody who has to say something in time: who they are, or that they still are.
pub(super) struct Identity {
    principal: Principal,
    /// When it is asked for a new token, and when it is not believed any more; milliseconds of the worker's clock, `u64::MAX` for never.
    ask_ms: u64,
    end_ms: u64,
    /// Why they are not believed any more, where that is not the time.
    over: Option<Over>,
}

/// Whether somebody is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Believed {
    /// Until that time of the worker's clock something has to happen.
    Until { ms: u64 },
    /// Not any more.
    Not(Over),
}

impl Identity {
    /// `None` for those who may stay for as long as they like: nothing has to be remembered of them.
    pub(super) fn of(principal: &Principal, core: &Core) -> Option<Identity> {
        if principal.is_unnamed() {
            let is_useless = !principal.may_any(Right::Read) && !principal.may_any(Right::Publish);
            // Who may do nothing as nobody has come to say who they are.
            let end_ms = core.ms_after(core.settings.request_timeout);
            let principal = principal.clone();
            return is_useless.then_some(Identity { principal, ask_ms: u64::MAX, end_ms, over: None });
        }
        let left = principal.expires().map(|expires| expires.since(core.now));
        let (ask_ms, end_ms) = left.map_or((u64::MAX, u64::MAX), |left| {
            (core.ms_after(left.saturating_sub(RENEW_BEFORE.min(left / 2))), core.ms_after(left))
        });
        Some(Identity { principal: principal.clone(), ask_ms, end_ms, over: None })
    }

    /// Looks whether they are still believed. Whether the connection has to be told something.
    pub(super) fn on_access_changed(&mut self, core: &Core) -> bool {
        if self.over.is_none() {
            match core.access.renewed(&self.principal, core.now) {
                Ok(principal) => self.principal = principal,
                Err(over) => self.over = Some(over),
            }
        }
        self.over.is_some()
    }

    pub(super) fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Tells the client that it is believed, and for how long.
    pub(super) fn write_authenticated(&self, core: &Core, out: &mut Vec<u8>) {
        let left = self.principal.expires().map(|expires| expires.since(core.now));
        write_text_frame(out, |text| write_authenticated(text, left));
    }

    /// Asks for a new token when that is due.
    pub(super) fn on_time(&mut self, core: &Core, out: &mut Vec<u8>) -> Believed {
        if let Some(over) = self.over {
            return Believed::Not(over);
        }
        if self.end_ms <= core.now_ms {
            return Believed::Not(Over::Expired);
        }
        if self.ask_ms <= core.now_ms {
            self.ask_ms = u64::MAX;
            let left = Duration::from_millis(self.end_ms - core.now_ms);
            write_text_frame(out, |text| write_renew(text, left));
        }
        Believed::Until { ms: self.ask_ms.min(self.end_ms) }
    }
}
