//! Followers end with the token that let them in, or when it is revoked: the same exchange, told when the time has come.

use crate::about::About;
use crate::authorise::Principal;
use crate::decision::Verdict;
use crate::decision::question::Question;
use crate::exchange::{Advance, Exchange, Opened, pass_on_to_exchange};
use crate::limits::FollowShare;
use crate::worker::core::Core;
use crate::worker::followers::Owner;
use bytes::Bytes;
use tidings_model::Timestamp;
use tidings_protocol::websocket::input::Input;
use tidings_protocol::websocket::server_message::writer::ErrorFrame;
use tidings_protocol::{Cors, ErrorCode};

/// Why somebody is not believed any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// The time of their token is over.
    Expired,
    /// They, or their token, were revoked; or their key is gone from the rules.
    Revoked,
    /// There are other rules, by which they have to be looked at anew.
    Changed,
    /// By the rules that there are now they may not read this.
    Forbidden,
    /// The application does not permit any more what it has permitted, or nobody can say.
    Withdrawn,
}

impl Over {
    /// What is told to whoever can be told.
    pub(crate) fn frame(self) -> ErrorFrame<'static> {
        let (code, message) = match self {
            Over::Expired => (ErrorCode::Unauthenticated, "the token has expired; come back with a new one"),
            // Whoever comes back is told which stream, and why.
            Over::Withdrawn => {
                (ErrorCode::AuthorityUnavailable, "what the application permits has changed; come back")
            }
            Over::Revoked => (ErrorCode::Revoked, "who asks was revoked; come back with another token"),
            Over::Changed => {
                (ErrorCode::Unauthenticated, "the rules have changed; come back with your token")
            }
            Over::Forbidden => {
                (ErrorCode::Forbidden, "the rules have changed; this may not be read any more")
            }
        };
        ErrorFrame { id: None, stream: None, code, message }
    }
}

/// An exchange of somebody who is believed for a time only. A box of its own, so that those of nobody in particular take no more room.
struct Expiring {
    exchange: Box<dyn Exchange>,
    principal: Principal,
    /// Milliseconds of the worker's clock; `u64::MAX` for never, and once it was told.
    expires_ms: u64,
    /// Why it ends, where that is not the time.
    over: Option<Over>,
    /// What it takes of what its client may follow.
    _share: Option<Box<FollowShare>>,
    /// What the browser of whoever asked is told of the answer; `None` for what every browser is.
    cors: Option<Box<Cors>>,
}

const _: () = assert!(size_of::<Expiring>() <= 56, "with what malloc adds, 64 bytes for who has a token");

/// The same, held for no longer than who has asked for it is believed. A WebSocket can renew that, and sees to it itself.
pub(crate) fn until_expiry(opened: Opened, principal: &Principal, cors: &Cors, core: &Core) -> Opened {
    let cors = (*cors != Cors::Anyone).then(|| Box::new(cors.clone()));
    if principal.is_unnamed() && cors.is_none() {
        return opened;
    }
    // Whole milliseconds of two clocks: one more, so that the time is up by both.
    let expires_ms = |expires: Timestamp| core.ms_after(expires.since(core.now)).saturating_add(1);
    let expires_ms = principal.expires().map_or(u64::MAX, expires_ms);
    let principal = principal.clone();
    wrap(opened, |exchange| Expiring { exchange, principal, expires_ms, over: None, _share: None, cors })
}

/// The same, with what it takes of what its client may follow, for as long as it is held.
pub(crate) fn with_share(opened: Opened, principal: &Principal, share: Option<Box<FollowShare>>) -> Opened {
    if share.is_none() {
        return opened;
    }
    let (principal, expires_ms) = (principal.clone(), u64::MAX);
    wrap(opened, |exchange| Expiring {
        exchange,
        principal,
        expires_ms,
        over: None,
        _share: share,
        cors: None,
    })
}

fn wrap(opened: Opened, wrapped: impl FnOnce(Box<dyn Exchange>) -> Expiring) -> Opened {
    match opened {
        Opened::Held(exchange) => Opened::Held(Box::new(wrapped(exchange))),
        Opened::Stream(head, exchange) => Opened::Stream(head, Box::new(wrapped(exchange))),
        Opened::Response(_) | Opened::Upgrade(..) => opened,
    }
}

impl Exchange for Expiring {
    pass_on_to_exchange!();

    fn advance(&mut self, owner: Owner, core: &mut Core, out: &mut Vec<Bytes>) -> Advance {
        // The time that the token names counts: whoever is told that it has come is refused with the same token.
        let has_expired = self.expires_ms != u64::MAX && self.principal.has_expired(core.now);
        if has_expired || self.expires_ms <= core.now_ms {
            self.expires_ms = u64::MAX;
            self.exchange.on_expired(self.over.unwrap_or(Over::Expired), core, out);
        }
        match self.exchange.advance(owner, core, out) {
            Advance::Wait { until_ms } => Advance::Wait { until_ms: until_ms.min(self.expires_ms) },
            Advance::Respond(mut response) => {
                if let Some(cors) = self.cors.take() {
                    response.cors = *cors;
                }
                Advance::Respond(response)
            }
            advance @ (Advance::More | Advance::Become(_) | Advance::End) => advance,
        }
    }

    fn on_decision(&mut self, question: &Question, verdict: Verdict) {
        self.exchange.on_decision(question, verdict);
    }

    fn on_access_changed(&mut self, core: &mut Core) -> bool {
        if self.over.is_none() {
            match core.access.renewed(&self.principal, core.now) {
                Err(over) => self.over = Some(over),
                Ok(principal) if self.exchange.is_permitted(&principal) => self.principal = principal,
                Ok(_with_less) => self.over = Some(Over::Forbidden),
            }
            if self.over.is_some() {
                self.expires_ms = 0;
            }
        }
        // The exchange itself only knows of nobody in particular.
        self.over.is_some()
    }

    fn describe(&self, about: &mut About) {
        about.subject = self.principal.subject().map(str::to_owned);
        self.exchange.describe(about);
    }
}
