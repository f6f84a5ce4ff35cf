//! Requests sent without waiting for answers: each is answered, in order.

use crate::requests::{
    FOLLOW, HELD_POLL, LONG_POLL, OPTIONS, POLL, delete, head, publish, publish_chunked, put, upgrade,
};
use crate::wire::{PING, PONG, Wire, frame};
use std::time::Duration;
use tidings_testkit::{Api, Server};

/// A request, the status of its answer, and a text that its body holds.
type Exchange = (String, u16, String);

/// Narrow and odd ones in turn; each poll sees what was published before it and nothing else.
fn forty_seven() -> Vec<Exchange> {
    let mut stored = Vec::new();
    let mut exchanges = Vec::new();
    for index in 0..47 {
        let body = |stored: &[String]| format!("[{}]", stored.join(","));
        exchanges.push(match index % 8 {
            1 => (put("b"), 201, String::new()),
            3 => (head("a"), 200, "HEAD".to_owned()),
            5 => {
                stored.push(index.to_string());
                (publish_chunked("a", &format!("[{index}]")), 204, String::new())
            }
            7 if index % 16 == 7 => (delete("b"), 204, String::new()),
            7 => (OPTIONS.to_owned(), 204, String::new()),
            0 | 4 => (POLL.to_owned(), 200, body(&stored)),
            _ => {
                stored.push(index.to_string());
                (publish("a", &index.to_string()), 204, String::new())
            }
        });
        // The second creation finds the stream as it wants it.
        if index % 16 == 9 {
            exchanges[index] = (put("c"), if index == 9 { 201 } else { 200 }, String::new());
        }
    }
    exchanges
}

fn expect_in_order(wire: &mut Wire, exchanges: &[Exchange]) {
    for (index, (request, status, body)) in exchanges.iter().enumerate() {
        let answer = if body == "HEAD" { wire.head() } else { wire.answer() };
        assert_eq!(answer.status, *status, "answer {index} to {request}: {}", answer.text());
        if body != "HEAD" && !body.is_empty() {
            assert_eq!(&answer.text(), body, "answer {index} to {request}");
        }
    }
}

#[test]
fn narrow_and_odd_requests_in_turn_are_answered_in_order() {
    let server = Server::start();
    Api::new(server.address()).create("a", &[]);
    let exchanges = forty_seven();
    let mut wire = Wire::connect(&server);
    wire.send(exchanges.iter().map(|(request, ..)| request.as_str()).collect::<String>());
    expect_in_order(&mut wire, &exchanges);
}

#[test]
fn narrow_and_odd_requests_one_after_the_other_are_answered() {
    let server = Server::start();
    Api::new(server.address()).create("a", &[]);
    let mut wire = Wire::connect(&server);
    for exchange in forty_seven() {
        wire.send(&exchange.0);
        expect_in_order(&mut wire, &[exchange]);
    }
}

#[test]
fn a_poll_behind_a_held_poll_is_answered_after_it() {
    let server = Server::start();
    let mut api = Api::new(server.address());
    api.create("a", &[]);
    let mut wire = Wire::connect(&server);
    wire.send([HELD_POLL, POLL, OPTIONS, HELD_POLL].concat());
    // The first one is held for sure once it counts as a follower.
    tidings_testkit::eventually("the long poll is held", || held(&mut api).filter(|count| *count == 1));
    api.publish("a", "1");
    assert_eq!(wire.answer().text(), "[1]");
    assert_eq!(wire.answer().text(), "[1]");
    assert_eq!(wire.answer().status, 204);
    tidings_testkit::eventually("the second is held", || held(&mut api).filter(|count| *count == 1));
    api.publish("a", "2");
    assert_eq!(wire.answer().text(), "[2]");
}

fn held(api: &mut Api) -> Option<u64> {
    let list = api.expect(200, &tidings_testkit::Request::get("/v1/streams?prefix=a"));
    let list: serde_json::Value = serde_json::from_str(&list.text()).ok()?;
    list["streams"][0]["followers"]["long-poll"].as_u64()
}

#[test]
fn a_held_poll_behind_answers_that_wait_for_the_peer_is_answered() {
    let server = Server::start();
    let mut api = Api::new(server.address());
    api.create("a", &[]);
    api.publish("a", &format!("\"{}\"", "x".repeat(60_000)));
    // With one of these counts the socket is full just when the long poll begins to be held.
    let mut wires: Vec<_> = (1..=60)
        .map(|count| {
            let mut wire = Wire::connect(&server);
            wire.send([POLL.repeat(count).as_str(), LONG_POLL].concat());
            (count, wire)
        })
        .collect();
    // Long enough for the long polls to be over before anybody reads.
    tidings_testkit::pause(Duration::from_millis(700));
    for (count, wire) in &mut wires {
        for _ in 0..*count {
            assert_eq!(wire.answer().status, 200);
        }
        assert_eq!(wire.answer().status, 204, "behind {count} answers");
    }
}

#[test]
fn frames_behind_an_upgrade_are_answered_after_it() {
    let server = Server::start();
    Api::new(server.address()).create("a", &[]);
    let mut wire = Wire::connect(&server);
    let subscribe = br#"{"type":"subscribe","stream":"a","offset":"-1"}"#;
    wire.send(
        [POLL.as_bytes(), upgrade("/v1/ws").as_bytes(), &frame(PING, b"7"), &frame(1, subscribe)].concat(),
    );
    assert_eq!(wire.answer().status, 200);
    assert_eq!(wire.answer().status, 101);
    assert_eq!(wire.frame(), (PONG, b"7".to_vec()));
    let hello: serde_json::Value = serde_json::from_slice(&wire.frame().1).unwrap();
    assert_eq!(hello["type"], "hello");
    wire.message("live");
}

#[test]
fn an_upgrade_behind_an_odd_request_becomes_a_websocket() {
    let server = Server::start();
    let mut api = Api::new(server.address());
    api.create("a", &[]);
    let mut wire = Wire::connect(&server);
    wire.send([OPTIONS.as_bytes(), upgrade(FOLLOW).as_bytes(), &frame(PING, b"8")].concat());
    assert_eq!(wire.answer().status, 204);
    assert_eq!(wire.answer().status, 101);
    assert_eq!(wire.frame(), (PONG, b"8".to_vec()));
    wire.message("live");
    api.publish("a", "1");
    assert_eq!(wire.message("message")["data"], 1);
}

#[test]
fn many_pipelined_polls_of_large_pages_take_little_memory() {
    let server = Server::start();
    let mut api = Api::new(server.address());
    api.create("a", &[]);
    api.publish("a", &format!("\"{}\"", "x".repeat(1_000_000)));
    let before = crate::process::resident_bytes(&server);
    let mut wire = Wire::connect(&server);
    let polls = 1_000;
    wire.send(POLL.repeat(polls));
    let first = wire.answer();
    let grown = crate::process::resident_bytes(&server).saturating_sub(before);
    assert!(grown < 32 << 20, "{polls} answers of a megabyte took {grown} bytes");
    for _ in 1..40 {
        let next = wire.answer();
        // Not the heads: a second may end between two `Date`s.
        assert_eq!(next.status, first.status);
        assert!(next.body == first.body, "another body");
    }
}
