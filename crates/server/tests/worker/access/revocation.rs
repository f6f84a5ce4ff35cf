//! Tokens, subjects and keys that are revoked: refused at once, and whoever follows by them ends, on each transport.

use super::admin::{administrator, ask, json_of};
use super::tokens::{FULL_KEY, Kind, now_s, with_claims};
use super::{builder, create, server};
use crate::http2::Http2;
use crate::wire::Wire;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tidings_testkit::{Close, Deadline, Frame, Server, Socket, Upgrade};

/// Within this it has to end, whatever the machine does beside; the server itself needs a fiftieth of it.
const SOON: Duration = Duration::from_secs(10);

pub(super) fn revoke(server: &Server, body: &Value) -> Value {
    json_of(&ask(server, "POST /v1/admin/revoke", &administrator(), &body.to_string()))
}

fn field(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

fn read(server: &Server, token: &str) -> (u16, String) {
    let answer = ask(server, "GET /v1/stream/mine/there", &field(token), "");
    (answer.status, answer.code())
}

fn refused() -> (u16, String) {
    (401, "revoked".to_owned())
}

#[test]
fn what_is_revoked_is_refused_at_once_and_believed_again_when_that_is_taken_back() {
    let server = server();
    let mut wires: Vec<Wire> = (0..8).map(|_| Wire::connect(&server)).collect();
    let cases = [
        (json!({ "subject": "sue" }), "subject=sue", with_claims(&json!({ "sub": "sue", "jti": "s" }))),
        (json!({ "token_id": "a/b" }), "token_id=a%2Fb", with_claims(&json!({ "sub": "ann", "jti": "a/b" }))),
        (json!({ "key": "full" }), "key=full", FULL_KEY.to_owned()),
    ];
    let other = with_claims(&json!({ "sub": "ann", "jti": "other" }));
    for (body, query, token) in cases {
        // On connections of all workers, which have the token in their caches.
        let request = format!("GET /v1/stream/mine/there HTTP/1.1\r\nHost: t\r\n{}\r\n", field(&token));
        let mut all = || -> Vec<u16> { wires.iter_mut().map(|wire| wire.ask(&request).status).collect() };
        assert_eq!(all(), [200; 8], "{body}");
        let told = revoke(&server, &body);
        assert!(told["since"].is_string() && told["end"].is_null(), "{told}");
        assert_eq!(all(), [401; 8], "{body}");
        assert_eq!(read(&server, &token), refused(), "{body}");
        assert_eq!(read(&server, &other).0, 200, "{body}");
        let listed = json_of(&ask(&server, "GET /v1/admin/revoke", &administrator(), ""));
        assert!(listed["revocations"].as_array().unwrap().contains(&told), "{listed}");
        let line = format!("DELETE /v1/admin/revoke?{query}");
        assert_eq!(ask(&server, &line, &administrator(), "").status, 204, "{body}");
        assert_eq!(ask(&server, &line, &administrator(), "").status, 404, "{body}");
        assert_eq!(read(&server, &token).0, 200, "{body}");
    }
    for (body, code) in [
        ("{", "invalid_json"),
        ("{}", "invalid_parameter"),
        (r#"{"subject":"a","key":"b"}"#, "invalid_parameter"),
    ] {
        let answer = ask(&server, "POST /v1/admin/revoke", &administrator(), body);
        assert_eq!((answer.status, answer.code()), (400, code.to_owned()), "{body}");
    }
}

#[test]
fn tokens_of_a_subject_that_are_issued_later_are_believed() {
    let server = server();
    let issued = |seconds: u64| with_claims(&json!({ "sub": "sue", "iat": seconds }));
    let cut = now_s() - 60;
    let told = revoke(&server, &json!({ "subject": "sue", "issued_before": cut, "expires_in": 3_600 }));
    assert_eq!(told["issued_before"], json!(cut), "{told}");
    assert_eq!(read(&server, &issued(cut - 1)), refused());
    assert_eq!(read(&server, &issued(cut)).0, 200);
    assert_eq!(read(&server, &with_claims(&json!({ "sub": "sue" }))), refused());
}

#[test]
fn revocations_outlive_a_crash_and_are_forgotten_at_their_end() {
    let (builder, _folder) = builder("max_revocations = 2");
    let mut server = builder.start();
    create(&server, "mine/there");
    let [short, long] = ["short", "long"].map(|id| with_claims(&json!({ "jti": id })));
    revoke(&server, &json!({ "token_id": "short", "expires_in": 0 }));
    revoke(&server, &json!({ "token_id": "long", "expires_in": 3_600 }));
    revoke(&server, &json!({ "subject": "sue" }));
    let full = ask(&server, "POST /v1/admin/revoke", &administrator(), r#"{"subject":"bob"}"#);
    assert_eq!((full.status, full.code()), (507, "too_many_revocations".to_owned()));
    for _ in 0..2 {
        assert_eq!((read(&server, &short).0, read(&server, &long)), (200, refused()));
        server.kill_9();
        server.restart();
    }
    server.kill_9();
    std::fs::write(server.data().join("revocations.json"), "{").expect("the data folder can be written");
    let started = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| server.restart()));
    let message = started.expect_err("it does not start").downcast::<String>().expect("a text");
    assert!(message.contains("revocations.json: is damaged at line 1"), "{message}");
}

/// A WebSocket that follows, and was told so.
fn following(server: &Server, token: &str) -> Socket {
    let protocols = format!("tidings.v1, bearer.{token}");
    let target = "/v1/stream/mine/there?offset=now";
    let opened = Socket::open_with(server.address(), target, &protocols, &[]).expect("the server answers");
    let Upgrade::Open(mut socket) = opened else { panic!("{opened:?}") };
    for kind in ["hello", "subscribed", "live"] {
        assert_eq!(socket.expect_json()["type"], kind);
    }
    socket
}

fn many(live: &str, token: &str, offset: &str) -> String {
    let body = json!({ "streams": [{ "stream": "mine/there", "offset": offset }] }).to_string();
    let length = body.len();
    format!(
        "POST /v1/read?live={live}&timeout=60 HTTP/1.1\r\nHost: t\r\n{}Content-Length: {length}\r\n\r\n{body}",
        field(token)
    )
}

#[expect(clippy::disallowed_methods, reason = "how long the server takes is what a test is about")]
fn now() -> Instant {
    Instant::now()
}

/// How many follow, by transport.
fn followers(server: &Server) -> Value {
    let list = json_of(&ask(server, "GET /v1/streams", &super::tokens::with_rights(&["list"], "**"), ""));
    list["streams"][0]["followers"].clone()
}

/// Followers by that token, on every transport and front, end when it is revoked; those of others go on. How long that takes.
fn followers_end(server: &Server, token: &str, body: &Value) -> Duration {
    let one = |live: &str, form: &str| {
        let target = format!("/v1/stream/mine/there?offset=now&live={live}&timeout=60");
        format!("GET {target} HTTP/1.1\r\nHost: t\r\n{}{form}\r\n", field(token))
    };
    let narrow = "";
    let odd = "Expect: 100-continue\r\nContent-Length: 0\r\n";
    let begun = |request: String, sign: &[u8]| {
        let mut wire = Wire::connect(server);
        wire.send(request);
        if !sign.is_empty() {
            wire.take_until(sign);
        }
        wire
    };
    let tail = ask(server, "GET /v1/stream/mine/there", &field(token), "");
    let tail = tail.field("stream-next-offset").expect("a poll names an offset").to_owned();
    let mut held = vec![
        begun(one("long-poll", narrow), b""),
        begun(one("long-poll", odd), b""),
        begun(many("long-poll", token, &tail), b""),
    ];
    let mut events = vec![
        begun(one("sse", narrow), b"upToDate"),
        begun(one("sse", odd), b"upToDate"),
        begun(many("sse", token, "now"), b"\"live\""),
    ];
    let mut socket = following(server, token);
    let mut http2 = Http2::connect(server);
    http2.expect_connect_protocol();
    let bearer = format!("Bearer {token}");
    let fields = [("sec-websocket-version", "13"), ("authorization", &*bearer)];
    let stream = http2.extended_connect("/v1/stream/mine/there?offset=now", "websocket", &fields);
    assert_eq!(http2.status(stream), 200);
    let over_http2 = crate::http2_socket::Socket { stream };
    for kind in ["hello", "subscribed", "live"] {
        assert_eq!(over_http2.text(&mut http2)["type"], kind);
    }
    let other = with_claims(&json!({ "sub": "other" }));
    let mut goes_on = following(server, &other);
    // Held by now, wherever they are.
    tidings_testkit::eventually("all follow", || {
        let followers = followers(server);
        (followers["long-poll"] == 3 && followers["sse"] == 3 && followers["websocket"] == 3).then_some(())
    });

    let deadline = Deadline::after(SOON);
    let began = now();
    revoke(server, body);
    assert_eq!(socket.expect_json()["code"], "revoked");
    let closed = socket.next(deadline).expect("the server closes as it should");
    assert!(matches!(closed, Some(Frame::Close(Close { code: Some(4401), .. }))), "{closed:?}");
    assert_eq!(over_http2.text(&mut http2)["code"], "revoked");
    for wire in &mut held {
        let answer = wire.answer();
        let answer = if answer.status == 100 { wire.answer() } else { answer };
        assert_eq!(answer.status, 204, "{}", answer.text());
    }
    for wire in &mut events {
        wire.take_until(b"revoked");
    }
    assert!(!deadline.passed(), "the long polls would have gone on for a minute");
    let took = now().duration_since(began);
    // Nothing comes under it, and nothing is kept from others.
    let publish = json!({ "type": "publish", "id": "1", "stream": "mine/there", "data": 5 });
    goes_on.send_text(&publish.to_string()).expect("the server reads");
    let told: Vec<Value> = (0..2).map(|_| goes_on.expect_json()).collect();
    assert!(told.iter().any(|frame| frame["type"] == "message"), "{told:?}");
    assert_eq!(read(server, token), refused());
    let followers = followers(server);
    assert_eq!((&followers["long-poll"], &followers["sse"]), (&json!(0), &json!(0)), "{followers}");
    took
}

/// One of a few times is enough: the machine may be busy, and a server that needs longer needs it each time.
#[test]
fn followers_end_within_a_second_of_it() {
    let server = server();
    let took: Vec<Duration> = (0..5)
        .map(|number| {
            let id = format!("t{number}");
            let token = with_claims(&json!({ "sub": "ann", "jti": id }));
            followers_end(&server, &token, &json!({ "token_id": id }))
        })
        .collect();
    eprintln!("{took:?}");
    assert!(took.iter().any(|took| *took < Duration::from_secs(1)), "{took:?}");
}

#[test]
fn followers_by_a_token_end_when_it_is_revoked() {
    let server = server();
    let token = with_claims(&json!({ "sub": "ann", "jti": "t1" }));
    followers_end(&server, &token, &json!({ "token_id": "t1" }));
}

#[test]
fn followers_by_a_key_end_when_it_is_revoked() {
    let server = server();
    followers_end(&server, FULL_KEY, &json!({ "key": "full" }));
    assert_eq!(read(&server, &Kind::Full.token().unwrap()).0, 200);
}
