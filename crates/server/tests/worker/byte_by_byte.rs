//! Whatever arrives, it may arrive in single bytes.

use crate::requests::{FOLLOW, POLL, publish, publish_chunked, put, upgrade};
use crate::wire::{CLOSE, PING, PONG, TEXT, Wire, frame};
use tidings_testkit::{Api, Server};

#[test]
fn requests_may_arrive_in_single_bytes() {
    let server = Server::start();
    Api::new(server.address()).create("a", &[]);
    let mut wire = Wire::connect(&server);
    wire.send_byte_by_byte(publish("a", "1"));
    assert_eq!(wire.answer().status, 204);
    wire.send_byte_by_byte(POLL);
    assert_eq!(wire.answer().text(), "[1]");
    wire.send_byte_by_byte(put("b"));
    assert_eq!(wire.answer().status, 201);
    wire.send_byte_by_byte(publish_chunked("a", "[2]"));
    assert_eq!(wire.answer().status, 204);
    wire.send_byte_by_byte(POLL);
    assert_eq!(wire.answer().text(), "[1,2]");
}

#[test]
fn a_handshake_and_frames_may_arrive_in_single_bytes() {
    let server = Server::start();
    Api::new(server.address()).create("a", &[]);
    let mut wire = Wire::connect(&server);
    wire.send_byte_by_byte(upgrade(FOLLOW));
    assert_eq!(wire.answer().status, 101);
    wire.message("live");
    let publish = br#"{"type":"publish","id":"7","stream":"a","data":{"text":"more than 125 bytes, so that the length has two bytes of its own: 0123456789 0123456789 0123456789"}}"#;
    wire.send_byte_by_byte(frame(TEXT, publish));
    let published = wire.message("published");
    assert_eq!(published["id"], "7");
    wire.send_byte_by_byte(frame(PING, b"ping"));
    while wire.frame() != (PONG, b"ping".to_vec()) {}
    wire.send_byte_by_byte(frame(CLOSE, &1000_u16.to_be_bytes()));
    assert_eq!(wire.close_code(), 1000);
    wire.expect_end();
}

#[test]
fn fragments_with_a_ping_between_may_arrive_in_single_bytes() {
    let server = Server::start();
    Api::new(server.address()).create("a", &[]);
    let mut wire = Wire::upgraded(&server, FOLLOW);
    let text = br#"{"type":"publish","id":"8","stream":"a","data":1}"#;
    let (first, second) = text.split_at(20);
    let mut begin = frame(TEXT, first);
    begin[0] &= 0x7f;
    wire.send_byte_by_byte([begin, frame(PING, b"between"), frame(0, second)].concat());
    assert_eq!(wire.message("published")["id"], "8");
}
