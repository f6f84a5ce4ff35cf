//! What administrators ask, below `/v1/admin/`.
//!
//! Each path says by [`authorise_admin`] what it concerns, before it looks at anything.

mod connections;
mod followers;
mod gathering;
mod revoke;
mod server;
mod streams;

use crate::authorise::{Principal, Right, authorise, refusal};
use crate::exchange::Opened;
use crate::peer::Peer;
use crate::request::Request;
use crate::worker::core::Core;
use serde_json::json;
use tidings_auth::PrincipalKind;
use tidings_model::StreamName;
use tidings_protocol::{
    AdminPath, AdminQuery, CacheControl, Headers, Method, Problem, Response, header_name,
};

/// What a request of an administrator concerns.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Concern<'s> {
    /// The whole server: needs the right on `**`.
    Server,
    /// One stream, whether it exists or not.
    Stream(&'s StreamName),
}

/// Permits or refuses. Without rules whoever reaches the server is its administrator.
pub(crate) fn authorise_admin(principal: &Principal, concern: Concern<'_>) -> Result<(), Problem> {
    match concern {
        Concern::Stream(name) => authorise(principal, Right::Admin, name),
        Concern::Server if principal.may_on_all(Right::Admin) => Ok(()),
        Concern::Server => Err(refusal(principal, Right::Admin)),
    }
}

/// Answers a request, or begins to.
pub(crate) fn open<H: Headers + ?Sized>(
    principal: &Principal,
    path: AdminPath,
    query: &str,
    request: &Request<'_, H>,
    core: &mut Core,
) -> Result<Opened, Problem> {
    let asked = AdminQuery::parse(query)?;
    let concern = match path {
        AdminPath::Me
        | AdminPath::Revoke
        | AdminPath::Server
        | AdminPath::Streams
        | AdminPath::Connections => Concern::Server,
        AdminPath::Stream | AdminPath::Followers => Concern::Stream(asked.stream()?),
    };
    authorise_admin(principal, concern)?;
    match path {
        AdminPath::Me => Ok(Opened::Response(me(principal, request.peer, core))),
        AdminPath::Revoke => revocations(query, request, core),
        AdminPath::Server => Ok(server::describe(core)),
        AdminPath::Streams => Ok(streams::list(asked, core)),
        AdminPath::Stream => streams::one(&asked, core),
        AdminPath::Followers => followers::list(&asked, core),
        AdminPath::Connections => connections::list(&asked, core),
    }
}

fn revocations<H: Headers + ?Sized>(
    query: &str,
    request: &Request<'_, H>,
    core: &mut Core,
) -> Result<Opened, Problem> {
    match request.method {
        Method::Post => revoke::revoke(&request.body, core),
        Method::Delete => revoke::believe_again(query, core),
        Method::Get | Method::Head | Method::Put | Method::Options | Method::Other => {
            Ok(Opened::Response(revoke::list(core)))
        }
    }
}

/// Who asks, so that a page can tell whether its token is one of an administrator, and for how long; and from where, which shows whether
/// the proxies between are believed.
fn me(principal: &Principal, peer: Peer, core: &Core) -> Response {
    let kind = match principal.kind() {
        PrincipalKind::Unruled => "unruled",
        PrincipalKind::Anybody => "anybody",
        PrincipalKind::Token => "token",
        PrincipalKind::Key => "key",
        PrincipalKind::Ticket => "ticket",
        PrincipalKind::Certificate => "certificate",
    };
    let left_s = principal.expires().map(|expires| expires.since(core.now).as_secs());
    answer(&json!({
        "kind": kind,
        "subject": principal.subject(),
        "expires_in": left_s,
        "address": peer.address().to_string(),
        "secure": peer.is_secure,
    }))
}

/// An answer in JSON, which no cache keeps.
pub(crate) fn answer(body: &serde_json::Value) -> Response {
    Response::new(200)
        .with_body("application/json", body.to_string())
        .with(header_name::CACHE_CONTROL, CacheControl::NoStore)
}
