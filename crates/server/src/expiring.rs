//! Followers end with the token that let them in: the same exchange, told when the time has come.

use crate::authorise::Principal;
use crate::decision::Verdict;
use crate::decision::question::Question;
use crate::exchange::{Advance, Exchange, Opened};
use crate::metrics::Asked;
use crate::worker::core::Core;
use crate::worker::followers::Owner;
use bytes::Bytes;
use tidings_engine::Reply;
use tidings_protocol::websocket::input::Input;

/// An exchange of somebody who is believed for a time only. A box of its own, so that those of nobody in particular take no more room.
struct Expiring {
    exchange: Box<dyn Exchange>,
    /// Milliseconds of the worker's clock; `u64::MAX` once it was told.
    expires_ms: u64,
}

/// The same, held for no longer than who has asked for it is believed. A WebSocket can renew that, and sees to it itself.
pub(crate) fn until_expiry(opened: Opened, principal: &Principal, core: &Core) -> Opened {
    let Some(expires) = principal.expires() else { return opened };
    let expires_ms = core.ms_after(expires.since(core.now));
    let expiring = |exchange| Box::new(Expiring { exchange, expires_ms });
    match opened {
        Opened::Held(exchange) => Opened::Held(expiring(exchange)),
        Opened::Stream(head, exchange) => Opened::Stream(head, expiring(exchange)),
        Opened::Response(_) | Opened::Upgrade(..) => opened,
    }
}

impl Exchange for Expiring {
    fn advance(&mut self, owner: Owner, core: &mut Core, out: &mut Vec<Bytes>) -> Advance {
        if self.expires_ms <= core.now_ms {
            self.expires_ms = u64::MAX;
            self.exchange.on_expired(core, out);
        }
        match self.exchange.advance(owner, core, out) {
            Advance::Wait { until_ms } => Advance::Wait { until_ms: until_ms.min(self.expires_ms) },
            advance @ (Advance::More | Advance::Respond(_) | Advance::Become(_) | Advance::End) => advance,
        }
    }

    fn on_reply(&mut self, number: u32, reply: Reply) {
        self.exchange.on_reply(number, reply);
    }

    fn on_decision(&mut self, question: &Question, verdict: Verdict) {
        self.exchange.on_decision(question, verdict);
    }

    fn on_keys(&mut self) {
        self.exchange.on_keys();
    }

    fn on_changed(&mut self, number: u32) {
        self.exchange.on_changed(number);
    }

    fn on_input(&mut self, input: &mut Input<'_>, owner: Owner, core: &mut Core, out: &mut Vec<Bytes>) {
        self.exchange.on_input(input, owner, core, out);
    }

    fn on_silence(&mut self, out: &mut Vec<Bytes>) {
        self.exchange.on_silence(out);
    }

    fn on_unanswered(&mut self, out: &mut Vec<Bytes>) {
        self.exchange.on_unanswered(out);
    }

    fn on_unheard(&mut self, out: &mut Vec<Bytes>) {
        self.exchange.on_unheard(out);
    }

    fn on_drain(&mut self, core: &mut Core, out: &mut Vec<Bytes>) {
        self.exchange.on_drain(core, out);
    }

    fn on_expired(&mut self, core: &mut Core, out: &mut Vec<Bytes>) {
        self.exchange.on_expired(core, out);
    }

    fn asked(&self) -> Asked {
        self.exchange.asked()
    }

    fn lag(&self) -> u64 {
        self.exchange.lag()
    }

    fn leave(&mut self, core: &mut Core) {
        self.exchange.leave(core);
    }
}
