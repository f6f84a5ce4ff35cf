//! Limits for each client: each limit over each transport, from several addresses, on two workers.

#[path = "limits/connections.rs"]
mod connections;
#[path = "limits/follows.rs"]
mod follows;
#[path = "limits/publishes.rs"]
mod publishes;

use crate::wire::Answer;
use serde_json::Value;
use tidings_testkit::{Server, ServerBuilder};

/// Addresses of this machine, which the limits don't leave out.
pub(crate) const ONE: &str = "127.0.0.2";
pub(crate) const OTHER: &str = "127.0.0.3";

/// Two workers, and limits for this machine too.
pub(crate) fn builder(limits: &str) -> ServerBuilder {
    Server::builder().settings_file(&format!("workers = 2\nunlimited_addresses = \"\"\n{limits}"))
}

/// How long a refusal by that limit says to wait, after all that it has to say was checked.
pub(crate) fn refused_by(answer: &Answer, limit: &str, amount: u64, scope: &str) -> u64 {
    assert_eq!(answer.status, 429, "{}", answer.text());
    let problem: Value = serde_json::from_slice(&answer.body).expect("a problem is JSON");
    let wait = answer.field("retry-after").and_then(|wait| wait.parse().ok());
    names_the_limit(&problem, limit, amount, scope);
    wait.expect("it says when to come again")
}

/// That a problem or a frame tells which limit it was.
pub(crate) fn names_the_limit(said: &Value, limit: &str, amount: u64, scope: &str) {
    assert_eq!(said["code"], "limit_exceeded", "{said}");
    assert_eq!(said["retryable"], true, "{said}");
    assert_eq!(
        (&said["limit"], &said["amount"], &said["scope"]),
        (&limit.into(), &amount.into(), &scope.into())
    );
}
