//! Requests of administrators.

use super::server;
use super::tokens::{KINDS, Verdict, with_rights};
use crate::wire::{Answer, Wire};
use serde_json::{Value, json};
use tidings_testkit::Server;

/// An answer to a request with that field and body.
pub(super) fn ask(server: &Server, line: &str, field: &str, body: &str) -> Answer {
    let length = body.len();
    let head = format!("{line} HTTP/1.1\r\nHost: t\r\n{field}Content-Length: {length}\r\n\r\n");
    Wire::connect(server).ask(format!("{head}{body}"))
}

/// The header of somebody who may administer the whole server.
pub(super) fn administrator() -> String {
    with_rights(&["admin"], "**")
}

pub(super) fn json_of(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_slice(&answer.body).expect("an answer is JSON")
}

const LINES: [&str; 5] = [
    "GET /v1/admin/me",
    "GET /v1/admin/revoke",
    "GET /v1/admin/server",
    "GET /v1/admin/streams",
    "GET /v1/admin/connections",
];

#[test]
fn only_administrators_of_everything_may_ask_what_concerns_the_whole_server() {
    let server = server();
    for line in LINES {
        for kind in KINDS {
            let status = match kind.verdict() {
                Verdict::Unnamed | Verdict::Refused => 401,
                Verdict::Forbidden | Verdict::Permitted => 403,
            };
            assert_eq!(ask(&server, line, &kind.field(), "").status, status, "{line} {kind:?}");
        }
        // Everything else on everything, and the right on nearly everything.
        for (rights, streams) in [
            (&["read", "publish", "create", "delete", "list"][..], "**"),
            (&["admin"], "*"),
            (&["admin"], "*/**"),
        ] {
            assert_eq!(ask(&server, line, &with_rights(rights, streams), "").status, 403, "{line} {streams}");
        }
        assert_eq!(ask(&server, line, &administrator(), "").status, 200, "{line}");
        assert_eq!(ask(&Server::start(), line, "", "").status, 200, "{line}: without rules");
    }
    assert_eq!(ask(&server, "GET /v1/admin/nothing", &administrator(), "").status, 404);
    assert_eq!(ask(&server, "DELETE /v1/admin/me", &administrator(), "").status, 405);
}

#[test]
fn what_concerns_one_stream_needs_the_right_on_that_stream() {
    let server = server();
    for path in ["stream", "followers"] {
        for (there, missing) in [("mine/there", "mine/missing"), ("other/there", "other/missing")] {
            let [there, missing] = [there, missing].map(|name| format!("GET /v1/admin/{path}?stream={name}"));
            let of_mine = with_rights(&["admin"], "mine/**");
            let is_mine = there.contains("=mine");
            let statuses = [&there, &missing].map(|line| ask(&server, line, &of_mine, "").status);
            assert_eq!(statuses, if is_mine { [200, 404] } else { [403, 403] }, "{there}");
            for kind in KINDS {
                let statuses = [&there, &missing].map(|line| ask(&server, line, &kind.field(), "").status);
                let unnamed = matches!(kind.verdict(), Verdict::Unnamed | Verdict::Refused);
                assert_eq!(statuses, if unnamed { [401; 2] } else { [403; 2] }, "{there} {kind:?}");
            }
        }
    }
}

#[test]
fn who_asks_is_told_as_whom_they_are_known() {
    let server = server();
    let me = json_of(&ask(&server, "GET /v1/admin/me", &administrator(), ""));
    assert_eq!((&me["kind"], &me["subject"]), (&json!("token"), &Value::Null), "{me}");
    assert!(me["expires_in"].as_u64().is_some_and(|left| (500..=600).contains(&left)), "{me}");
    let me = json_of(&ask(&Server::start(), "GET /v1/admin/me", "", ""));
    let plain = json!({ "kind": "unruled", "subject": null, "expires_in": null, "address": "127.0.0.1", "secure": false });
    assert_eq!(me, plain);
}
