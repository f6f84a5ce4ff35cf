//! Follows: each transport counts, and gives back what it had.

use super::{ONE, OTHER, builder, names_the_limit, refused_by};
use crate::http2::Http2;
use crate::http2_socket::Socket;
use crate::requests::{HELD_POLL, POLL, SSE, get, publish, read_many, upgrade};
use crate::wire::{TEXT, Wire};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tidings_testkit::{Api, Server, eventually};

const PER_ADDRESS: &str = "max_follows_per_address";

fn server(limits: &str) -> Server {
    let server = builder(limits).start();
    for stream in ["a", "b", "c"] {
        Api::new(server.address()).create(stream, &[]);
    }
    server
}

/// Waits until that address may follow so many streams, and no more.
fn expect_room(server: &Server, room: usize) {
    let names: Vec<_> =
        (0..room).map(|index| format!("{{\"stream\":\"{index}\",\"offset\":\"-1\"}}")).collect();
    let ask = |entries: &[String]| {
        let request = read_many("?live=long-poll&timeout=0", &entries.join(","));
        Wire::connect_from(server, ONE).ask(request)
    };
    eventually("there is room again", || (ask(&names).status == 200).then_some(()));
    let more: Vec<_> = names.into_iter().chain(["{\"stream\":\"x\",\"offset\":\"-1\"}".to_owned()]).collect();
    assert_eq!(ask(&more).status, 429);
}

#[test]
fn every_transport_counts_and_gives_back() {
    let server = server("max_follows_per_address = 3");
    let expect_refused = |request: &str| {
        let answer = Wire::connect_from(&server, ONE).ask(request);
        assert_eq!(refused_by(&answer, PER_ADDRESS, 3, "address"), 5);
    };
    let mut held = Wire::connect_from(&server, ONE);
    held.send(HELD_POLL);
    let mut sse = Wire::connect_from(&server, ONE);
    sse.send(SSE);
    assert_eq!(sse.head().status, 200);
    let mut socket = Wire::connect_from(&server, ONE);
    assert_eq!(socket.ask(upgrade("/v1/stream/a")).status, 101);
    socket.message("live");
    for request in [HELD_POLL, SSE, &read_many("?live=sse", "{\"stream\":\"a\",\"offset\":\"-1\"}")] {
        expect_refused(request);
    }
    // Over a WebSocket it is a frame, and the connection goes on.
    socket.send_frame(TEXT, br#"{"type":"subscribe","stream":"b","offset":"-1"}"#);
    let refusal = socket.message("error");
    names_the_limit(&refusal, PER_ADDRESS, 3, "address");
    assert_eq!((&refusal["stream"], &refusal["retry_after"]), (&json!("b"), &json!(5)));
    let mut fresh = Wire::connect_from(&server, ONE);
    assert_eq!(fresh.ask(upgrade("/v1/stream/b")).status, 101);
    names_the_limit(&fresh.message("error"), PER_ADDRESS, 3, "address");
    // A poll is no follow, and others have their own.
    assert_eq!(Wire::connect_from(&server, ONE).ask(POLL).status, 200);
    assert_eq!(
        Wire::connect_from(&server, OTHER).ask(get("/v1/stream/a?offset=-1&live=long-poll&timeout=0")).status,
        204
    );
    // Each ends in a way of its own.
    socket.send_frame(TEXT, br#"{"type":"unsubscribe","stream":"a"}"#);
    socket.message("unsubscribed");
    expect_room(&server, 1);
    assert_eq!(Wire::connect(&server).ask(publish("a", "1")).status, 204);
    assert_eq!(held.answer().status, 200);
    expect_room(&server, 2);
    sse.reset();
    expect_room(&server, 3);
}

#[test]
fn many_streams_in_one_request_are_many_follows() {
    let server = server("max_follows_per_address = 3");
    let follow = |streams: &[&str]| {
        let entries: Vec<_> =
            streams.iter().map(|name| format!("{{\"stream\":\"{name}\",\"offset\":\"now\"}}")).collect();
        let mut wire = Wire::connect_from(&server, ONE);
        wire.send(read_many("?live=sse", &entries.join(",")));
        wire
    };
    let mut two = follow(&["a", "b"]);
    assert_eq!(two.head().status, 200);
    refused_by(&follow(&["a", "b"]).answer(), PER_ADDRESS, 3, "address");
    let mut one = follow(&["c"]);
    assert_eq!(one.head().status, 200);
    refused_by(&follow(&["c"]).answer(), PER_ADDRESS, 3, "address");
    two.reset();
    expect_room(&server, 2);
}

#[test]
fn streams_of_http2_count_each() {
    let server = server("max_follows_per_address = 2");
    let mut http2 = Http2::over(Wire::connect_from(&server, ONE));
    let sse = http2.get("/v1/stream/a?offset=now&live=sse");
    assert_eq!(http2.status(sse), 200);
    let socket = Socket::open(&mut http2, "/v1/stream/a");
    socket.message(&mut http2, "live");
    let refused = http2.get("/v1/stream/a?offset=now&live=sse");
    let (status, body) = http2.answer(refused);
    assert_eq!(status, 429);
    names_the_limit(&serde_json::from_slice(&body).expect("a problem is JSON"), PER_ADDRESS, 2, "address");
    socket.send(&mut http2, &json!({ "type": "subscribe", "stream": "b", "offset": "-1" }));
    names_the_limit(&socket.message(&mut http2, "error"), PER_ADDRESS, 2, "address");
    http2.cancel(sse);
    eventually("there is room again", || {
        socket.send(&mut http2, &json!({ "type": "subscribe", "stream": "b", "offset": "-1" }));
        let said = socket.text(&mut http2);
        (said["type"] == "subscribed").then_some(())
    });
}

const KEY: &str = "tidings_one_0123456789abcdef0123456789abcdef";
const OTHER_KEY: &str = "tidings_two_0123456789abcdef0123456789abcdef";

fn keys() -> String {
    let key = |name: &str, key: &str| {
        let hash = Sha256::digest(key).iter().fold(String::new(), |hash, byte| hash + &format!("{byte:02x}"));
        format!(
            "[[keys]]\nname = \"{name}\"\nhash = \"sha256:{hash}\"\nread = [\"**\"]\npublish = [\"**\"]\ncreate = [\"**\"]\n"
        )
    };
    [key("one", KEY), key("two", OTHER_KEY)].concat()
}

fn with_key(request: &str, key: &str) -> String {
    request.replacen("Host: t\r\n", &format!("Host: t\r\nAuthorization: Bearer {key}\r\n"), 1)
}

#[test]
fn a_subject_has_the_same_from_wherever_it_comes() {
    const LIMIT: &str = "max_follows_per_subject";
    let server = builder(&format!("max_follows_per_subject = 2\n{}", keys())).start();
    for stream in ["a", "b"] {
        let created = Wire::connect(&server).ask(with_key(&crate::requests::put(stream), KEY));
        assert_eq!(created.status, 201, "{}", created.text());
    }
    let mut sse = Wire::connect_from(&server, ONE);
    sse.send(with_key(SSE, KEY));
    assert_eq!(sse.head().status, 200);
    // Who says later who they are, counts from then on.
    let mut socket = Wire::connect_from(&server, OTHER);
    assert_eq!(socket.ask(upgrade("/v1/ws")).status, 101);
    socket.send_frame(TEXT, json!({ "type": "auth", "token": KEY }).to_string().as_bytes());
    let subscribe = |socket: &mut Wire, stream: &str| {
        socket.send_frame(
            TEXT,
            json!({ "type": "subscribe", "stream": stream, "offset": "-1" }).to_string().as_bytes(),
        );
        loop {
            let (_, text) = socket.frame();
            let said: Value = serde_json::from_slice(&text).unwrap_or_default();
            if said["type"] == "subscribed" || said["type"] == "error" {
                return said;
            }
        }
    };
    assert_eq!(subscribe(&mut socket, "a")["type"], "subscribed");
    names_the_limit(&subscribe(&mut socket, "b"), LIMIT, 2, "subject");
    let refused = Wire::connect_from(&server, OTHER).ask(with_key(SSE, KEY));
    assert_eq!(refused_by(&refused, LIMIT, 2, "subject"), 5);
    let mut other = Wire::connect_from(&server, OTHER);
    other.send(with_key(SSE, OTHER_KEY));
    assert_eq!(other.head().status, 200);
    // As somebody else it takes of what that one may have.
    socket.send_frame(TEXT, json!({ "type": "auth", "token": OTHER_KEY }).to_string().as_bytes());
    names_the_limit(&subscribe(&mut socket, "b"), LIMIT, 2, "subject");
    eventually("the first one has room again", || {
        let mut wire = Wire::connect_from(&server, ONE);
        wire.send(with_key(SSE, KEY));
        (wire.head().status == 200).then_some(())
    });
}

#[test]
fn a_stream_has_so_many_followers_from_all() {
    const LIMIT: &str = "max_follows_per_stream";
    let server = server("max_follows_per_stream = 2");
    let mut sse = Wire::connect_from(&server, ONE);
    sse.send(SSE);
    assert_eq!(sse.head().status, 200);
    let mut socket = Wire::connect_from(&server, OTHER);
    assert_eq!(socket.ask(upgrade("/v1/stream/a")).status, 101);
    socket.message("live");
    for request in [SSE, HELD_POLL] {
        let refused = Wire::connect_from(&server, ONE).ask(request);
        assert_eq!(refused_by(&refused, LIMIT, 2, "stream"), 5);
    }
    let mut more = Wire::connect_from(&server, ONE);
    assert_eq!(more.ask(upgrade("/v1/stream/a")).status, 101);
    names_the_limit(&more.message("error"), LIMIT, 2, "stream");
    // Of many streams only the full one is refused.
    let entries = r#"{"stream":"a","offset":"now"},{"stream":"b","offset":"-1"}"#;
    let many = Wire::connect_from(&server, ONE).ask(read_many("?live=long-poll&timeout=0", entries));
    assert_eq!(many.status, 200);
    let frames: Vec<Value> = serde_json::from_slice(&many.body).expect("an answer is JSON");
    let error = frames.iter().find(|frame| frame["type"] == "error").expect("one is refused");
    names_the_limit(error, LIMIT, 2, "stream");
    assert_eq!(error["stream"], "a");
}
