//! Followers end with the leave of the application: the same exchange, told when a yes has become a no.

use super::Verdict;
use super::permits::Permits;
use super::question::Question;
use crate::about::About;
use crate::authorise::Principal;
use crate::exchange::{Advance, Exchange, Opened, pass_on_to_exchange};
use crate::expiring::Over;
use crate::worker::core::Core;
use crate::worker::followers::Owner;
use bytes::Bytes;
use tidings_protocol::websocket::input::Input;

/// An exchange that goes on by leave of the application. A box of its own, so that those of whom nobody is asked take no more room.
struct Followed {
    exchange: Box<dyn Exchange>,
    permits: Permits,
    principal: Principal,
}

/// The same, for as long as the application permits it. A WebSocket sees to that itself, stream by stream.
pub(crate) fn while_permitted(opened: Opened, permits: Permits, principal: &Principal) -> Opened {
    if permits.is_empty() {
        return opened;
    }
    let followed = |exchange| Box::new(Followed { exchange, permits, principal: principal.clone() });
    match opened {
        Opened::Held(exchange) => Opened::Held(followed(exchange)),
        Opened::Stream(head, exchange) => Opened::Stream(head, followed(exchange)),
        Opened::Response(_) | Opened::Upgrade(..) => opened,
    }
}

impl Exchange for Followed {
    pass_on_to_exchange!();

    fn advance(&mut self, owner: Owner, core: &mut Core, out: &mut Vec<Bytes>) -> Advance {
        let next_ms = self.permits.on_time(&self.principal, |_stream| true, owner, core);
        if !self.permits.take_lost().is_empty() {
            // Whoever comes back is told why. Of many streams the others go on then.
            self.permits = Permits::default();
            self.exchange.on_expired(Over::Withdrawn, core, out);
        }
        match self.exchange.advance(owner, core, out) {
            Advance::Wait { until_ms } => Advance::Wait { until_ms: until_ms.min(next_ms) },
            advance @ (Advance::More | Advance::Respond(_) | Advance::Become(_) | Advance::End) => advance,
        }
    }

    fn on_decision(&mut self, question: &Question, verdict: Verdict) {
        self.permits.on_decision(question, verdict);
    }

    fn on_access_changed(&mut self, core: &mut Core) -> bool {
        self.exchange.on_access_changed(core)
    }

    fn describe(&self, about: &mut About) {
        self.exchange.describe(about);
    }
}
