//! What those cost who may do nothing, and what those learn who may do little.

use super::tokens::{Kind, with_claims, with_rights};
use super::{builder, create, server};
use crate::wire::{TEXT, Wire};
use serde_json::json;
use tidings_testkit::{Close, Deadline, Frame, Socket, eventually};

#[test]
fn no_body_is_read_of_who_may_not_send_it() {
    let server = server();
    // By the front that hyper has, and by the narrow one: only the head comes.
    for (line, more) in [
        ("PUT /v1/stream/mine/new", "Expect: 100-continue\r\nContent-Length: 8000000\r\n"),
        ("PUT /v1/stream/mine/new", "Transfer-Encoding: chunked\r\n"),
        ("POST /v1/stream/mine/there", "Content-Length: 8000000\r\n"),
        ("POST /v1/stream/mine/there", "Content-Length: 60000\r\n"),
        ("POST /v1/ticket", "Content-Length: 60000\r\n"),
        ("POST /v1/admin/revoke", "Content-Length: 60000\r\n"),
    ] {
        for (kind, status) in [(Kind::Nothing, 401), (Kind::Expired, 401), (Kind::NarrowKey, 403)] {
            if kind == Kind::NarrowKey && line.ends_with("ticket") {
                continue;
            }
            let mut wire = Wire::connect(&server);
            let field = kind.field();
            wire.send(format!("{line} HTTP/1.1\r\nHost: t\r\n{field}Content-Type: text/plain\r\n{more}\r\n"));
            let answer = wire.answer();
            assert_eq!(answer.status, status, "{line} {more} {kind:?}: {}", answer.text());
            wire.expect_end();
        }
    }
    // Who may is asked for it.
    let mut wire = Wire::connect(&server);
    let field = Kind::FullKey.field();
    wire.send(format!("PUT /v1/stream/mine/new HTTP/1.1\r\nHost: t\r\n{field}Expect: 100-continue\r\nContent-Length: 1\r\n\r\n"));
    assert_eq!(wire.head().status, 100);
    wire.send("1");
    assert_eq!(wire.answer().status, 201);
}

#[test]
fn who_may_not_publish_sends_no_large_message() {
    let server = server();
    let large = format!(r#"{{"type":"auth","token":"{}"}}"#, "x".repeat(17 << 10));
    let mut socket = Socket::expect(server.address(), "/v1/ws");
    assert_eq!(socket.expect_json()["type"], "hello");
    socket.send_text(&large).expect("the server reads");
    let closed = socket.next(Deadline::patient()).expect("the server closes as it should");
    assert!(matches!(closed, Some(Frame::Close(Close { code: Some(1009), .. }))), "{closed:?}");
}

#[test]
fn who_may_only_create_does_not_learn_how_far_a_stream_is() {
    let server = server();
    create(&server, "mine/secret");
    let put = |rights: &[&str]| {
        let field = with_rights(rights, "mine/**");
        let head = format!("PUT /v1/stream/mine/secret HTTP/1.1\r\nHost: t\r\n{field}");
        Wire::connect(&server)
            .ask(format!("{head}Content-Type: application/json\r\nContent-Length: 0\r\n\r\n"))
    };
    let answer = put(&["create"]);
    assert_eq!((answer.status, answer.field("stream-next-offset")), (200, None));
    assert!(put(&["create", "read"]).field("stream-next-offset").is_some());
}

/// Signatures cost time, so there is a limit on how many are checked: whoever sends made-up ones uses up their own.
#[test]
fn who_makes_up_tokens_keeps_nobody_elses_from_being_checked() {
    const FORGED: usize = 1_000;
    let (builder, _folder) = builder("workers = 1");
    let server = builder.start();
    create(&server, "mine/there");
    let right = |number: usize| with_claims(&json!({ "jti": number.to_string() }));
    let poll = |token: &str| {
        format!("GET /v1/stream/mine/there HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {token}\r\n\r\n")
    };
    let mut mallory = Wire::connect_from(&server, "127.0.0.9");
    let mut ann = Wire::connect_from(&server, "127.0.0.8");
    let mut number = 0;
    eventually("so many are made up that no more of theirs are checked", || {
        let forged: String = (0..FORGED)
            .map(|index| {
                let token = right(number + index);
                let (message, _) = token.rsplit_once('.').unwrap_or_default();
                poll(&format!("{message}.{}", "A".repeat(43)))
            })
            .collect();
        number += FORGED;
        mallory.send(forged);
        let statuses: Vec<u16> = (0..FORGED).map(|_| mallory.answer().status).collect();
        assert!(statuses.iter().all(|status| matches!(status, 401 | 503)), "{statuses:?}");
        number += 4;
        assert_eq!(ann.ask(poll(&right(number))).status, 200, "somebody else's is checked");
        let mut socket = Wire::connect_from(&server, "127.0.0.8").upgrade("/v1/ws");
        socket.message("hello");
        socket.send_frame(TEXT, json!({ "type": "auth", "token": right(number + 1) }).to_string().as_bytes());
        socket.message("authenticated");
        let mut early = Wire::connect_from(&server, "127.0.0.9").upgrade("/v1/ws");
        early.message("hello");
        early.send_frame(TEXT, json!({ "type": "auth", "token": right(number + 2) }).to_string().as_bytes());
        let said: serde_json::Value = serde_json::from_slice(&early.any_frame().1).expect("texts are JSON");
        let is_late = mallory.ask(poll(&right(number + 3))).status == 503;
        (said["code"] == "too_busy" && is_late).then_some(())
    });
}
