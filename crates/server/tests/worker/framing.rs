//! Limits of requests, bodies and connections.

use crate::requests::{POLL, publish};
use crate::wire::{Answer, Wire};
use tidings_testkit::{Api, Server};

const POST: &str = "POST /v1/stream/a HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n";

fn server_with_small_limits() -> Server {
    let server = Server::builder().argument("--max-message-bytes").argument("100KiB").start();
    Api::new(server.address()).create("a", &[]);
    server
}

fn expect_well(server: &Server) {
    let mut wire = Wire::connect(server);
    assert_eq!(wire.ask(publish("a", "\"well\"")).status, 204);
    assert_eq!(wire.ask(POLL).text(), "[\"well\"]");
}

#[test]
fn a_body_above_the_limit_is_refused_and_the_connection_goes_on() {
    let server = server_with_small_limits();
    let body = format!("\"{}\"", "x".repeat(300 << 10));
    let with_length = format!("{POST}Content-Length: {}\r\n\r\n{body}", body.len());
    let chunked = format!("{POST}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    for request in [with_length, chunked] {
        let mut wire = Wire::connect(&server);
        let answer = wire.ask(&request);
        assert_eq!((answer.status, answer.code().as_str()), (413, "too_large"));
        assert_eq!(wire.ask(POLL).text(), "[]");
    }
    expect_well(&server);
}

#[test]
fn a_body_far_above_the_limit_is_refused_without_being_read() {
    let server = server_with_small_limits();
    let mut wire = Wire::connect(&server);
    let answer = wire.ask(format!("{POST}Content-Length: 10000000000\r\n\r\n\"begin"));
    assert_eq!((answer.status, answer.code().as_str()), (413, "too_large"));
    wire.expect_end();
    expect_well(&server);
}

#[test]
fn a_message_above_the_limit_closes_a_websocket() {
    let server = server_with_small_limits();
    let mut wire = Wire::upgraded(&server, "/v1/ws");
    wire.send([0x81, 0xff, 0, 0, 0, 0, 0x7f, 0, 0, 0, 1, 2, 3, 4]);
    assert_eq!(wire.close_code(), 1009);
    wire.expect_end();
    expect_well(&server);
}

/// The answer to a request that is refused; nothing may be answered behind it.
fn refused(server: &Server, request: &str) -> Answer {
    let mut wire = Wire::connect(server);
    wire.send([request, POLL].concat());
    let answer = wire.answer();
    wire.expect_end();
    answer
}

#[test]
fn heads_above_the_limit_are_refused() {
    let server = server_with_small_limits();
    let long = "x".repeat(20 << 10);
    let answer = refused(&server, &format!("GET /v1/stream/{long} HTTP/1.1\r\nHost: t\r\n\r\n"));
    assert_eq!((answer.status, answer.code().as_str()), (414, "uri_too_long"));
    let answer = refused(&server, &format!("GET /v1/stream/a HTTP/1.1\r\nHost: t\r\nX: {long}\r\n\r\n"));
    assert_eq!((answer.status, answer.code().as_str()), (431, "headers_too_large"));
    expect_well(&server);
}

#[test]
fn a_connection_above_the_limit_is_told_and_closed() {
    let server = Server::builder()
        .argument("--max-connections")
        .argument("20")
        .argument("--workers")
        .argument("1")
        .start();
    let all_gone = || {
        (
            crate::process::descriptors(&server),
            Wire::connect(&server).ask(crate::requests::get("/health/live")).status,
        )
    };
    tidings_testkit::eventually("the harness's own connections are gone", || {
        (all_gone().1 == 200).then_some(())
    });
    let mut wires: Vec<_> = (0..40).map(|_| Wire::connect(&server)).collect();
    let mut refused = 0;
    let mut served = 0;
    for wire in &mut wires {
        wire.send(crate::requests::get("/health/live"));
        let answer = wire.answer();
        match answer.status {
            200 => served += 1,
            503 => {
                refused += 1;
                assert_eq!(answer.code(), "too_busy");
                assert_eq!(answer.field("connection"), Some("close"));
                assert!(answer.field("retry-after").is_some());
                wire.expect_end();
            }
            status => panic!("{status}"),
        }
    }
    assert!((15..=20).contains(&served), "{served} served, {refused} refused");
    drop(wires);
    tidings_testkit::eventually("there is room again", || {
        let answer = Wire::connect(&server).ask(crate::requests::get("/health/live"));
        (answer.status == 200).then_some(())
    });
}
