//! SIGTERM: everybody is told, what was acknowledged stays, and the process ends in time.

use crate::http2::Http2;
use crate::requests::{FOLLOW, HELD_POLL, OPTIONS, POLL, SSE, get, publish, put};
use crate::wire::{CLOSE, TEXT, Wire};
use std::time::{Duration, Instant};
use tidings_testkit::{Api, Server};

#[expect(clippy::disallowed_methods, reason = "how long the server takes is what these tests are about")]
fn now() -> Instant {
    Instant::now()
}

fn server_with_a_stream() -> (Server, Api) {
    let server = Server::start();
    let mut api = Api::new(server.address());
    api.create("a", &[]);
    (server, api)
}

/// The count of followers of a kind, as the server has it.
fn followers(api: &mut Api, kind: &str) -> u64 {
    let list = api.expect(200, &tidings_testkit::Request::get("/v1/streams?prefix=a")).text();
    let list: serde_json::Value = serde_json::from_str(&list).expect("a list is JSON");
    list["streams"][0]["followers"][kind].as_u64().expect("a count is a number")
}

#[test]
fn held_polls_are_answered_when_the_server_ends() {
    let (mut server, mut api) = server_with_a_stream();
    let mut narrow = Wire::connect(&server);
    narrow.send(HELD_POLL);
    let mut odd = Wire::connect(&server);
    odd.send([OPTIONS, HELD_POLL].concat());
    assert_eq!(odd.answer().status, 204);
    let mut http2 = Http2::connect(&server);
    let held = http2.get("/v1/stream/a?offset=now&live=long-poll&timeout=100");
    tidings_testkit::eventually("all are held", || (followers(&mut api, "long-poll") == 3).then_some(()));
    drop(api);
    server.ask_to_end();
    for wire in [&mut narrow, &mut odd] {
        let answer = wire.answer();
        assert_eq!((answer.status, answer.field("stream-up-to-date")), (204, Some("true")));
        assert!(answer.field("stream-next-offset").is_some());
        assert_eq!(answer.field("connection").map(str::to_lowercase).as_deref(), Some("close"));
        wire.expect_end();
    }
    assert_eq!(http2.answer(held).0, 204);
    http2.expect_end();
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn sse_responses_end_with_a_time_to_come_back() {
    let (mut server, _) = server_with_a_stream();
    let mut narrow = Wire::connect(&server);
    narrow.send(SSE);
    let mut odd = Wire::connect(&server);
    odd.send([OPTIONS, SSE].concat());
    assert_eq!(odd.answer().status, 204);
    for wire in [&mut narrow, &mut odd] {
        assert_eq!(wire.head().status, 200);
        wire.events_until("upToDate");
    }
    server.ask_to_end();
    for wire in [&mut narrow, &mut odd] {
        let retry = wire.events_until("retry:");
        let retry: u64 = retry.trim().trim_start_matches("retry:").trim().parse().expect("milliseconds");
        assert!(retry < 10_000, "{retry}");
        assert_eq!(wire.chunk(), b"");
        wire.expect_end();
    }
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn websockets_are_told_to_come_back_and_closed() {
    let (mut server, _) = server_with_a_stream();
    let mut wire = Wire::upgraded(&server, FOLLOW);
    wire.message("live");
    server.ask_to_end();
    let (kind, text) = wire.frame();
    let drain: serde_json::Value = serde_json::from_slice(&text).expect("a text is JSON");
    assert_eq!((kind, &drain["type"], &drain["within"]), (TEXT, &"drain".into(), &10.into()));
    let (kind, close) = wire.frame();
    assert_eq!((kind, &close[..2]), (CLOSE, &1001_u16.to_be_bytes()[..]));
    wire.send_frame(CLOSE, &close[..2]);
    wire.expect_end();
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn what_was_acknowledged_before_the_end_is_there_after_it() {
    let (mut server, api) = server_with_a_stream();
    drop(api);
    let mut wires: Vec<_> = (0..20).map(|_| Wire::connect(&server)).collect();
    let mut sockets: Vec<_> = (0..5).map(|_| Wire::upgraded(&server, "/v1/ws")).collect();
    for wire in &mut wires {
        assert_eq!(wire.ask(POLL).status, 200);
    }
    for wire in &mut sockets {
        wire.message("hello");
    }
    for (number, wire) in wires.iter_mut().enumerate() {
        wire.send(publish("a", &number.to_string()));
    }
    for (number, wire) in (100..).zip(&mut sockets) {
        let frame = format!("{{\"type\":\"publish\",\"id\":\"1\",\"stream\":\"a\",\"data\":{number}}}");
        wire.send_frame(TEXT, frame.as_bytes());
    }
    server.ask_to_end();
    let mut acknowledged = Vec::new();
    for (number, wire) in wires.iter_mut().enumerate() {
        // It had arrived before the signal did.
        assert_eq!(wire.answer().status, 204);
        wire.expect_end();
        acknowledged.push(number);
    }
    for (number, wire) in (100..).zip(&mut sockets) {
        if String::from_utf8_lossy(&wire.rest()).contains("published") {
            acknowledged.push(number);
        }
    }
    assert_eq!(server.wait().code(), Some(0));
    server.restart();
    let stored: Vec<usize> = serde_json::from_str(&Wire::connect(&server).ask(POLL).text()).unwrap();
    let lost: Vec<_> = acknowledged.iter().filter(|number| !stored.contains(number)).collect();
    assert_eq!(lost, Vec::<&usize>::new(), "of {acknowledged:?}");
}

#[test]
fn the_process_ends_in_time_whatever_its_peers_do() {
    let mut server = Server::builder().argument("--drain-timeout").argument("3s").start();
    let mut api = Api::new(server.address());
    api.create("a", &[]);
    api.publish("a", &format!("\"{}\"", "x".repeat(1 << 20)));
    let mut half_a_head = Wire::connect(&server);
    half_a_head.send("GET /v1/str");
    let mut half_a_body = Wire::connect(&server);
    half_a_body.send(put("b").replace("Content-Length: 0", "Content-Length: 10"));
    let mut stalled = Wire::connect(&server);
    stalled.send(POLL.repeat(100));
    assert_eq!(stalled.answer().status, 200);
    let mut deaf = Wire::upgraded(&server, FOLLOW);
    deaf.message("live");
    let mut idle = Wire::connect(&server);
    assert_eq!(idle.ask(get("/health/ready")).status, 200);
    let began = now();
    server.ask_to_end();
    idle.expect_end();
    assert_eq!(server.wait().code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

#[test]
fn with_nobody_connected_the_process_ends_at_once() {
    let server = Server::builder().argument("--drain-timeout").argument("60s");
    let mut server = server.start();
    let began = now();
    assert_eq!(server.terminate().code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}
