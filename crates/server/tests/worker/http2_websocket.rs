//! WebSocket over HTTP/2 (RFC 8441): the same as over HTTP/1.1, and it shares its connection.

use crate::http2::Http2;
use crate::http2_socket::Socket;
use crate::process::{resident_bytes, sockets};
use crate::requests::FOLLOW;
use crate::wire::{CLOSE, PING, PONG, TEXT, frame};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::{Duration, Instant};
use tidings_testkit::{Api, Request, Server, ServerBuilder, eventually};

#[expect(clippy::disallowed_methods, reason = "how long the server takes is what these tests are about")]
fn now() -> Instant {
    Instant::now()
}

fn server_with_a_stream(arguments: &[&str]) -> (Server, Api) {
    let server = arguments.iter().fold(Server::builder(), ServerBuilder::argument).start();
    let mut api = Api::new(server.address());
    api.create("a", &[]);
    (server, api)
}

/// Waits until the stream has so many followers by WebSocket.
fn expect_followers(api: &mut Api, count: u64) {
    eventually("as many followers as there are", || {
        let list = api.expect(200, &Request::get("/v1/streams?prefix=a")).text();
        let list: Value = serde_json::from_str(&list).expect("a list is JSON");
        (list["streams"][0]["followers"]["websocket"] == count).then_some(())
    });
}

#[test]
fn one_websocket_follows_20_streams_and_publishes_beside_ordinary_requests() {
    const STREAMS: usize = 20;
    const EACH: u64 = 25;
    let server = Server::start();
    let mut http2 = Http2::connect(&server);
    let socket = Socket::open(&mut http2, "/v1/ws");
    assert_eq!(socket.text(&mut http2)["type"], "hello");
    let mut api = Api::new(server.address());
    for index in 0..STREAMS {
        let name = format!("s{index}");
        api.create(&name, &[]);
        socket.send(&mut http2, &json!({"type": "subscribe", "stream": name, "offset": "-1"}));
    }
    for number in 0..EACH {
        for index in 0..STREAMS {
            let name = format!("s{index}");
            let id = format!("{name}/{number}");
            let publish = json!({"type": "publish", "id": id, "stream": name, "data": {"n": number}});
            socket.send(&mut http2, &publish);
        }
    }
    let mut received: HashMap<String, Vec<u64>> = HashMap::new();
    let mut published: HashMap<String, String> = HashMap::new();
    let mut offsets: HashMap<String, String> = HashMap::new();
    let total = STREAMS * usize::try_from(EACH).unwrap();
    while received.values().map(Vec::len).sum::<usize>() < total || published.len() < total {
        let value = socket.text(&mut http2);
        let text = |member: &str| value[member].as_str().unwrap_or_default().to_owned();
        match value["type"].as_str() {
            Some("message") => {
                let number = value["data"]["n"].as_u64().unwrap();
                received.entry(text("stream")).or_default().push(number);
                offsets.insert(format!("{}/{number}", text("stream")), text("offset"));
            }
            Some("published") => assert_eq!(published.insert(text("id"), text("offset")), None),
            Some("subscribed" | "live") => {}
            _ => panic!("{value}"),
        }
    }
    assert_eq!(received.len(), STREAMS);
    assert!(received.values().all(|numbers| *numbers == (0..EACH).collect::<Vec<_>>()), "{received:?}");
    assert_eq!(offsets, published);
    let poll = http2.get("/v1/stream/s7?offset=-1");
    let (status, body) = http2.answer(poll);
    let stored: Vec<Value> = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, stored.len()), (200, 25));
    socket.close(&mut http2, 1000);
}

#[test]
fn several_websockets_events_and_polls_share_a_connection() {
    let (server, mut api) = server_with_a_stream(&[]);
    let mut http2 = Http2::connect(&server);
    let events = http2.get("/v1/stream/a?offset=now&live=sse");
    http2.data_until(events, "upToDate");
    let held = http2.get("/v1/stream/a?offset=now&live=long-poll&timeout=60");
    let sockets: Vec<_> = (0..10).map(|_| Socket::open(&mut http2, FOLLOW)).collect();
    for socket in &sockets {
        socket.message(&mut http2, "live");
    }
    expect_followers(&mut api, 10);
    api.publish("a", "1");
    for socket in &sockets {
        assert_eq!(socket.message(&mut http2, "message")["data"], 1);
    }
    http2.data_until(events, "data:[1]");
    assert_eq!(http2.answer(held).1, b"[1]");
}

#[test]
fn frames_may_be_cut_anywhere() {
    let (server, _) = server_with_a_stream(&[]);
    let mut http2 = Http2::connect(&server);
    let socket = Socket::open(&mut http2, "/v1/ws");
    let subscribe = br#"{"type":"subscribe","stream":"a","offset":"-1"}"#;
    for byte in [frame(TEXT, subscribe), frame(PING, b"here")].concat() {
        http2.send(socket.stream, &[byte]);
    }
    socket.message(&mut http2, "live");
    let mut pongs = vec![socket.frame(&mut http2)];
    while pongs.last() != Some(&(PONG, b"here".to_vec())) {
        pongs.push(socket.frame(&mut http2));
    }
}

#[test]
fn what_is_no_websocket_is_refused_and_the_connection_goes_on() {
    let (server, _) = server_with_a_stream(&[]);
    let rows = [
        (501, "protocol_not_served", "/v1/ws", "connect-udp", "13"),
        (501, "protocol_not_served", "/v1/ws", "WebSocket2", "13"),
        (404, "not_found", "/v1/streams", "websocket", "13"),
        (404, "not_found", "/health/live", "websocket", "13"),
        (404, "not_found", "/elsewhere", "websocket", "13"),
        (400, "invalid_offset", "/v1/stream/a?offset=somewhere", "websocket", "13"),
        (426, "upgrade_required", "/v1/ws", "websocket", "8"),
    ];
    let mut http2 = Http2::connect(&server);
    let mut refused: Vec<_> = rows
        .iter()
        .map(|(status, code, target, protocol, version)| {
            let fields = [("sec-websocket-version", *version)];
            (*status, *code, http2.extended_connect(target, protocol, &fields))
        })
        .collect();
    let without_version = http2.extended_connect("/v1/ws", "websocket", &[]);
    refused.push((426, "upgrade_required", without_version));
    refused.push((426, "upgrade_required", http2.get("/v1/ws")));
    refused.push((501, "protocol_not_served", http2.plain_connect("elsewhere:443")));
    for (status, code, stream) in refused {
        let (found, body) = http2.answer(stream);
        let problem: Value = serde_json::from_slice(&body).expect("a problem is JSON");
        assert_eq!((found, problem["code"].as_str()), (status, Some(code)));
    }
    let socket = Socket::open(&mut http2, FOLLOW);
    socket.message(&mut http2, "live");
}

#[test]
fn a_closing_handshake_ends_the_stream_without_a_reset() {
    let (server, mut api) = server_with_a_stream(&[]);
    let mut http2 = Http2::connect(&server);
    let socket = Socket::open(&mut http2, FOLLOW);
    socket.message(&mut http2, "live");
    socket.send_frame(&mut http2, CLOSE, &1000_u16.to_be_bytes());
    assert_eq!(socket.close_code(&mut http2).0, 1000);
    http2.wait(socket.stream, |incoming| incoming.is_over);
    // A reset would come before this answer.
    let poll = http2.get(FOLLOW);
    assert_eq!(http2.answer(poll).0, 200);
    let incoming = http2.wait(socket.stream, |incoming| incoming.is_over);
    assert_eq!((incoming.reset, incoming.data.len()), (None, 0));
    http2.end(socket.stream);
    expect_followers(&mut api, 0);
    let faulty = Socket::open(&mut http2, FOLLOW);
    faulty.send_frame(&mut http2, 2, b"bytes");
    assert_eq!(faulty.close_code(&mut http2).0, 1003);
    faulty.close(&mut http2, 1003);
    assert_eq!(http2.wait(faulty.stream, |incoming| incoming.is_over).reset, None);
    let faulty = Socket::open(&mut http2, FOLLOW);
    http2.send(faulty.stream, b"GET / HTTP/1.1");
    assert_eq!(faulty.close_code(&mut http2).0, 1002);
    http2.wait(faulty.stream, |incoming| incoming.is_over);
    expect_followers(&mut api, 0);
}

#[test]
fn who_ends_or_resets_its_stream_follows_no_more_and_others_go_on() {
    let (server, mut api) = server_with_a_stream(&[]);
    let mut http2 = Http2::connect(&server);
    let sockets: Vec<_> = (0..3).map(|_| Socket::open(&mut http2, FOLLOW)).collect();
    for socket in &sockets {
        socket.message(&mut http2, "live");
    }
    expect_followers(&mut api, 3);
    // What was sent before the end of the stream counts.
    let publish = json!({"type": "publish", "id": "1", "stream": "a", "data": 1});
    sockets[0].send(&mut http2, &publish);
    http2.end(sockets[0].stream);
    http2.wait(sockets[0].stream, |incoming| incoming.is_over);
    assert_eq!(sockets[2].message(&mut http2, "message")["data"], 1);
    expect_followers(&mut api, 2);
    // In the middle of a frame.
    http2.send(sockets[1].stream, &frame(TEXT, b"{\"type\":")[..7]);
    http2.cancel(sockets[1].stream);
    expect_followers(&mut api, 1);
    api.publish("a", "2");
    assert_eq!(sockets[2].message(&mut http2, "message")["data"], 2);
    drop(http2);
    expect_followers(&mut api, 0);
}

#[test]
fn a_stalled_websocket_costs_little_delays_nobody_and_goes_on_in_order() {
    const MESSAGES: u64 = 128;
    let (server, mut api) = server_with_a_stream(&["--tail-cache-bytes", "1MiB", "--heartbeat", "60s"]);
    let mut http2 = Http2::connect(&server);
    let stalled: Vec<_> = (0..10).map(|_| Socket::open(&mut http2, FOLLOW)).collect();
    for socket in &stalled {
        socket.message(&mut http2, "live");
        http2.stall(socket.stream);
    }
    let reading = Socket::open(&mut http2, FOLLOW);
    reading.message(&mut http2, "live");
    let before = resident_bytes(&server);
    let filler = "x".repeat(64 << 10);
    for number in 0..MESSAGES {
        api.publish("a", &format!("[{{\"number\":{number},\"filler\":\"{filler}\"}}]"));
        assert_eq!(reading.message(&mut http2, "message")["data"]["number"], number);
    }
    let grown = resident_bytes(&server).saturating_sub(before);
    assert!(grown < 8 << 20, "{grown} bytes");
    for socket in &stalled {
        http2.resume(socket.stream);
        let numbers: Vec<_> = (0..MESSAGES)
            .map(|_| {
                let message = socket.message(&mut http2, "message");
                assert_eq!(message["data"]["filler"].as_str().map(str::len), Some(64 << 10));
                message["data"]["number"].as_u64().unwrap()
            })
            .collect();
        assert_eq!(numbers, (0..MESSAGES).collect::<Vec<_>>());
    }
    api.publish("a", "[{\"number\":-1}]");
    for socket in stalled {
        assert_eq!(socket.message(&mut http2, "message")["data"]["number"], -1);
    }
}

#[test]
fn websockets_of_a_connection_that_is_not_read_cost_little_and_go_on_in_order() {
    const SOCKETS: usize = 8;
    const MESSAGES: u64 = 64;
    let (server, mut api) = server_with_a_stream(&["--tail-cache-bytes", "1MiB", "--heartbeat", "60s"]);
    let mut http2 = Http2::connect_without_windows(&server);
    let sockets: Vec<_> = (0..SOCKETS).map(|_| Socket::open(&mut http2, FOLLOW)).collect();
    for socket in &sockets {
        socket.message(&mut http2, "live");
    }
    let before = resident_bytes(&server);
    let filler = "x".repeat(64 << 10);
    for number in 0..MESSAGES {
        api.publish("a", &format!("[{{\"number\":{number},\"filler\":\"{filler}\"}}]"));
    }
    // Half a MiB each, if hyper kept as much as it does by itself; all 32 MiB, if nobody counted.
    let grown = resident_bytes(&server).saturating_sub(before);
    assert!(grown < 6 << 20, "{grown} bytes");
    for socket in &sockets {
        for number in 0..MESSAGES {
            assert_eq!(socket.message(&mut http2, "message")["data"]["number"], number);
        }
    }
}

#[test]
fn a_peer_that_takes_nothing_and_answers_no_ping_is_dropped() {
    let (server, mut api) = server_with_a_stream(&["--heartbeat", "1s"]);
    let message = format!("\"{}\"", "x".repeat(256 << 10));
    // More than the kernel takes for both sides, so that no farewell leaves either.
    for _ in 0..64 {
        api.publish("a", &message);
    }
    let before = sockets(&server);
    let mut http2 = Http2::connect_without_windows(&server);
    let socket = Socket::open(&mut http2, FOLLOW);
    socket.message(&mut http2, "subscribed");
    expect_followers(&mut api, 1);
    expect_followers(&mut api, 0);
    eventually("the connection is closed", || (sockets(&server) == before).then_some(()));
    drop(http2);
}

#[test]
fn nothing_is_read_from_a_peer_that_does_not_read() {
    let (server, mut api) = server_with_a_stream(&["--heartbeat", "60s"]);
    let mut http2 = Http2::connect(&server);
    let socket = Socket::open(&mut http2, FOLLOW);
    socket.message(&mut http2, "live");
    http2.stall(socket.stream);
    let filler = "x".repeat(64 << 10);
    for number in 0..8 {
        api.publish("a", &format!("[{{\"number\":{number},\"filler\":\"{filler}\"}}]"));
    }
    // As much as the server ever lets it: what it reads, it would let it send again.
    let ping = frame(PING, &[7; 100]);
    let mut sent = 0;
    for _round in 0..5 {
        while ping.len() <= http2.may_send(socket.stream) {
            http2.send(socket.stream, &ping);
            sent += 1;
        }
        let poll = http2.get("/v1/stream/a?offset=now");
        assert_eq!(http2.answer(poll).0, 200);
    }
    assert!(sent * ping.len() < 130 << 10, "{sent} pings");
    http2.resume(socket.stream);
    let (mut pongs, mut messages) = (0, 0);
    while pongs < sent || messages < 8 {
        match socket.frame(&mut http2) {
            (PONG, payload) => pongs += usize::from(payload == [7; 100]),
            (TEXT, text) => messages += usize::from(text.starts_with(b"{\"type\":\"message\"")),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_silent_websocket_is_pinged_and_closed_and_one_that_answers_stays() {
    let (server, mut api) = server_with_a_stream(&["--heartbeat", "1s"]);
    let mut http2 = Http2::connect(&server);
    let answering = Socket::open(&mut http2, FOLLOW);
    answering.message(&mut http2, "live");
    let silent = Socket::open(&mut http2, FOLLOW);
    let began = now();
    for _ in 0..4 {
        answering.heartbeat(&mut http2);
    }
    let (code, pings) = silent.close_code(&mut http2);
    assert_eq!(code, 1008);
    assert!(0 < pings, "it was asked before");
    assert!(Duration::from_millis(2_400) < began.elapsed());
    http2.wait(silent.stream, |incoming| incoming.is_over);
    expect_followers(&mut api, 1);
    api.publish("a", "1");
    assert_eq!(answering.message(&mut http2, "message")["data"], 1);
}

#[test]
fn a_websocket_is_told_when_the_server_ends() {
    let (mut server, mut api) = server_with_a_stream(&[]);
    let mut http2 = Http2::connect(&server);
    let socket = Socket::open(&mut http2, FOLLOW);
    socket.message(&mut http2, "live");
    let deaf = Socket::open(&mut http2, FOLLOW);
    deaf.message(&mut http2, "live");
    expect_followers(&mut api, 2);
    drop(api);
    socket.send(&mut http2, &json!({"type": "publish", "id": "1", "stream": "a", "data": 1}));
    // Its own ping comes back behind the publish: so that one was read before the signal.
    socket.send_frame(&mut http2, PING, b"");
    while socket.frame(&mut http2).0 != PONG {}
    server.ask_to_end();
    assert_eq!(socket.message(&mut http2, "drain")["within"], 10);
    assert_eq!(socket.close_code(&mut http2).0, 1001);
    let began = now();
    socket.close(&mut http2, 1001);
    assert_eq!(http2.wait(socket.stream, |incoming| incoming.is_over).reset, None);
    // The other one never answers its close.
    assert_eq!(deaf.close_code(&mut http2).0, 1001);
    http2.expect_end();
    assert_eq!(server.wait().code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
}
