//! A request as both fronts understand it, and where it goes.

use crate::authorise::{
    Principal, Right, authorise, identify, identify_reader, refusal, refuse_token_in_url,
};
use crate::cross_origin::{self, Caller};
use crate::exchange::Opened;
use crate::limits::{Client, FollowShare};
use crate::metrics::{self, Asked};
use crate::peer::Peer;
use crate::transport::{self, Follower, Read};
use crate::worker::core::Core;
use crate::worker::followers::Owner;
use crate::{admin, console, examples, expiring, health, list, operation, ticket};
use bytes::Bytes;
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

/// Answers the request, or begins to.
pub(crate) fn open<H: Headers + ?Sized>(request: &Request<'_, H>, core: &mut Core) -> Opened {
    let mut asked = Asked::Other;
    core.notes.on_request();
    let opened = match cross_origin::caller(request, core) {
        _ if core.echoes => {
            let nobody = Caller::default();
            let opened = transport::websocket::open(request, (None, "", &nobody), core);
            opened.unwrap_or_else(Opened::from)
        }
        Ok(caller) => {
            let opened = dispatch(request, &caller, core, &mut asked).unwrap_or_else(Opened::from);
            caller.tell(opened)
        }
        Err(problem) => Caller { cors: Cors::Nobody, ..Caller::default() }.tell(problem.into()),
    };
    match &opened {
        Opened::Response(response) | Opened::Stream(response, _) | Opened::Upgrade(response, _) => {
            core.metrics.on_answer(asked, response);
        }
        // Counted when it is answered.
        Opened::Held(_) => {}
    }
    opened
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
    let principal = identify(request.headers, caller, core)?;
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
            let principal = identify(request.headers, caller, core)?;
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
                return websocket(&route, query, request, caller, core);
            }
            let principal = match (&route, request.method) {
                (Route::Stream(_), Method::Get) => identify_reader(request.headers, query, caller, core)?,
                _ => identify(request.headers, caller, core)?,
            };
            core.notes.on_principal(&principal);
            let opened = for_principal(&principal, &route, query, request, core)?;
            Ok(expiring::until_expiry(opened, &principal, &caller.cors, core))
        }
    }
}

/// A page that is built in, if the request is for one.
fn page<H: Headers + ?Sized>(request: &Request<'_, H>, core: &Core) -> Option<Response> {
    let console = core.settings.console.then(|| console::answer(request)).flatten();
    console.or_else(|| core.settings.examples.then(|| examples::answer(request)).flatten())
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
    caller: &Caller,
    core: &mut Core,
) -> Result<Opened, Problem> {
    let first = if let Route::Stream(name) = route {
        Some((name.clone(), tidings_protocol::parse_upgrade_start(query)?))
    } else {
        None
    };
    transport::websocket::open(request, (first, query, caller), core)
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
