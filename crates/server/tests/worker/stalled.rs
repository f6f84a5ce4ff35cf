//! A follower that stops reading: it costs no memory, and goes on in order where it stopped.

use crate::process::resident_bytes;
use crate::requests::FOLLOW;
use crate::wire::{PONG, TEXT, Wire};
use std::io::ErrorKind;
use tidings_testkit::{Api, Server};

const MESSAGES: usize = 128;
const MESSAGE_BYTES: usize = 64 << 10;

/// 8 MiB that nobody reads meanwhile; the tail cache is far smaller, so that they must come from the disk.
fn server_with_a_stream() -> (Server, Api) {
    let server = Server::builder().argument("--tail-cache-bytes").argument("1MiB");
    let server = server.argument("--heartbeat").argument("60s").start();
    let mut api = Api::new(server.address());
    api.create("a", &[]);
    (server, api)
}

fn publish_all(api: &mut Api) {
    let filler = "x".repeat(MESSAGE_BYTES);
    for number in 0..MESSAGES {
        api.publish("a", &format!("[{{\"number\":{number},\"filler\":\"{filler}\"}}]"));
    }
}

#[test]
fn a_stalled_websocket_goes_on_in_order_with_a_pong_between_frames() {
    let (server, mut api) = server_with_a_stream();
    let mut wire = Wire::upgraded(&server, FOLLOW);
    wire.message("live");
    let before = resident_bytes(&server);
    publish_all(&mut api);
    let grown = resident_bytes(&server).saturating_sub(before);
    assert!(grown < 6 << 20, "{grown} bytes");
    // It arrives while a frame is half sent; the answer has to wait for the end of that.
    wire.send_frame(crate::wire::PING, b"where");
    let mut numbers = Vec::new();
    let mut pongs = 0;
    while numbers.len() < MESSAGES {
        match wire.frame() {
            (TEXT, text) => {
                let value: serde_json::Value = serde_json::from_slice(&text).expect("a text is JSON");
                if value["type"] == "message" {
                    assert_eq!(value["data"]["filler"].as_str().map(str::len), Some(MESSAGE_BYTES));
                    numbers.push(value["data"]["number"].as_u64().unwrap());
                }
            }
            (PONG, payload) => {
                assert_eq!(payload, b"where");
                pongs += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(numbers, (0..MESSAGES as u64).collect::<Vec<_>>());
    while pongs == 0 {
        pongs += usize::from(wire.frame().0 == PONG);
    }
    api.publish("a", "[{\"number\":-1}]");
    while wire.message("message")["data"]["number"] != -1 {}
}

#[test]
fn a_stalled_event_stream_goes_on_in_order() {
    let (server, mut api) = server_with_a_stream();
    let mut wire = Wire::connect(&server);
    wire.send(crate::requests::SSE);
    assert_eq!(wire.head().status, 200);
    wire.events_until("upToDate");
    let before = resident_bytes(&server);
    publish_all(&mut api);
    let grown = resident_bytes(&server).saturating_sub(before);
    assert!(grown < 6 << 20, "{grown} bytes");
    let last = format!("\"number\":{},", MESSAGES - 1);
    let events = wire.events_until(&last);
    let numbers: Vec<usize> = events
        .split("\"number\":")
        .skip(1)
        .map(|rest| rest.split(',').next().and_then(|number| number.parse().ok()).expect("a number"))
        .collect();
    assert_eq!(numbers, (0..MESSAGES).collect::<Vec<_>>());
}

#[test]
fn others_are_not_delayed_by_who_stalls() {
    let (server, mut api) = server_with_a_stream();
    let mut stalled: Vec<_> = (0..20).map(|_| Wire::upgraded(&server, FOLLOW)).collect();
    let mut reading = Wire::upgraded(&server, FOLLOW);
    reading.message("live");
    let filler = "x".repeat(MESSAGE_BYTES);
    for number in 0..MESSAGES {
        api.publish("a", &format!("[{{\"number\":{number},\"filler\":\"{filler}\"}}]"));
        assert_eq!(reading.message("message")["data"]["number"], number);
    }
    for wire in &mut stalled {
        wire.socket().set_nonblocking(true).expect("a socket has this option");
        let peeked = wire.socket().peek(&mut [0]);
        assert!(!peeked.is_err_and(|error| error.kind() != ErrorKind::WouldBlock), "it is still connected");
    }
}
