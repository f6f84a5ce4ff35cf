//! Bad requests: a clear code each, in bounded memory and time; and methods.

use super::{entry, frames, server_with, told};
use crate::process::resident_bytes;
use crate::requests::read_many;
use crate::wire::Wire;
use tidings_testkit::Server;

fn refusal(wire: &mut Wire, request: &str) -> (u16, String) {
    let answer = wire.ask(request);
    assert_eq!(answer.field("content-type"), Some("application/problem+json"), "{}", answer.text());
    (answer.status, answer.code())
}

/// A request with that body.
fn with_body(body: &str) -> String {
    format!("POST /v1/read HTTP/1.1\r\nHost: t\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn each_wrong_request_has_its_code() {
    let (server, _) = server_with(&["a"]);
    let mut wire = Wire::connect(&server);
    let good = entry("a", "-1");
    for (request, status, code) in [
        (with_body(""), 400, "invalid_json"),
        (with_body("{\"streams\":[{\"stream\":\"a\"}"), 400, "invalid_json"),
        (with_body("streams=a"), 400, "invalid_json"),
        (with_body("[]"), 400, "invalid_parameter"),
        (with_body("{}"), 400, "invalid_parameter"),
        (with_body("{\"streams\":\"a\"}"), 400, "invalid_parameter"),
        (read_many("", ""), 400, "invalid_parameter"),
        (read_many("", "\"a\""), 400, "invalid_parameter"),
        (read_many("", &entry("/a", "-1")), 400, "invalid_parameter"),
        (read_many("", &entry("a", "7")), 400, "invalid_parameter"),
        (read_many("?live=websocket", &good), 400, "invalid_parameter"),
        (read_many("?live=long-poll&timeout=x", &good), 400, "invalid_parameter"),
        (read_many("?live=sse&live=sse", &good), 400, "invalid_parameter"),
        (read_many("", &[&good[..], &good].join(",")), 409, "already_subscribed"),
    ] {
        assert_eq!(refusal(&mut wire, &request), (status, code.to_owned()), "{request}");
    }
    // Whatever it is called, it is JSON.
    let form = with_body(&format!("{{\"streams\":[{good}]}}"))
        .replace("Host: t", "Host: t\r\nContent-Type: application/x-www-form-urlencoded");
    assert_eq!(told(&frames(&wire.ask(form))), ["subscribed a", "live a"]);
}

#[test]
fn a_list_may_be_as_long_as_the_setting_says() {
    let (server, _) = server_with(&["s/0"]);
    let list = |count: usize| {
        let entries: Vec<_> = (0..count).map(|index| entry(&format!("s/{index}"), "-1")).collect();
        entries.join(",")
    };
    let mut wire = Wire::connect(&server);
    for live in ["", "?live=long-poll", "?live=sse"] {
        let refused = refusal(&mut wire, &read_many(live, &list(101)));
        assert_eq!(refused, (429, "too_many_subscriptions".to_owned()));
    }
    let told = told(&frames(&wire.ask(read_many("", &list(100)))));
    assert_eq!((told.len(), &*told[0], &*told[101 - 1]), (101, "subscribed s/0", "error s/99"));
    let small = Server::builder().setting("--max-read-streams", "2").start();
    let mut wire = Wire::connect(&small);
    assert_eq!(wire.ask(read_many("", &list(2))).status, 200);
    assert_eq!(refusal(&mut wire, &read_many("", &list(3))).0, 429);
}

#[test]
fn large_garbage_is_refused_and_costs_no_memory() {
    let (server, _) = server_with(&["a"]);
    let mut wire = Wire::connect(&server);
    let before = resident_bytes(&server);
    let many = "7,".repeat(512 << 10);
    for (garbage, code) in [
        ("x".repeat(1 << 20), "invalid_json"),
        ("[".repeat(1 << 20), "invalid_json"),
        (format!("{{\"streams\":[{many}7]}}"), "too_many_subscriptions"),
        (format!("{{\"x\":[{many}7],\"streams\":[7]}}"), "invalid_parameter"),
        (format!("{{\"streams\":[{{\"stream\":\"{}\"}}]}}", "x".repeat(1 << 20)), "invalid_parameter"),
    ] {
        for _ in 0..4 {
            assert_eq!(refusal(&mut wire, &with_body(&garbage)).1, code);
        }
    }
    let grown = resident_bytes(&server).saturating_sub(before);
    assert!(grown < 16 << 20, "{grown} bytes");
    let too_large = "x".repeat((8 << 20) + 1);
    assert_eq!(refusal(&mut wire, &with_body(&too_large)), (413, "too_large".to_owned()));
}

#[test]
fn only_post_and_options_are_there() {
    let (server, _) = server_with(&["a"]);
    let mut wire = Wire::connect(&server);
    for method in ["GET", "PUT", "DELETE", "PATCH"] {
        let answer = wire.ask(format!("{method} /v1/read HTTP/1.1\r\nHost: t\r\n\r\n"));
        assert_eq!((answer.status, answer.field("allow")), (405, Some("POST, OPTIONS")), "{method}");
    }
    wire.send("HEAD /v1/read HTTP/1.1\r\nHost: t\r\n\r\n");
    assert_eq!(wire.head().status, 405);
    assert_eq!(wire.ask(crate::requests::upgrade("/v1/read")).status, 405);
    let preflight = wire.ask("OPTIONS /v1/read HTTP/1.1\r\nHost: t\r\nOrigin: http://localhost\r\n\r\n");
    assert_eq!(preflight.status, 204);
    assert!(preflight.field("access-control-allow-methods").is_some_and(|methods| methods.contains("POST")));
    let answer = wire.ask(read_many("", &entry("a", "-1")));
    assert_eq!(answer.field("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.field("access-control-expose-headers"), Some("*"));
}
