//! Connections that went to hyper: they come back when nothing is open, and never before.

use crate::requests::{FOLLOW, HELD_POLL, OPTIONS, POLL, SSE, put, upgrade};
use crate::wire::Wire;
use std::time::Duration;
use tidings_testkit::{Api, Server, pause};

/// Longer than hyper keeps a quiet connection.
const QUIET: Duration = Duration::from_millis(800);

fn server_with_a_stream() -> (Server, Api) {
    let server = Server::start();
    let mut api = Api::new(server.address());
    api.create("a", &[]);
    (server, api)
}

#[test]
fn a_connection_that_was_quiet_after_an_odd_request_may_be_upgraded() {
    let (server, mut api) = server_with_a_stream();
    let mut wire = Wire::connect(&server);
    assert_eq!(wire.ask(put("b")).status, 201);
    pause(QUIET);
    assert_eq!(wire.ask(POLL).text(), "[]");
    assert_eq!(wire.ask(OPTIONS).status, 204);
    pause(QUIET);
    assert_eq!(wire.ask(upgrade(FOLLOW)).status, 101);
    wire.message("live");
    api.publish("a", "1");
    assert_eq!(wire.message("message")["data"], 1);
}

#[test]
fn a_body_that_pauses_is_read_to_its_end() {
    let (server, _) = server_with_a_stream();
    // What would be a request of its own, if the connection came back in the middle of the body.
    let inner = POLL;
    let body = format!("[\"{}\"]", inner.replace('\r', "\\r").replace('\n', "\\n"));
    let head = "POST /v1/stream/a HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n";
    let (first, second) = body.split_at(2);
    let mut wire = Wire::connect(&server);
    wire.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{first}\r\n", first.len()));
    pause(QUIET);
    wire.send(format!("{:x}\r\n{second}\r\n", second.len()));
    pause(QUIET);
    wire.send("0\r\n\r\n");
    assert_eq!(wire.answer().status, 204);
    assert_eq!(wire.ask(POLL).text(), body);
}

#[test]
fn what_is_held_behind_an_odd_request_is_answered_however_long_it_takes() {
    let (server, mut api) = server_with_a_stream();
    let mut poller = Wire::connect(&server);
    poller.send([OPTIONS, HELD_POLL].concat());
    assert_eq!(poller.answer().status, 204);
    let mut follower = Wire::connect(&server);
    follower.send([OPTIONS, SSE].concat());
    assert_eq!(follower.answer().status, 204);
    assert_eq!(follower.head().status, 200);
    follower.events_until("upToDate");
    pause(QUIET);
    api.publish("a", "1");
    assert_eq!(poller.answer().text(), "[1]");
    follower.events_until("data:[1]");
}

#[test]
fn nobody_gets_the_answer_of_a_publish_whose_sender_has_gone() {
    let (server, _) = server_with_a_stream();
    for round in 0..100 {
        let mut gone = Wire::connect(&server);
        gone.send(put("b"));
        gone.reset();
        let mut wire = Wire::connect(&server);
        let answer = wire.ask(crate::requests::publish_chunked("a", &format!("[{round}]")));
        assert_eq!(answer.status, 204, "{}", answer.text());
        let tail = answer.field("stream-next-offset").map(str::to_owned);
        wire.send(crate::requests::head("a"));
        assert_eq!(wire.head().field("stream-next-offset").map(str::to_owned), tail);
        assert!(matches!(wire.ask(crate::requests::delete("b")).status, 204 | 404));
    }
}
