//! A request that waits for others: for the application's answers, or for an issuer's keys. Once they are here it is dispatched again.

use super::Verdict;
use super::check::Verdicts;
use super::question::Question;
use crate::authorise::Principal;
use crate::cross_origin::Caller;
use crate::exchange::{Advance, Exchange, Opened};
use crate::metrics::Asked;
use crate::peer::Peer;
use crate::request::{self, Request};
use crate::worker::core::Core;
use crate::worker::followers::Owner;
use bytes::Bytes;
use std::sync::Arc;
use tidings_auth::ClientCertificate;
use tidings_engine::Reply;
use tidings_protocol::websocket::handshake::Handshake;
use tidings_protocol::websocket::memory::Lease;
use tidings_protocol::{Headers, Method, Problem};

/// A request, kept whole.
struct Kept {
    method: Method,
    target: String,
    headers: Vec<(String, Vec<u8>)>,
    authority: Option<String>,
    body: Bytes,
    websocket: Option<Handshake>,
    chunked: bool,
    peer: Peer,
    certificate: Option<Arc<ClientCertificate>>,
}

/// The request, and what it waits for.
pub(crate) struct Waiting {
    kept: Kept,
    wants: Wants,
    /// What the browser is told, where it is refused before it is dispatched again.
    caller: Caller,
    /// What it takes of what waiting requests may take together.
    _lease: Lease,
    /// Milliseconds of the worker's clock. Never reached, unless something else has gone wrong.
    until_ms: u64,
}

enum Wants {
    /// The end of a fetch of keys: nobody knows yet who asks.
    Keys { fetched: bool },
    /// Verdicts, on what this one asks for. Tickets are used once, so who it is is not asked again.
    Verdicts { principal: Principal, verdicts: Verdicts },
}

impl Waiting {
    /// Asks about all that is not known.
    pub(crate) fn for_verdicts<H: Headers + ?Sized>(
        (request, caller): (&Request<'_, H>, &Caller),
        principal: &Principal,
        verdicts: Verdicts,
        core: &mut Core,
    ) -> Result<Waiting, Problem> {
        let wants = Wants::Verdicts { principal: principal.clone(), verdicts };
        let waiting = Waiting::new((request, caller), wants, core)?;
        if let Wants::Verdicts { principal, verdicts } = &waiting.wants {
            for (question, _) in verdicts.iter().filter(|(_, verdict)| verdict.is_none()) {
                core.decisions.ask(question, principal, request.owner, &core.settings)?;
            }
        }
        Ok(waiting)
    }

    /// Waits for the end of a fetch that is under way.
    pub(crate) fn for_keys<H: Headers + ?Sized>(
        request: &Request<'_, H>,
        caller: &Caller,
        core: &mut Core,
    ) -> Result<Waiting, Problem> {
        let waiting = Waiting::new((request, caller), Wants::Keys { fetched: false }, core)?;
        core.decisions.await_keys(request.owner);
        Ok(waiting)
    }

    /// `too_busy` where waiting requests have all the room that they may have.
    fn new<H: Headers + ?Sized>(
        (request, caller): (&Request<'_, H>, &Caller),
        wants: Wants,
        core: &Core,
    ) -> Result<Waiting, Problem> {
        let kept = Kept::of(request);
        let mut lease = core.decisions.lease();
        lease.charge(kept.bytes()).map_err(|_used_up| Problem::too_busy(1))?;
        let until_ms = core.ms_after(core.decisions.patience());
        Ok(Waiting { kept, wants, caller: caller.clone(), _lease: lease, until_ms })
    }

    fn dispatch(&mut self, owner: Owner, core: &mut Core) -> Opened {
        let Kept { method, target, headers, authority, body, websocket, chunked, peer, certificate } =
            &self.kept;
        let request = Request {
            method: *method,
            target,
            headers: &headers[..],
            authority: authority.as_deref(),
            body: body.clone(),
            websocket: *websocket,
            chunked: *chunked,
            owner,
            peer: *peer,
            certificate: certificate.clone(),
        };
        let opened = match &mut self.wants {
            Wants::Keys { .. } => request::open_counted(&request, core),
            Wants::Verdicts { principal, verdicts } => {
                request::open_as(principal, &request, std::mem::take(verdicts), core)
            }
        };
        match opened {
            // Everybody was told to go while this one waited.
            Opened::Stream(_, mut exchange) if core.draining => {
                exchange.leave(core);
                self.caller.clone().tell(core.refuse_draining().into())
            }
            Opened::Response(_) | Opened::Held(_) | Opened::Stream(..) | Opened::Upgrade(..) => opened,
        }
    }
}

impl Kept {
    fn of<H: Headers + ?Sized>(request: &Request<'_, H>) -> Kept {
        let mut headers = Vec::new();
        request.headers.all(&mut |name, value| headers.push((name.to_owned(), value.to_owned())));
        Kept {
            method: request.method,
            target: request.target.to_owned(),
            headers,
            authority: request.authority.map(str::to_owned),
            body: request.body.clone(),
            websocket: request.websocket,
            chunked: request.chunked,
            peer: request.peer,
            certificate: request.certificate.clone(),
        }
    }

    /// What it takes, roughly.
    fn bytes(&self) -> usize {
        let fields = self.headers.iter().map(|(name, value)| 64 + name.len() + value.len());
        size_of::<Waiting>() + self.target.len() + fields.sum::<usize>() + self.body.len()
    }
}

impl Exchange for Waiting {
    fn advance(&mut self, owner: Owner, core: &mut Core, _out: &mut Vec<Bytes>) -> Advance {
        let is_known = match &self.wants {
            Wants::Keys { fetched } => *fetched,
            Wants::Verdicts { verdicts, .. } => verdicts.iter().all(|(_, verdict)| verdict.is_some()),
        };
        if is_known {
            return Advance::Become(Box::new(self.dispatch(owner, core)));
        }
        if self.until_ms <= core.now_ms {
            let problem = if core.draining { core.refuse_draining() } else { core.decisions.unavailable() };
            let refusal = self.caller.clone().tell(problem.into());
            if let Opened::Response(response) = &refusal {
                core.metrics.on_answer(Asked::Other, response);
            }
            return Advance::Become(Box::new(refusal));
        }
        Advance::Wait { until_ms: self.until_ms }
    }

    fn on_reply(&mut self, _number: u32, _reply: Reply) {}

    fn on_decision(&mut self, question: &Question, verdict: Verdict) {
        if let Wants::Verdicts { verdicts, .. } = &mut self.wants {
            for (_, known) in verdicts.iter_mut().filter(|(asked, _)| asked == question) {
                *known = Some(verdict);
            }
        }
    }

    fn on_keys(&mut self) {
        if let Wants::Keys { fetched } = &mut self.wants {
            *fetched = true;
        }
    }

    /// It is answered in a moment; if not, then in time.
    fn on_drain(&mut self, core: &mut Core, _out: &mut Vec<Bytes>) {
        self.until_ms = self.until_ms.min(core.ms_after(core.settings.drain_timeout / 2));
    }

    fn leave(&mut self, _core: &mut Core) {}
}
