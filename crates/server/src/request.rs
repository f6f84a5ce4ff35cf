//! A request as both fronts understand it, and where it goes.

use crate::authorise::{
    Principal, Right, authorise, identify, identify_reader, identify_upgrade, refusal, refuse_token_in_url,
};
use crate::cross_origin::{self, Caller};
use crate::decision::check::{self, Checked, Verdicts};
use crate::decision::followed;
use crate::decision::waiting::Waiting;
use crate::exchange::Opened;
use crate::limits::{Client, FollowShare};
use crate::metrics::{self, Asked};
use crate::peer::Peer;
use crate::transport::websocket::FirstSubscription;
use crate::transport::{self, Follower, Read};
use crate::worker::core::Core;
use crate::worker::followers::Owner;
use crate::{admin, console, examples, expiring, health, list, operation, ticket};
use bytes::Bytes;
use std::net::IpAddr;
use std::sync::Arc;
use tidings_auth::ClientCertificate;
use tidings_engine::Reader;
use tidings_model::StreamName;
use tidings_protocol::websocket::handshake::Handshake;
use tidings_protocol::{
    Cors, Headers, Live, Method, Problem, ReadManyRequest, ReadRequest, Response, Route, Target,
};

/// A whole request. Borrowed: it is over when this is answered or has become an exchange.
pub(crate) struct Request<'r, H: Headers + ?Sized> {
    pub(crate) method: Method,
    pub(crate) target: &'r str,
    pub(crate) headers: &'r H,
    /// The host and port that were asked, where no header says it (HTTP/2).
    pub(crate) authority: Option<&'r str>,
    pub(crate) body: Bytes,
    /// How the request asks for a WebSocket, if it does and the front can give it one.
    pub(crate) websocket: Option<Handshake>,
    /// Whether a response without a length has to be cut into chunks by us.
    pub(crate) chunked: bool,
    pub(crate) owner: Owner,
    /// Who asks, as far as the network tells.
    pub(crate) peer: Peer,
    /// The certificate that was shown on its connection, if it is somebody's.
    pub(crate) certificate: Option<Arc<ClientCertificate>>,
}

impl<H: Headers + ?Sized> Request<'_, H> {
    /// Where the peer is.
    pub(crate) fn address(&self) -> IpAddr {
        self.peer.address()
    }
}

/// Answers the request, or begins to.
pub(crate) fn open<H: Headers + ?Sized>(request: &Request<'_, H>, core: &mut Core) -> Opened {
    core.notes.on_request();
    open_counted(request, core)
}

/// As [`open`], of a request that was counted when it came.
pub(crate) fn open_counted<H: Headers + ?Sized>(request: &Request<'_, H>, core: &mut Core) -> Opened {
    let mut asked = Asked::Other;
    let opened = match cross_origin::caller(request, core) {
        _ if core.echoes => {
            let begin =
                FirstSubscription::new(None, (core.access.anybody(), None), request.peer, &Caller::default());
            let accept = transport::websocket::accept(request, core);
            accept.map_or_else(Opened::from, |accept| transport::websocket::open(&accept, begin))
        }
        Ok(caller) => {
            let opened = match dispatch(request, &caller, core, &mut asked) {
                Ok(opened) => opened,
                // Nobody knows yet whether the token is one to refuse.
                Err(_refused) if core.access.take_awaits_keys() => {
                    let waiting = Waiting::for_keys(request, &caller, core);
                    waiting.map_or_else(Opened::from, |waiting| Opened::Held(Box::new(waiting)))
                }
                Err(problem) => problem.into(),
            };
            caller.tell(opened)
        }
        Err(problem) => refuse_page(problem),
    };
    count(asked, &opened, core);
    opened
}

/// As [`open_counted`], of a request that has waited for the application: who asks is known. What else it has to pass, it passes now.
pub(crate) fn open_as<H: Headers + ?Sized>(
    principal: &Principal,
    request: &Request<'_, H>,
    verdicts: Verdicts,
    core: &mut Core,
) -> Opened {
    let mut asked = Asked::Other;
    let opened = match cross_origin::caller(request, core) {
        Ok(caller) => {
            let opened = dispatch_as(principal, verdicts, request, &caller, core, &mut asked);
            caller.tell(opened.unwrap_or_else(Opened::from))
        }
        Err(problem) => refuse_page(problem),
    };
    count(asked, &opened, core);
    opened
}

fn dispatch_as<H: Headers + ?Sized>(
    principal: &Principal,
    verdicts: Verdicts,
    request: &Request<'_, H>,
    caller: &Caller,
    core: &mut Core,
    asked: &mut Asked,
) -> Result<Opened, Problem> {
    let Target { route, query } = Target::parse(request.target)?;
    *asked = Asked::of(&route, request.method);
    // Rules, revocations and settings may be others than when it came.
    let principal = core.access.still(principal, core.now)?.within(caller.within.clone());
    if is_websocket(&route, request) {
        *asked = Asked::WebSocket;
        return websocket((&route, query), request, caller, Some((principal, verdicts)), core);
    }
    for_named(&principal, (&route, query), request, (caller, verdicts), core)
}

/// A page of strangers is told nothing.
fn refuse_page(problem: Problem) -> Opened {
    Caller { cors: Cors::Nobody, ..Caller::default() }.tell(problem.into())
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

/// Refuses a request by its head, as it would be refused anyway: before its body takes room. Whoever is not refused may be later.
pub(crate) fn admit<H: Headers + ?Sized>(request: &Request<'_, H>, core: &mut Core) -> Option<Response> {
    let has_body = matches!(request.method, Method::Put | Method::Post);
    if !has_body || core.echoes || !core.access.has_rules() {
        return None;
    }
    // What has no route is refused for that; and what a page may, is told with the answer.
    let Target { route, .. } = Target::parse(request.target).ok()?;
    let caller = cross_origin::caller(request, core).ok()?;
    let refused = permitted(&route, request, &caller, core).err()?;
    if core.access.take_awaits_keys() {
        // Its key is being fetched: once the body is here it waits for that.
        return None;
    }
    let Opened::Response(response) = caller.tell(refused.into()) else { return None };
    Some(response)
}

/// Whether something like it may be done at all.
fn permitted<H: Headers + ?Sized>(
    route: &Route,
    request: &Request<'_, H>,
    caller: &Caller,
    core: &mut Core,
) -> Result<(), Problem> {
    let principal = identify(request, caller, core)?;
    let needed = match (route, request.method) {
        (Route::Stream(name), Method::Put) => return authorise(&principal, Right::Create, name),
        (Route::Stream(name), _) => return authorise(&principal, Right::Publish, name),
        (Route::Admin(_), _) => Right::Admin,
        (Route::Ticket, _) if principal.is_unnamed() => return Err(Problem::unauthenticated()),
        (Route::ReadMany | Route::Ticket, _) => Right::Read,
        (Route::WebSocket | Route::Streams | Route::Metrics | Route::HealthLive | Route::HealthReady, _) => {
            return Ok(());
        }
    };
    if principal.may_any(needed) { Ok(()) } else { Err(refusal(&principal, needed)) }
}

/// Says in `asked` what it was about, as far as that was understood.
fn dispatch<H: Headers + ?Sized>(
    request: &Request<'_, H>,
    caller: &Caller,
    core: &mut Core,
    asked: &mut Asked,
) -> Result<Opened, Problem> {
    let target = Target::parse(request.target);
    if target.is_err() {
        // Looked for last, so that no request to a stream pays for it.
        if let Some(response) = page(request, core) {
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
        (Route::HealthReady, _) => Ok(health::ready(core)),
        (Route::Metrics, _) => {
            let principal = identify(request, caller, core)?;
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
                return websocket((&route, query), request, caller, None, core);
            }
            let principal = match (&route, request.method) {
                (Route::Stream(_), Method::Get) => identify_reader(request, query, caller, core)?,
                _ => identify(request, caller, core)?,
            };
            core.notes.on_principal(&principal);
            for_named(&principal, (&route, query), request, (caller, Verdicts::new()), core)
        }
    }
}

/// A page that is built in, if the request is for one.
fn page<H: Headers + ?Sized>(request: &Request<'_, H>, core: &Core) -> Option<Response> {
    let console = core.settings.console.then(|| console::answer(request)).flatten();
    console.or_else(|| core.settings.examples.then(|| examples::answer(request)).flatten())
}

/// What is known to come from somebody: the application is asked, if there is one that is.
fn for_named<H: Headers + ?Sized>(
    principal: &Principal,
    (route, query): (&Route, &str),
    request: &Request<'_, H>,
    (caller, verdicts): (&Caller, Verdicts),
    core: &mut Core,
) -> Result<Opened, Problem> {
    let opened = if core.decisions.are_asked_for() {
        match check::check(principal, (route, query), request, (caller, verdicts), core)? {
            Checked::Waits(opened) => return Ok(opened),
            Checked::Permitted(permitted, permits) => {
                let opened = for_principal(&permitted, route, query, request, core)?;
                followed::while_permitted(opened, permits, &permitted)
            }
        }
    } else {
        for_principal(principal, route, query, request, core)?
    };
    Ok(expiring::until_expiry(opened, principal, &caller.cors, core))
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

/// Has brought who asks, and what the application has said, if it has waited for that.
fn websocket<H: Headers + ?Sized>(
    (route, query): (&Route, &str),
    request: &Request<'_, H>,
    caller: &Caller,
    waited: Option<(Principal, Verdicts)>,
    core: &mut Core,
) -> Result<Opened, Problem> {
    let first = if let Route::Stream(name) = route {
        Some((name.clone(), tidings_protocol::parse_upgrade_start(query)?))
    } else {
        None
    };
    let accept = transport::websocket::accept(request, core)?;
    let (principal, refused, verdicts) = match waited {
        Some((principal, verdicts)) => (principal, None, verdicts),
        None => {
            let (principal, refused) = identify_upgrade(request, query, caller, core)?;
            (principal, refused, Verdicts::new())
        }
    };
    core.notes.on_principal(&principal);
    if core.decisions.are_asked_for() && refused.is_none() {
        let stream = first.as_ref().map(|(name, _)| name);
        let waits = check::check_connection(&principal, stream, request, (caller, verdicts), core)?;
        if let Some(waits) = waits {
            return Ok(waits);
        }
    }
    let begin = FirstSubscription::new(first, (principal, refused), request.peer, caller);
    Ok(transport::websocket::open(&accept, begin))
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
    if asked.live != Live::POLL {
        core.admit_follower()?;
    }
    let stream = transport::find(core, name)?;
    let share = match asked.live {
        Live::POLL => None,
        _ => {
            core.count_follower(&stream)?;
            count_follows(principal, 1, request, core)?
        }
    };
    stream.touch(core.now);
    let reader = Reader::open(stream, asked.start.start(), core.engine.boot());
    let reader = reader.map_err(|reset| {
        core.metrics.resets.of(reset.reason).count();
        Problem::reset(reset)
    })?;
    let read = Read::new(&asked, reader, request.chunked);
    let opened = (transport.open)(read, request.owner, &asked, core);
    Ok(expiring::with_share(opened, principal, share))
}

fn read_many<H: Headers + ?Sized>(
    principal: &Principal,
    query: &str,
    request: &Request<'_, H>,
    core: &mut Core,
) -> Result<Opened, Problem> {
    let asked = ReadManyRequest::parse(query, &request.body, core.settings.max_read_streams)?;
    let transport = transport::of(asked.live)?;
    if asked.live != Live::POLL {
        core.admit_follower()?;
    }
    let follower = Follower { owner: request.owner, chunked: request.chunked };
    let share = match asked.live {
        Live::POLL => None,
        _ => count_follows(principal, asked.streams.len(), request, core)?,
    };
    let opened = (transport.open_many)(&asked, principal, follower, core);
    Ok(expiring::with_share(opened, principal, share))
}

/// What so many streams take of what the client may follow.
fn count_follows<H: Headers + ?Sized>(
    principal: &Principal,
    count: usize,
    request: &Request<'_, H>,
    core: &Core,
) -> Result<Option<Box<FollowShare>>, Problem> {
    let client = Client { peer: request.peer, principal };
    core.limits.follow(client, u32::try_from(count).unwrap_or(u32::MAX), &core.settings)
}
