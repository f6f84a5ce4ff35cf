//! A peer that has ended its direction still gets every answer.

use crate::requests::{HELD_POLL, OPTIONS, POLL, SSE, close, publish, publish_chunked, put};
use crate::wire::Wire;
use tidings_testkit::{Api, Server};

fn server_with_a_stream() -> (Server, Api) {
    let server = Server::start();
    let mut api = Api::new(server.address());
    api.create("a", &[]);
    (server, api)
}

#[test]
fn polls_and_publishes_are_answered_to_a_half_closed_peer() {
    let (server, _) = server_with_a_stream();
    let mut wire = Wire::connect(&server);
    wire.send([POLL, &publish("a", "1"), POLL].concat());
    wire.half_close();
    assert_eq!(wire.answer().text(), "[]");
    assert_eq!(wire.answer().status, 204);
    assert_eq!(wire.answer().text(), "[1]");
    wire.expect_end();
}

#[test]
fn odd_requests_are_answered_to_a_half_closed_peer() {
    let (server, _) = server_with_a_stream();
    let mut wire = Wire::connect(&server);
    wire.send([put("b").as_str(), &publish_chunked("b", "[1]"), POLL, OPTIONS].concat());
    wire.half_close();
    assert_eq!(wire.answer().status, 201);
    assert_eq!(wire.answer().status, 204);
    assert_eq!(wire.answer().status, 200);
    assert_eq!(wire.answer().status, 204);
    wire.expect_end();
}

#[test]
fn a_held_poll_is_answered_to_a_half_closed_peer() {
    let (server, mut api) = server_with_a_stream();
    for before in ["", OPTIONS] {
        let mut wire = Wire::connect(&server);
        wire.send([before, HELD_POLL, POLL].concat());
        wire.half_close();
        if !before.is_empty() {
            assert_eq!(wire.answer().status, 204);
        }
        // Sent by another connection, it may be stored before the long poll is there: until one is answered.
        let first = loop {
            api.publish("a", "1");
            wire.socket().set_read_timeout(Some(std::time::Duration::from_millis(100))).unwrap();
            if wire.socket().peek(&mut [0]).is_ok() {
                wire.socket().set_read_timeout(Some(tidings_testkit::PATIENCE)).unwrap();
                break wire.answer();
            }
        };
        assert_eq!(first.status, 200);
        assert_eq!(wire.answer().status, 200);
        wire.expect_end();
    }
}

#[test]
fn a_half_closed_follower_gets_events_until_the_stream_is_closed() {
    let (server, mut api) = server_with_a_stream();
    for before in ["", OPTIONS] {
        let mut wire = Wire::connect(&server);
        wire.send([before, SSE].concat());
        wire.half_close();
        if !before.is_empty() {
            assert_eq!(wire.answer().status, 204);
        }
        assert_eq!(wire.head().status, 200);
        wire.events_until("upToDate");
        api.publish("a", "1");
        wire.events_until("data:[1]");
        api.publish("a", "2");
        wire.events_until("data:[2]");
        let mut closer = Wire::connect(&server);
        assert_eq!(closer.ask(close("a")).status, 204);
        wire.events_until("streamClosed");
        assert_eq!(wire.chunk(), b"");
        wire.expect_end();
        api.delete("a");
        api.create("a", &[]);
    }
}

#[test]
fn requests_sent_during_a_response_that_goes_on_are_answered_after_it() {
    let (server, mut api) = server_with_a_stream();
    let mut wire = Wire::connect(&server);
    wire.send(SSE);
    assert_eq!(wire.head().status, 200);
    wire.events_until("upToDate");
    wire.send([POLL, OPTIONS, POLL].concat());
    wire.half_close();
    api.publish("a", "1");
    wire.events_until("data:[1]");
    let mut closer = Wire::connect(&server);
    assert_eq!(closer.ask(close("a")).status, 204);
    wire.events_until("streamClosed");
    assert_eq!(wire.chunk(), b"");
    assert_eq!(wire.answer().text(), "[1]");
    assert_eq!(wire.answer().status, 204);
    assert_eq!(wire.answer().text(), "[1]");
    wire.expect_end();
}
