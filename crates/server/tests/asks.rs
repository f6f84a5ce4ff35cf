//! What the server asks of others, against a real issuer and a real application over real sockets: keys that are published, and leave that is
//! given or not.

#[path = "asks/following.rs"]
mod following;
#[path = "asks/gates.rs"]
mod gates;
#[path = "asks/guide.rs"]
mod guide;
#[path = "asks/keys.rs"]
mod keys;
#[path = "asks/outage.rs"]
mod outage;
#[path = "asks/signing.rs"]
mod signing;
#[path = "asks/webhook.rs"]
mod webhook;

use tidings_testkit::{Connection, Deadline, Request, Response, Server};

/// The answer to a request, on a connection of its own.
fn ask(server: &Server, request: &Request) -> Response {
    let mut connection = Connection::open(server.address()).expect("the server accepts");
    connection.ask(request, Deadline::patient()).expect("the server answers")
}

fn get(target: &str) -> Request {
    Request::get(target)
}

fn with_token(request: Request, token: &str) -> Request {
    request.header("Authorization", format!("Bearer {token}"))
}
