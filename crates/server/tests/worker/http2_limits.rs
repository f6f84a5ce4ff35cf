//! What one connection of HTTP/2 may cost: time without requests, and memory for what arrives.

use crate::http2::Http2;
use crate::http2_socket::Socket;
use crate::requests::{FOLLOW, POLL, publish, publish_chunked};
use crate::wire::Wire;
use std::time::{Duration, Instant};
use tidings_testkit::{Api, Server, ServerBuilder};

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
fn one_stream_too_many_is_refused_and_may_come_later() {
    const REFUSED_STREAM: u32 = 7;
    let (server, _) = server_with_a_stream(&["--max-http2-streams", "2"]);
    let mut http2 = Http2::connect(&server);
    let first = Socket::open(&mut http2, FOLLOW);
    let second = Socket::open(&mut http2, FOLLOW);
    let third = http2.get("/v1/stream/a?offset=-1");
    assert_eq!(http2.wait(third, |incoming| incoming.is_over).reset, Some(REFUSED_STREAM));
    first.close(&mut http2, 1000);
    let later = http2.get("/v1/stream/a?offset=-1");
    assert_eq!(http2.answer(later).0, 200);
    second.message(&mut http2, "live");
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
    // One worker: what has arrived before an answer was asked for is read before that answer comes.
    let limits = ["--workers", "1", "--max-message-bytes", "1MiB", "--request-memory-bytes", "1MiB"];
    let (server, _) = server_with_a_stream(&limits);
    let large = format!("\"{}\"", "x".repeat(700 << 10));
    let (first, second) = large.split_at(600 << 10);
    let mut http2 = Http2::connect(&server);
    let waiting = http2.post("/v1/stream/a");
    http2.send(waiting, first.as_bytes());
    let head = "POST /v1/stream/a HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n";
    let head = format!("{head}Content-Length: {}\r\n\r\n", large.len());
    let refused = Wire::connect(&server).ask(format!("{head}{large}"));
    assert_eq!((refused.status, refused.code().as_str()), (503, "too_busy"));
    assert_eq!(refused.field("retry-after"), Some("1"));
    // One that does not say how long it is.
    assert_eq!(Wire::connect(&server).ask(publish_chunked("a", &large)).status, 503);
    let other = http2.post("/v1/stream/a");
    http2.send(other, large.as_bytes());
    http2.end(other);
    assert_eq!(http2.answer(other).0, 503);
    // What is small goes on, and a read has no body.
    assert_eq!(Wire::connect(&server).ask(publish_chunked("a", "[1]")).status, 204);
    let mut wire = Wire::connect(&server);
    assert_eq!(wire.ask(publish("a", "2")).status, 204);
    assert_eq!(wire.ask(POLL).text(), "[1,2]");
    http2.send(waiting, second.as_bytes());
    http2.end(waiting);
    assert_eq!(http2.answer(waiting).0, 204);
    assert_eq!(Wire::connect(&server).ask(format!("{head}{large}")).status, 204);
}
