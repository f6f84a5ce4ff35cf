//! What one connection of HTTP/2 may cost: time without requests, and memory for what arrives.

use crate::http2::Http2;
use crate::http2_socket::Socket;
use crate::requests::{FOLLOW, HELD_POLL};
use crate::wire::Wire;
use std::time::{Duration, Instant};
use tidings_testkit::{Api, Server, ServerBuilder, eventually};

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

#[test]
fn a_connection_without_requests_is_closed_although_it_answers_pings() {
    let (server, _) = server_with_a_stream(&["--heartbeat", "1s", "--keep-alive-timeout", "2s"]);
    let began = now();
    let mut idle = Http2::connect(&server);
    let poll = idle.get("/v1/stream/a?offset=-1");
    assert_eq!(idle.answer(poll).0, 200);
    let mut unused = Http2::connect(&server);
    let mut used = Http2::connect(&server);
    let socket = Socket::open(&mut used, FOLLOW);
    socket.message(&mut used, "live");
    idle.expect_end();
    unused.expect_end();
    let took = began.elapsed();
    assert!(Duration::from_secs(2) <= took && took < Duration::from_secs(8), "{took:?}");
    // A WebSocket is not idle, however long nothing is said.
    for _ in 0..3 {
        socket.heartbeat(&mut used);
    }
    Api::new(server.address()).publish("a", "1");
    assert_eq!(socket.message(&mut used, "message")["data"], 1);
}

#[test]
fn waiting_websockets_take_no_processor_time() {
    let (server, _) = server_with_a_stream(&[]);
    let mut connections: Vec<_> = (0..4).map(|_| Http2::connect(&server)).collect();
    for http2 in &mut connections {
        for _ in 0..25 {
            let socket = Socket::open(http2, FOLLOW);
            socket.message(http2, "live");
        }
    }
    let before = crate::process::processor_ticks(&server);
    tidings_testkit::pause(Duration::from_secs(2));
    let ticks = crate::process::processor_ticks(&server) - before;
    assert!(ticks < 20, "{ticks} hundredths of a second in two seconds");
}

#[test]
fn a_preface_that_does_not_arrive_is_not_waited_for() {
    let (server, _) = server_with_a_stream(&["--request-timeout", "1s"]);
    let mut halves = Vec::new();
    for length in [4, 16, 18, 23] {
        let mut wire = Wire::connect(&server);
        wire.send(&crate::http2::PREFACE[..length]);
        halves.push(wire);
    }
    let mut other = Wire::connect(&server);
    other.send("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n");
    let began = now();
    for wire in halves.iter_mut().chain([&mut other]) {
        let _answer = wire.rest();
    }
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

#[test]
fn bodies_together_have_a_limit_and_one_too_many_is_asked_to_come_back() {
    let limits = ["--max-message-bytes", "1MiB", "--request-memory-bytes", "1MiB"];
    let (server, _) = server_with_a_stream(&limits);
    let large = format!("\"{}\"", "x".repeat(700 << 10));
    let (first, second) = large.split_at(600 << 10);
    let head = "POST /v1/stream/a HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n";
    let head = format!("{head}Content-Length: {}\r\n\r\n", large.len());
    let mut waiting = Wire::connect(&server);
    waiting.send(format!("{head}{first}"));
    let refused = eventually("the first one's part has arrived", || {
        let answer = Wire::connect(&server).ask(format!("{head}{large}"));
        (answer.status != 204).then_some(answer)
    });
    assert_eq!((refused.status, refused.code().as_str()), (503, "too_busy"));
    assert_eq!(refused.field("retry-after"), Some("1"));
    let mut http2 = Http2::connect(&server);
    let publish = http2.post("/v1/stream/a");
    http2.send(publish, large.as_bytes());
    http2.end(publish);
    assert_eq!(http2.answer(publish).0, 503);
    // What is small goes on, and a read has no body.
    assert_eq!(Wire::connect(&server).ask(crate::requests::publish_chunked("a", "[1]")).status, 204);
    let mut held = Wire::connect(&server);
    held.send(HELD_POLL);
    assert_eq!(Wire::connect(&server).ask(crate::requests::publish("a", "2")).status, 204);
    assert_eq!(held.answer().status, 200);
    waiting.send(second);
    assert_eq!(waiting.answer().status, 204);
    assert_eq!(Wire::connect(&server).ask(format!("{head}{large}")).status, 204);
}
