//! Tokens that end while something is followed: each transport ends in its own way, and nothing comes after.

use super::tokens::{Kind, ends_at, ends_in, now_s, pause_until};
use super::{builder, server};
use crate::wire::{Answer, Wire};
use serde_json::{Value, json};
use tidings_testkit::{Close, Deadline, Frame, Server, Socket, Upgrade};

const READ: &[&str] = &["mine/**"];

/// How many seconds a token lasts in a test. Where the machine is so slow that it has ended before it came, it gets a longer one.
const LASTS_S: [u64; 3] = [2, 6, 20];

/// What is tried with tokens that last longer each time, until one of them was believed at first.
fn with_a_token<T>(mut attempt: impl FnMut(&str) -> Option<T>) -> T {
    let mut tries = LASTS_S.into_iter().filter_map(|seconds| attempt(&ends_in(seconds, READ)));
    tries.next().expect("a token that lasts for 20 seconds is believed at first")
}

/// A request that reads with that token.
fn get(target: &str, token: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {token}\r\n\r\n")
}

fn read_many(live: &str, offset: &str, token: &str) -> String {
    let body = json!({ "streams": [{ "stream": "mine/there", "offset": offset }] }).to_string();
    let length = body.len();
    format!(
        "POST /v1/read?live={live}&timeout=60 HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {token}\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
}

/// Where the stream ends.
fn tail(server: &Server) -> String {
    let answer = Wire::connect(server).ask(get("/v1/stream/mine/there", &ends_in(600, READ)));
    answer.field("stream-next-offset").expect("a poll names an offset").to_owned()
}

/// The answer to what goes on until its token ends, and to the same once more.
fn until_the_end(server: &Server, request: impl Fn(&str) -> String) -> (Answer, (u16, String)) {
    with_a_token(|token| {
        let (mut wire, request) = (Wire::connect(server), request(token));
        let answer = wire.ask(&request);
        // The connection itself goes on.
        (answer.status != 401).then(|| (answer, wire.answer_to(&request)))
    })
}

#[test]
fn a_long_poll_ends_as_if_its_time_were_up() {
    let server = server();
    let offset = tail(&server);
    let one = format!("/v1/stream/mine/there?offset={offset}&live=long-poll&timeout=60");
    let refused = (401, "unauthenticated".to_owned());
    let (answer, again) = until_the_end(&server, |token| get(&one, token));
    assert_eq!(
        (answer.status, answer.field("stream-next-offset"), again),
        (204, Some(&*offset), refused.clone())
    );
    let (answer, again) = until_the_end(&server, |token| read_many("long-poll", &offset, token));
    assert_eq!((answer.status, again), (204, refused));
}

/// What is published between the end of a token and the moment when the server looks at the time is not for its owner.
#[test]
fn a_long_poll_brings_nothing_that_was_published_after_the_end() {
    let server = server();
    for live in ["one", "many"] {
        let offset = tail(&server);
        let one = format!("/v1/stream/mine/there?offset={offset}&live=long-poll&timeout=60");
        let end_s = now_s() + 2;
        let token = ends_at(end_s, READ);
        let mut held = Wire::connect(&server);
        held.send(if live == "one" { get(&one, &token) } else { read_many("long-poll", &offset, &token) });
        let mut publisher = Wire::connect(&server);
        pause_until(end_s);
        let field = Kind::FullKey.field();
        let published = publisher.ask(format!(
            "POST /v1/stream/mine/there HTTP/1.1\r\nHost: t\r\n{field}Content-Type: application/json\r\n\
             Content-Length: 1\r\n\r\n7"
        ));
        assert_eq!(published.status, 204, "{}", published.text());
        let answer = held.answer();
        // Where the machine was so slow that the token had ended before it came, this shows nothing.
        assert!(matches!(answer.status, 204 | 401), "{live}: {} {}", answer.status, answer.text());
    }
}

#[test]
fn sse_ends_and_is_refused_when_it_comes_back_with_the_old_token() {
    let server = server();
    let refused = (401, "unauthenticated".to_owned());
    let one = "/v1/stream/mine/there?offset=-1&live=sse";
    let (answer, again) = until_the_end(&server, |token| get(one, token));
    assert!(
        answer.text().ends_with(": the token has expired; come back with a new one\n\n"),
        "{}",
        answer.text()
    );
    assert_eq!(again, refused);
    let (answer, again) = until_the_end(&server, |token| read_many("sse", "-1", token));
    assert!(answer.text().contains(r#""code":"unauthenticated""#), "{}", answer.text());
    assert_eq!(again, refused);
}

/// A WebSocket that follows from now on, and was told so.
fn following(server: &Server, token: &str) -> Option<Socket> {
    let protocols = format!("tidings.v1, bearer.{token}");
    let target = "/v1/stream/mine/there?offset=now";
    let opened = Socket::open_with(server.address(), target, &protocols, &[]).expect("the server answers");
    let Upgrade::Open(mut socket) = opened else { panic!("{opened:?}") };
    assert_eq!(socket.expect_json()["type"], "hello");
    let told = socket.expect_json();
    (told["type"] == "subscribed").then_some(socket)
}

/// The next frame of that kind; before it come only those that belong to the beginning, or ask for a new token.
fn expect_kind(socket: &mut Socket, kind: &str) -> Value {
    loop {
        let frame = socket.expect_json();
        if frame["type"] == kind {
            return frame;
        }
        assert!(frame["type"] == "live" || frame["type"] == "renew", "{kind}: {frame}");
    }
}

#[test]
fn a_websocket_is_asked_for_a_new_token_and_goes_on_with_it_without_a_gap() {
    let server = server();
    let mut socket = with_a_token(|token| following(&server, token));
    let asked = expect_kind(&mut socket, "renew");
    let within_s = asked["within"].as_u64().unwrap();
    assert!(within_s <= LASTS_S[2] / 2, "{asked}");
    let token = ends_in(600, READ);
    socket.send_text(&json!({ "type": "auth", "token": token }).to_string()).unwrap();
    let told = expect_kind(&mut socket, "authenticated");
    let left = told["expires_in"].as_u64().unwrap();
    assert!((500..=600).contains(&left), "{told}");
    // The end of the first one comes and goes.
    tidings_testkit::pause(std::time::Duration::from_secs(within_s + 1));
    socket.send_text(r#"{"type":"publish","id":"1","stream":"mine/there","data":8}"#).unwrap();
    let told: Vec<Value> = (0..2).map(|_| socket.expect_json()).collect();
    for kind in ["message", "published"] {
        assert!(told.iter().any(|frame| frame["type"] == kind), "{told:?}");
    }
}

#[test]
fn a_websocket_that_brings_no_new_token_is_closed() {
    let server = server();
    let mut socket = with_a_token(|token| following(&server, token));
    let frame = expect_kind(&mut socket, "error");
    assert_eq!(frame["code"], "unauthenticated", "{frame}");
    assert_closed(&mut socket);
}

fn assert_closed(socket: &mut Socket) {
    let closed = socket.next(Deadline::patient()).expect("the server closes as it should");
    assert!(matches!(closed, Some(Frame::Close(Close { code: Some(4401), .. }))), "{closed:?}");
}

#[test]
fn who_may_do_nothing_as_nobody_has_a_moment_to_say_who_it_is() {
    // The key is `abc`.
    let rules = "[[keys]]\nname = \"k\"\nread = [\"**\"]\n\
        hash = \"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"\n";
    let strict = Server::builder().settings_file(rules).setting("--request-timeout", "2s").start();
    let mut named = Socket::expect(strict.address(), "/v1/ws");
    named.send_text(r#"{"type":"auth","token":"abc"}"#).unwrap();
    let mut silent = Socket::expect(strict.address(), "/v1/ws");
    assert_eq!(silent.expect_json()["type"], "hello");
    assert_eq!(silent.expect_json()["code"], "unauthenticated");
    assert_closed(&mut silent);
    for kind in ["hello", "authenticated"] {
        assert_eq!(named.expect_json()["type"], kind);
    }
    named.send_text(r#"{"type":"ping"}"#).unwrap();
    assert_eq!(named.expect_json()["type"], "heartbeat");
}

#[test]
fn who_may_do_something_as_nobody_may_stay() {
    let (builder, _secret) = builder("");
    let server = builder.setting("--request-timeout", "500ms").start();
    let mut socket = Socket::expect(server.address(), "/v1/ws");
    assert_eq!(socket.expect_json()["type"], "hello");
    tidings_testkit::pause(std::time::Duration::from_millis(1_500));
    socket.send_text(r#"{"type":"ping"}"#).unwrap();
    assert_eq!(socket.expect_json()["type"], "heartbeat");
}
