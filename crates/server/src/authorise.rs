//! Who may do what. Every operation passes here, before it is looked up whether the stream exists: what is forbidden is answered alike
//! whether it is there or not.

pub(crate) use tidings_auth::{Principal, Right};

use crate::asks::Asks;
use crate::cross_origin::Caller;
use crate::expiring::Over;
use crate::limits::place_of;
use crate::request::Request;
use crate::revoking::Revoking;
use crate::worker::core::Core;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use tidings_auth::{
    ClientCertificate, Grants, Policy, Published, RefusedToken, Revocations, Tickets, TokenCache,
};
use tidings_model::{StreamName, Timestamp};
use tidings_protocol::websocket::handshake;
use tidings_protocol::{ErrorCode, Headers, Problem, has_token, header_name, ticket_of};

/// When it is worth to come back with a token that can't be checked at the moment.
const RETRY_S: u64 = 5;

/// The rules, and the tokens that this worker has seen.
pub(crate) struct Access {
    policy: Arc<Policy>,
    cache: TokenCache,
    /// Those of all workers: a ticket is used on whatever connection. The lock is held for one look-up.
    tickets: Arc<Mutex<Tickets>>,
    asks: Arc<Asks>,
    /// The keys of the issuer.
    published: Published,
    /// The token that was refused last may be signed by a key that is being fetched.
    awaits_keys: bool,
    revoking: Arc<Revoking>,
    /// What was revoked when it was last looked, and the version of that.
    revoked: Arc<Revocations>,
    version: u64,
    /// How often any of it has changed.
    edition: u64,
}

impl Access {
    pub(crate) fn new(
        policy: &Policy,
        asks: Arc<Asks>,
        tickets: Arc<Mutex<Tickets>>,
        revoking: Arc<Revoking>,
    ) -> Access {
        let (revoked, version) = revoking.all();
        let published = asks.keys.published();
        Access {
            policy: Arc::new(policy.with_published(published.clone())),
            cache: TokenCache::default(),
            tickets,
            asks,
            published,
            awaits_keys: false,
            revoking,
            revoked,
            version,
            edition: 0,
        }
    }

    /// From now on the issuer's keys are these: whoever was believed is looked at again when they come back.
    pub(crate) fn on_published(&mut self, published: Published) {
        if self.published.has_keys_of(&published) {
            // Whether an unknown key is one to wait for depends on whether the issuer answers.
            self.cache.forget_refused();
        } else {
            self.cache.clear();
        }
        self.policy = Arc::new(self.policy.with_published(published.clone()));
        self.published = published;
    }

    /// Whether the token that was refused last may be believed once a fetch of keys has ended. Said once.
    pub(crate) fn take_awaits_keys(&mut self) -> bool {
        std::mem::take(&mut self.awaits_keys)
    }

    /// Other rules hold from here on. Tokens are looked at anew: what they grant may be another now.
    pub(crate) fn on_policy(&mut self, policy: &Policy) {
        self.policy = Arc::new(policy.with_published(self.published.clone()));
        self.cache.clear();
        self.edition += 1;
    }

    /// What was revoked, for all workers.
    pub(crate) fn revoking(&self) -> &Arc<Revoking> {
        &self.revoking
    }

    /// Looks whether something was revoked. Hot: one load where nothing was.
    pub(crate) fn refresh(&mut self) {
        if self.revoking.version() != self.version {
            (self.revoked, self.version) = self.revoking.all();
            self.edition += 1;
        }
    }

    /// How often who may do what has changed: when it has, whoever goes on has to be looked at ([`Access::is_still`]).
    pub(crate) fn edition(&self) -> u64 {
        self.edition
    }

    /// Whether somebody who was believed still is, but for the end of their token.
    pub(crate) fn is_still(&self, principal: &Principal, now: Timestamp) -> bool {
        !self.is_revoked(principal, now) && self.policy.still_has_key_of(principal)
    }

    /// Somebody who was believed, with the rights that they have now; or why they are not believed any more.
    pub(crate) fn renewed(&self, principal: &Principal, now: Timestamp) -> Result<Principal, Over> {
        if !self.is_still(principal, now) {
            return Err(Over::Revoked);
        }
        self.policy.renewed(principal).ok_or(Over::Changed)
    }

    /// As [`Access::renewed`], of a request that has waited: also its token may have ended since. An error says why it is refused.
    pub(crate) fn still(&mut self, principal: &Principal, now: Timestamp) -> Result<Principal, Problem> {
        self.refresh();
        if principal.has_expired(now) {
            return Err(Problem::token_refused("the token has expired; get a new one"));
        }
        self.renewed(principal, now).map_err(|over| match over {
            Over::Revoked => Problem::revoked(),
            Over::Expired | Over::Changed | Over::Forbidden | Over::Withdrawn => {
                Problem::token_refused(over.frame().message.to_owned())
            }
        })
    }

    fn is_revoked(&self, principal: &Principal, now: Timestamp) -> bool {
        !self.revoked.is_empty() && self.revoked.concern(principal, now)
    }

    /// A ticket to read these streams; `None` when there are as many as may be.
    pub(crate) fn issue_ticket(
        &self,
        principal: &Principal,
        read: Vec<StreamName>,
        now: Timestamp,
    ) -> Option<String> {
        let grants = Grants::on_streams(Right::Read, read);
        let mut tickets = self.tickets.lock().unwrap_or_else(PoisonError::into_inner);
        tickets.issue(rand::random(), principal, grants, now)
    }

    fn redeem(&mut self, ticket: &str, now: Timestamp) -> Result<Principal, Problem> {
        let known = self.tickets.lock().unwrap_or_else(PoisonError::into_inner).redeem(ticket, now);
        let known = known
            .ok_or_else(|| Problem::token_refused("the ticket was used, or has ended; ask for another"))?;
        self.refresh();
        if self.is_still(&known, now) { Ok(known) } else { Err(Problem::revoked()) }
    }

    /// Whether there are rules. Without any, no token is looked at.
    pub(crate) fn has_rules(&self) -> bool {
        self.policy.has_rules()
    }

    /// Who has not said who they are.
    pub(crate) fn anybody(&self) -> Principal {
        self.policy.anybody().clone()
    }

    /// Whether a stream is for everybody's eyes.
    pub(crate) fn anybody_may_read(&self, stream: &StreamName) -> bool {
        self.policy.anybody().may(Right::Read, stream)
    }

    /// Whether some stream takes messages of everybody.
    pub(crate) fn anybody_may_publish(&self) -> bool {
        self.policy.anybody().may_any(Right::Publish)
    }

    /// Who has that token, which came from there: one address, or a network that counts as one.
    fn identify(&mut self, token: &str, sender: Ipv6Addr, now: Timestamp) -> Result<Principal, Problem> {
        self.refresh();
        let known = self.policy.identify(token, sender, &mut self.cache, now);
        self.believed(known, now)
    }

    /// Whose certificate it is.
    fn identify_certificate(
        &mut self,
        certificate: &ClientCertificate,
        now: Timestamp,
    ) -> Result<Principal, Problem> {
        self.refresh();
        let known = self.policy.identify_certificate(certificate, &mut self.cache, now);
        self.believed(known, now)
    }

    fn believed(
        &mut self,
        known: Result<Principal, RefusedToken>,
        now: Timestamp,
    ) -> Result<Principal, Problem> {
        self.awaits_keys = false;
        let known = known.map_err(|refused| {
            let may_be_fetched = matches!(refused, RefusedToken::KeysAwaited | RefusedToken::UnknownKey);
            self.awaits_keys = may_be_fetched && self.asks.keys.want();
            if refused == RefusedToken::Busy {
                Problem::too_busy(1)
            } else if refused == RefusedToken::KeysAwaited {
                Problem::authority_unavailable(RETRY_S).because(refused.to_string())
            } else {
                Problem::token_refused(refused.to_string())
            }
        })?;
        if self.is_revoked(&known, now) { Err(Problem::revoked()) } else { Ok(known) }
    }
}

impl Core {
    /// Who has that token, which came from that address.
    pub(crate) fn identify(&mut self, token: &str, address: IpAddr) -> Result<Principal, Problem> {
        let sender = place_of(address, self.settings.limit_ipv6_prefix);
        self.access.identify(token, sender, self.now)
    }
}

/// Who sends a request: whoever has its token, or anybody. A token that is not believed is refused, also where anybody
/// may do what is asked: its sender thinks that it is somebody.
pub(crate) fn identify<H: Headers + ?Sized>(
    request: &Request<'_, H>,
    caller: &Caller,
    core: &mut Core,
) -> Result<Principal, Problem> {
    known_by(request, None, caller, core)
}

/// As [`identify`], of a request that reads: a ticket in its query is as good as a token, once.
pub(crate) fn identify_reader<H: Headers + ?Sized>(
    request: &Request<'_, H>,
    query: &str,
    caller: &Caller,
    core: &mut Core,
) -> Result<Principal, Problem> {
    known_by(request, Some(query), caller, core)
}

/// What was said on purpose comes first, then the cookie, which a browser adds by itself, and then what the connection is known by.
fn known_by<H: Headers + ?Sized>(
    request: &Request<'_, H>,
    query: Option<&str>,
    caller: &Caller,
    core: &mut Core,
) -> Result<Principal, Problem> {
    let known = if !core.access.has_rules() {
        core.access.anybody()
    } else if let Some(token) = bearer(request.headers)? {
        core.identify(token, request.address())?
    } else if let Some(ticket) = query.map_or(Ok(None), ticket_of)? {
        core.access.redeem(&ticket, core.now)?
    } else if let Some(token) = cookie(request.headers, caller, core)? {
        core.identify(token, request.address())?
    } else if let Some(certificate) = &caller.certificate {
        core.access.identify_certificate(certificate, core.now)?
    } else {
        core.access.anybody()
    };
    Ok(known.within(caller.within.clone()))
}

/// As [`identify`], of an upgrade. What came in the list of subprotocols, the query or a cookie may be refused only once the connection is
/// there: a page sees nothing of the answer to an upgrade.
pub(crate) fn identify_upgrade<H: Headers + ?Sized>(
    request: &Request<'_, H>,
    query: &str,
    caller: &Caller,
    core: &mut Core,
) -> Result<(Principal, Option<Box<Problem>>), Problem> {
    let within = || caller.within.clone();
    let nobody = core.access.anybody().within(within());
    if !core.access.has_rules() {
        return Ok((nobody, None));
    }
    let known = if let Some(token) = bearer(request.headers)? {
        return Ok((core.identify(token, request.address())?.within(within()), None));
    } else if let Some(token) = handshake::token_of(request.headers) {
        core.identify(&token, request.address())
    } else if let Some(ticket) = ticket_of(query)? {
        core.access.redeem(&ticket, core.now)
    } else if let Some(token) = cookie(request.headers, caller, core)? {
        core.identify(token, request.address())
    } else if let Some(certificate) = &caller.certificate {
        core.access.identify_certificate(certificate, core.now)
    } else {
        return Ok((nobody, None));
    };
    Ok(match known {
        Ok(known) => (known.within(within()), None),
        // Nothing is said before it is known.
        Err(refused) if core.access.awaits_keys => return Err(refused),
        Err(refused) => (nobody, Some(Box::new(refused))),
    })
}

/// The token in the cookie, where it counts.
fn cookie<'h, H: Headers + ?Sized>(
    headers: &'h H,
    caller: &Caller,
    core: &Core,
) -> Result<Option<&'h str>, Problem> {
    let Some(name) = core.settings.token_cookie.as_deref().filter(|_| caller.may_use_cookie) else {
        return Ok(None);
    };
    let (mut found, mut is_repeated) = (None, false);
    headers.each(header_name::COOKIE, &mut |value| {
        let pairs = value.split(|&byte| byte == b';').filter_map(|pair| std::str::from_utf8(pair).ok());
        for (own, token) in pairs.filter_map(|pair| pair.trim().split_once('=')) {
            if own == name {
                is_repeated |= found.replace(token).is_some();
            }
        }
    });
    if is_repeated {
        // Another program of the same site may have set one of them.
        let detail = "the cookie of this server was sent twice: remove one of them";
        return Err(Problem::new(ErrorCode::InvalidHeader, detail));
    }
    Ok(found.map(|token| token.trim_matches('"')))
}

/// The token in `Authorization`.
fn bearer<H: Headers + ?Sized>(headers: &H) -> Result<Option<&str>, Problem> {
    let Some(field) = headers.single_text(header_name::AUTHORIZATION)? else { return Ok(None) };
    let (scheme, token) = field.split_once(' ').unwrap_or((field, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Problem::token_refused(
            "write `Authorization: Bearer <token>`; no other scheme is known",
        ));
    }
    Ok(Some(token.trim()))
}

/// Permits or refuses.
pub(crate) fn authorise(principal: &Principal, right: Right, stream: &StreamName) -> Result<(), Problem> {
    if principal.may(right, stream) {
        Ok(())
    } else if principal.is_within(stream) {
        Err(refusal(principal, right))
    } else {
        Err(Problem::origin_refused_here())
    }
}

/// The refusal of a right: it says nothing of the stream.
pub(crate) fn refusal(principal: &Principal, right: Right) -> Problem {
    if principal.is_unnamed() { Problem::unauthenticated() } else { Problem::forbidden(right.as_str()) }
}

/// Refuses a token in a URL, which ends up in logs and histories.
pub(crate) fn refuse_token_in_url(query: &str, core: &Core) -> Result<(), Problem> {
    if core.access.has_rules() && has_token(query) {
        let detail = "a token in a URL ends up in logs: send it as `Authorization: Bearer <token>`";
        return Err(Problem::new(ErrorCode::InvalidParameter, detail));
    }
    Ok(())
}
