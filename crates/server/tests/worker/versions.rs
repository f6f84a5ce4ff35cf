//! Old clients, clients that close, and HTTP/2.

use crate::http2::Http2;
use crate::requests::publish;
use crate::wire::Wire;
use tidings_testkit::{Api, Server, eventually};

fn server_with_a_stream() -> (Server, Api) {
    let server = Server::start();
    let mut api = Api::new(server.address());
    api.create("a", &[]);
    (server, api)
}

const READ: &str = "/v1/stream/a?offset=-1";
const HOLD: &str = "/v1/stream/a?offset=now&live=long-poll";

#[test]
fn http_1_0_reads_to_the_end_of_the_connection() {
    let (server, _) = server_with_a_stream();
    for target in [READ, HOLD] {
        let mut wire = Wire::connect(&server);
        wire.send(format!("GET {target} HTTP/1.0\r\n\r\n"));
        let answer = wire.answer();
        assert_eq!(answer.status, if target == READ { 200 } else { 204 });
        assert_eq!(answer.field("transfer-encoding"), None);
        wire.expect_end();
    }
}

#[test]
fn http_1_0_follows_without_chunks() {
    let (server, mut api) = server_with_a_stream();
    let mut wire = Wire::connect(&server);
    wire.send(format!("GET {READ}&live=sse HTTP/1.0\r\n\r\n"));
    assert_eq!(wire.head().field("transfer-encoding"), None);
    wire.take_until(b"upToDate");
    api.publish("a", "1");
    wire.take_until(b"data:[1]\n");
    assert_eq!(Wire::connect(&server).ask(crate::requests::close("a")).status, 204);
    assert!(String::from_utf8(wire.rest()).unwrap().ends_with("\"streamClosed\":true}\n\n"));
}

#[test]
fn http_1_0_may_keep_the_connection() {
    let (server, _) = server_with_a_stream();
    let mut wire = Wire::connect(&server);
    for _ in 0..3 {
        let answer = wire.ask(format!("GET {READ} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
        assert_eq!(answer.field("connection").map(str::to_lowercase).as_deref(), Some("keep-alive"));
    }
}

#[test]
fn a_connection_closes_after_the_answer_when_it_was_asked_to() {
    let (server, _) = server_with_a_stream();
    let requests = [
        format!("GET {READ} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"),
        format!("GET {HOLD} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"),
        publish("a", "1").replacen("Host: t", "Host: t\r\nConnection: close", 1),
        "OPTIONS /v1/stream/a HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n".to_owned(),
        "OPTIONS /v1/stream/a HTTP/1.0\r\n\r\n".to_owned(),
    ];
    for request in requests {
        let mut wire = Wire::connect(&server);
        let answer = wire.ask(&request);
        assert!(matches!(answer.status, 200 | 204), "{request}");
        wire.expect_end();
    }
}

#[test]
fn an_sse_response_that_ends_closes_when_it_was_asked_to() {
    let (server, _) = server_with_a_stream();
    let mut wire = Wire::connect(&server);
    wire.send(format!("GET {READ}&live=sse HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"));
    assert_eq!(wire.head().status, 200);
    wire.events_until("upToDate");
    assert_eq!(Wire::connect(&server).ask(crate::requests::close("a")).status, 204);
    wire.events_until("streamClosed");
    assert_eq!(wire.chunk(), b"");
    wire.expect_end();
}

#[test]
fn http_2_polls_holds_and_follows_over_one_connection() {
    let (server, mut api) = server_with_a_stream();
    let mut http2 = Http2::connect(&server);
    let poll = http2.get(READ);
    assert_eq!(http2.answer(poll), (200, b"[]".to_vec()));
    let events = http2.get(&format!("{READ}&live=sse"));
    http2.data_until(events, "upToDate");
    let held = http2.get(&format!("{HOLD}&timeout=60"));
    // Its own first answer says that the long poll was read before it.
    let poll = http2.get(READ);
    assert_eq!(http2.answer(poll).0, 200);
    api.publish("a", "1");
    assert_eq!(http2.answer(held), (200, b"[1]".to_vec()));
    http2.data_until(events, "data:[1]");
    let idle = http2.get(HOLD);
    assert_eq!(http2.answer(idle).0, 204);
}

#[test]
fn http_2_streams_that_are_cancelled_follow_no_more() {
    let (server, mut api) = server_with_a_stream();
    let mut http2 = Http2::connect(&server);
    let events = http2.get(&format!("{READ}&live=sse"));
    http2.data_until(events, "upToDate");
    let mut followers = || {
        let list = api.expect(200, &tidings_testkit::Request::get("/v1/streams?prefix=a")).text();
        let list: serde_json::Value = serde_json::from_str(&list).expect("a list is JSON");
        list["streams"][0]["followers"]["sse"].as_u64()
    };
    assert_eq!(followers(), Some(1));
    http2.cancel(events);
    eventually("the follower is gone", || followers().filter(|count| *count == 0));
}
