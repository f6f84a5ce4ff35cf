//! Who may do what: every request and every frame with every kind of token, generated from lists, against the real server.

#[path = "access/admin.rs"]
mod admin;
#[path = "access/certificates.rs"]
mod certificates;
#[path = "access/cost.rs"]
mod cost;
#[path = "access/expiry.rs"]
mod expiry;
#[path = "access/frames.rs"]
mod frames;
#[path = "access/listing.rs"]
mod listing;
#[path = "access/metrics.rs"]
mod metrics;
#[path = "access/origins.rs"]
mod origins;
#[path = "access/page.rs"]
mod page;
#[path = "access/reload.rs"]
mod reload;
#[path = "access/requests.rs"]
mod requests;
#[path = "access/revocation.rs"]
mod revocation;
#[path = "access/strangers.rs"]
mod strangers;
#[path = "access/tickets.rs"]
mod tickets;
#[path = "access/tokens.rs"]
mod tokens;

use crate::wire::Wire;
use serde_json::json;
use tidings_testkit::{Server, ServerBuilder};
use tokens::{FULL_KEY, Kind, NARROW_KEY, REVOKED_ID, REVOKED_KEY, SECRET, hash};

/// A server with rules: anybody may read what is public, and each kind of token has what its name says on `mine/**`.
fn builder(more: &str) -> (ServerBuilder, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let secret = folder.path().join("secret");
    std::fs::write(&secret, SECRET).expect("a temporary file can be written");
    let [full, narrow, revoked] = [FULL_KEY, NARROW_KEY, REVOKED_KEY].map(hash);
    let text = format!(
        r#"
        token_secret_file = {secret:?}
        token_audience = "tidings"
        token_leeway = "0s"
        {more}
        [[rights]]
        to = "anybody"
        read = ["public/**"]
        [[keys]]
        name = "full"
        hash = "sha256:{full}"
        read = ["mine/**"]
        publish = ["mine/**"]
        create = ["mine/**"]
        delete = ["mine/**"]
        list = ["mine/**"]
        [[keys]]
        name = "narrow"
        hash = "sha256:{narrow}"
        read = ["other/**"]
        [[keys]]
        name = "revoked"
        hash = "sha256:{revoked}"
        read = ["mine/**"]
        publish = ["mine/**"]
        "#,
        secret = secret.display().to_string(),
    );
    (Server::builder().settings_file(&text), folder)
}

fn server() -> Server {
    let (builder, _secret_is_read) = builder("");
    let server = builder.start();
    create(&server, "mine/there");
    revocation::revoke(&server, &json!({ "token_id": REVOKED_ID }));
    revocation::revoke(&server, &json!({ "key": "revoked" }));
    server
}

/// A stream with one message.
fn create(server: &Server, stream: &str) {
    let mut wire = Wire::connect(server);
    let fields = format!("Host: t\r\n{}Content-Type: application/json\r\n", Kind::FullKey.field());
    let created = wire.ask(format!("PUT /v1/stream/{stream} HTTP/1.1\r\n{fields}Content-Length: 1\r\n\r\n1"));
    assert_eq!(created.status, 201, "{stream}: {}", created.text());
}
