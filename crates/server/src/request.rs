//! A request as both fronts understand it, and where it goes.

use crate::authorise::{
    Principal, Right, authorise, identify, identify_reader, identify_upgrade, refuse_token_in_url,
};
use crate::decision::check::{self, Checked, Verdicts};
use crate::decision::followed;
use crate::decision::waiting::Waiting;
use crate::exchange::Opened;
use crate::metrics::{self, Asked};
use crate::peer::Peer;
use crate::transport::websocket::FirstSubscription;
use crate::transport::{self, Follower, Read};
use crate::worker::core::Core;
use crate::worker::followers::Owner;
use crate::{admin, examples, expiring, health, list, operation, ticket};
use bytes::Bytes;
use std::net::IpAddr;
use tidings_engine::Reader;
use tidings_model::StreamName;
use tidings_protocol::websocket::handshake::Handshake;
use tidings_protocol::{Headers, Method, Problem, ReadManyRequest, ReadRequest, Response, Route, Target};

/// A whole request. Borrowed: it is over when this is answered or has become an exchange.
pub(crate) struct Request<'r, H: Headers + ?Sized> {
    pub(crate) method: Method,
    pub(crate) target: &'r str,
    pub(crate) headers: &'r H,
    pub(crate) body: Bytes,
    /// How the request asks for a WebSocket, if it does and the front can give it one.
    pub(crate) websocket: Option<Handshake>,
    /// Whether a response without a length has to be cut into chunks by us.
    pub(crate) chunked: bool,
    pub(crate) owner: Owner,
    /// Who asks, as far as the network tells.
    pub(crate) peer: Peer,
}

impl<H: Headers + ?Sized> Request<'_, H> {
    /// Where the peer is.
    pub(crate) fn address(&self) -> IpAddr {
        self.peer.address()
    }
}

/// Answers the request, or begins to.
pub(crate) fn open<H: Headers + ?Sized>(request: &Request<'_, H>, core: &mut Core) -> Opened {
    let mut asked = Asked::Other;
    let opened = match dispatch(request, core, &mut asked) {
        Ok(opened) => opened,
        // Nobody knows yet whether the token is one to refuse.
        Err(_refused) if core.access.take_awaits_keys() => {
            Opened::Held(Box::new(Waiting::for_keys(request, core)))
        }
        Err(problem) => problem.into(),
    };
    count(asked, &opened, core);
    opened
}

/// As [`open`], of a request that has waited for the application: who asks is known.
pub(crate) fn open_as<H: Headers + ?Sized>(
    principal: &Principal,
    request: &Request<'_, H>,
    verdicts: Verdicts,
    core: &mut Core,
) -> Opened {
    let mut asked = Asked::Other;
    let opened = Target::parse(request.target).and_then(|Target { route, query }| {
        asked = Asked::of(&route, request.method);
        core.access.refresh();
        if !core.access.is_still(principal, core.now) {
            return Err(Problem::revoked());
        }
        if principal.has_expired(core.now) {
            return Err(Problem::token_refused("the token has expired; get a new one"));
        }
        if is_websocket(&route, request) {
            asked = Asked::WebSocket;
            return websocket(&route, query, request, Some((principal, verdicts)), core);
        }
        for_named(principal, (&route, query), request, verdicts, core)
    });
    let opened = opened.unwrap_or_else(Opened::from);
    count(asked, &opened, core);
    opened
}

fn count(asked: Asked, opened: &Opened, core: &Core) {
    match opened {
        Opened::Response(response) | Opened::Stream(response, _) | Opened::Upgrade(response, _) => {
            core.metrics.on_answer(asked, response);
        }
        // Counted when it is answered.
        Opened::Held(_) => {}
    }
}

/// Says in `asked` what it was about, as far as that was understood.
fn dispatch<H: Headers + ?Sized>(
    request: &Request<'_, H>,
    core: &mut Core,
    asked: &mut Asked,
) -> Result<Opened, Problem> {
    if core.echoes {
        return websocket(&Route::WebSocket, "", request, None, core);
    }
    let target = Target::parse(request.target);
    if target.is_err() && core.settings.examples {
        // Looked for last, so that no request to a stream pays for it.
        if let Some(response) = examples::answer(request) {
            return Ok(Opened::Response(response));
        }
    }
    let Target { route, query } = target?;
    *asked = Asked::of(&route, request.method);
    if request.method == Method::Options {
        return Ok(Opened::Response(Response::preflight()));
    }
    route.check_method(request.method)?;
    if request.websocket == Some(Handshake::Connect) && !matches!(route, Route::WebSocket | Route::Stream(_))
    {
        // An upgrade that leads nowhere is ignored, and the `GET` answered; a `CONNECT` asks for nothing else.
        return Err(Problem::no_websocket_here());
    }
    match (&route, request.method) {
        (Route::HealthLive, _) => Ok(Opened::Response(health::live())),
        (Route::HealthReady, _) => Ok(Opened::Response(health::ready(core))),
        (Route::Metrics, _) => {
            let principal = identify(request.headers, core)?;
            metrics::scrape(&principal, request.headers, core).map(Opened::Response)
        }
        (
            Route::WebSocket
            | Route::ReadMany
            | Route::Ticket
            | Route::Streams
            | Route::Stream(_)
            | Route::Admin(_),
            _,
        ) => {
            refuse_token_in_url(query, core)?;
            if is_websocket(&route, request) {
                *asked = Asked::WebSocket;
                return websocket(&route, query, request, None, core);
            }
            let principal = match (&route, request.method) {
                (Route::Stream(_), Method::Get) => identify_reader(request.headers, query, core)?,
                _ => identify(request.headers, core)?,
            };
            for_named(&principal, (&route, query), request, Verdicts::new(), core)
        }
    }
}

/// What is known to come from somebody: the application is asked, if there is one that is.
fn for_named<H: Headers + ?Sized>(
    principal: &Principal,
    (route, query): (&Route, &str),
    request: &Request<'_, H>,
    verdicts: Verdicts,
    core: &mut Core,
) -> Result<Opened, Problem> {
    let opened = if core.decisions.are_asked_for() {
        match check::check(principal, (route, query), request, verdicts, core)? {
            Checked::Waits(opened) => return Ok(opened),
            Checked::Permitted(permitted, permits) => {
                let opened = for_principal(&permitted, route, query, request, core)?;
                followed::while_permitted(opened, permits, &permitted)
            }
        }
    } else {
        for_principal(principal, route, query, request, core)?
    };
    Ok(expiring::until_expiry(opened, principal, core))
}

/// What needs to know who asks.
fn for_principal<H: Headers + ?Sized>(
    principal: &Principal,
    route: &Route,
    query: &str,
    request: &Request<'_, H>,
    core: &mut Core,
) -> Result<Opened, Problem> {
    match (route, request.method) {
        (Route::ReadMany, _) => read_many(principal, query, request, core),
        (Route::Ticket, _) => ticket::issue(principal, &request.body, core),
        (Route::Streams, _) => list::list(principal, query, core),
        (Route::Admin(path), _) => admin::open(principal, *path, query, request, core),
        (Route::Stream(name), Method::Get) => read(principal, name, query, request, core),
        (Route::Stream(name), Method::Head) => operation::head::head(principal, name, core),
        (Route::Stream(name), Method::Put) => operation::create::create(principal, name, request, core),
        (Route::Stream(name), Method::Post) => {
            operation::publish::publish(principal, name, query, request, core)
        }
        (Route::Stream(name), Method::Delete) => {
            operation::delete::delete(principal, name, request.owner, core)
        }
        (Route::Stream(_), Method::Options | Method::Other)
        | (Route::WebSocket | Route::Metrics | Route::HealthLive | Route::HealthReady, _) => {
            Err(Problem::method_not_allowed(route.methods()))
        }
    }
}

/// Whether a WebSocket is asked for, rightly or wrongly.
fn is_websocket<H: Headers + ?Sized>(route: &Route, request: &Request<'_, H>) -> bool {
    let follows = matches!(route, Route::Stream(_)) && request.method == Method::Get;
    *route == Route::WebSocket || (follows && request.websocket.is_some())
}

fn websocket<H: Headers + ?Sized>(
    route: &Route,
    query: &str,
    request: &Request<'_, H>,
    waited: Option<(&Principal, Verdicts)>,
    core: &mut Core,
) -> Result<Opened, Problem> {
    let first = if let Route::Stream(name) = route {
        Some((name.clone(), tidings_protocol::parse_upgrade_start(query)?))
    } else {
        None
    };
    let accept = transport::websocket::accept(request.headers, request.websocket, core)?;
    let (principal, refused, verdicts) = match waited {
        Some((principal, verdicts)) => (principal.clone(), None, verdicts),
        None => {
            let (principal, refused) = identify_upgrade(request.headers, query, core)?;
            (principal, refused, Verdicts::new())
        }
    };
    if core.decisions.are_asked_for() && refused.is_none() && !core.echoes {
        let stream = first.as_ref().map(|(name, _)| name);
        if let Some(waits) = check::check_connection(&principal, stream, request, verdicts, core)? {
            return Ok(waits);
        }
    }
    let first = FirstSubscription::new(first, principal, refused, request.peer);
    Ok(transport::websocket::open(&accept, first))
}

fn read<H: Headers + ?Sized>(
    principal: &Principal,
    name: &StreamName,
    query: &str,
    request: &Request<'_, H>,
    core: &mut Core,
) -> Result<Opened, Problem> {
    let asked = ReadRequest::parse(query, request.headers)?;
    let transport = transport::of(asked.live)?;
    authorise(principal, Right::Read, name)?;
    let stream = transport::find(core, name)?;
    stream.touch(core.now);
    let reader = Reader::open(stream, asked.start.start(), core.engine.boot());
    let reader = reader.map_err(|reset| {
        core.metrics.resets.of(reset.reason).count();
        Problem::reset(reset)
    })?;
    let read = Read::new(&asked, reader, request.chunked);
    Ok((transport.open)(read, request.owner, &asked, core))
}

fn read_many<H: Headers + ?Sized>(
    principal: &Principal,
    query: &str,
    request: &Request<'_, H>,
    core: &mut Core,
) -> Result<Opened, Problem> {
    let asked = ReadManyRequest::parse(query, &request.body, core.settings.max_read_streams)?;
    let transport = transport::of(asked.live)?;
    let follower = Follower { owner: request.owner, chunked: request.chunked };
    Ok((transport.open_many)(&asked, principal, follower, core))
}
