//! Compressed WebSocket messages, and what messages may cost that are not finished.

use crate::process::resident_bytes;
use crate::requests::{FOLLOW, upgrade};
use crate::wire::{CLOSE, PING, PONG, TEXT, Wire, frame};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use serde_json::{Value, json};
use tidings_testkit::{Api, Server, ServerBuilder, eventually};

const COMPRESSED: u8 = 0x40;
const COMPRESSED_TEXT: u8 = COMPRESSED | TEXT;
const ENDS: u8 = 0x80;
const FLUSHED: [u8; 4] = [0, 0, 0xff, 0xff];
const GRANTED: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

fn server(arguments: &[&str]) -> (Server, Api) {
    let builder = arguments.iter().fold(Server::builder(), ServerBuilder::argument);
    let server = builder.start();
    let mut api = Api::new(server.address());
    api.create("a", &[]);
    (server, api)
}

/// A connection that has offered this, and what was answered.
fn offering(server: &Server, offer: &str) -> (Wire, Option<String>) {
    let mut wire = Wire::connect(server);
    let head = upgrade(FOLLOW);
    let head = head.strip_suffix("\r\n").expect("a head ends with an empty line");
    let answer = wire.ask(format!("{head}Sec-WebSocket-Extensions: {offer}\r\n\r\n"));
    assert_eq!(answer.status, 101, "{offer}");
    let granted = answer.field("sec-websocket-extensions").map(str::to_owned);
    (wire, granted)
}

/// The next message of a stream: whether it was compressed, its bytes on the wire, and what it says.
fn next_message(wire: &mut Wire) -> (bool, Vec<u8>, Value) {
    loop {
        let (first, payload) = wire.any_frame();
        if first & 0x0f == PING {
            wire.send_frame(PONG, &payload);
            continue;
        }
        assert_eq!(first & 0x0f, TEXT, "{first:x}");
        let is_compressed = first & COMPRESSED != 0;
        let text = if is_compressed { inflated(&payload) } else { payload.clone() };
        let value: Value = serde_json::from_slice(&text).expect("texts are JSON");
        if value["type"] == "message" {
            return (is_compressed, payload, value);
        }
    }
}

/// Each message is inflated alone: nothing is taken over from the one before.
fn inflated(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 << 20);
    let payload = [payload, &FLUSHED].concat();
    Decompress::new(false).decompress_vec(&payload, &mut out, FlushDecompress::Sync).expect("it is DEFLATE");
    out
}

fn deflated(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 1_000);
    let mut compress = Compress::new(Compression::new(9), false);
    compress.compress_vec(text, &mut out, FlushCompress::Sync).expect("compressing does not fail");
    assert!(out.ends_with(&FLUSHED));
    out.truncate(out.len() - FLUSHED.len());
    out
}

#[test]
fn offers_are_granted_or_passed_over_and_never_break_the_handshake() {
    let (server, _) = server(&[]);
    for (offer, granted) in [
        ("permessage-deflate; client_max_window_bits", Some(GRANTED.to_owned())),
        ("x, permessage-deflate; y, permessage-deflate", Some(GRANTED.to_owned())),
        (
            "permessage-deflate; server_max_window_bits=10",
            Some(format!("{GRANTED}; server_max_window_bits=9")),
        ),
        ("permessage-deflate; server_max_window_bits=99", None),
        ("permessage-deflate; server_max_window_bits=\"", None),
        (";,;=,\"", None),
    ] {
        assert_eq!(offering(&server, offer).1, granted, "{offer}");
    }
}

#[test]
fn followers_get_the_same_compressed_bytes_and_others_get_plain_ones() {
    let (server, mut api) = server(&[]);
    let (mut first, _) = offering(&server, "permessage-deflate");
    let (mut second, _) = offering(&server, "permessage-deflate; client_max_window_bits");
    let (mut narrow, _) = offering(&server, "permessage-deflate; server_max_window_bits=9");
    let mut plain = Wire::upgraded(&server, FOLLOW);
    for round in 0..3 {
        let large = json!({ "round": round, "words": "again and ".repeat(100) });
        for data in [large, json!(round)] {
            api.publish("a", &data.to_string());
            let (is_compressed, wire_bytes, value) = next_message(&mut first);
            assert_eq!(is_compressed, data.is_object(), "below the least size it is not worth it");
            assert_eq!(value["data"], data);
            assert_eq!(next_message(&mut second), (is_compressed, wire_bytes, value.clone()));
            let (_, narrow_bytes, narrow_value) = next_message(&mut narrow);
            assert_eq!(narrow_value, value);
            let (is_compressed, plain_bytes, plain_value) = next_message(&mut plain);
            assert_eq!((is_compressed, plain_value), (false, value));
            assert!(!data.is_object() || narrow_bytes.len() < plain_bytes.len() / 2);
        }
    }
}

#[test]
fn what_does_not_become_smaller_is_not_compressed() {
    let (server, mut api) = server(&["--websocket-compression-min-bytes", "0"]);
    let (mut wire, _) = offering(&server, "permessage-deflate");
    // Nearly all that differs, and nothing twice.
    let random: String = (0..8_000_u32)
        .map(|index| {
            char::from_u32(0x4e00 + index.wrapping_mul(2_654_435_761) % 20_000).expect("it is in a block")
        })
        .collect();
    api.publish("a", &json!(random).to_string());
    let (is_compressed, bytes, value) = next_message(&mut wire);
    assert_eq!(value["data"], random);
    assert!(!is_compressed || bytes.len() < value.to_string().len());
    api.publish("a", "1");
    assert_eq!(next_message(&mut wire).2["data"], 1);
}

#[test]
fn a_setting_turns_compression_off() {
    let (server, mut api) = server(&["--websocket-compression", "false"]);
    let (mut wire, granted) = offering(&server, "permessage-deflate");
    assert_eq!(granted, None);
    api.publish("a", &json!("again ".repeat(1_000)).to_string());
    assert!(!next_message(&mut wire).0);
    wire.send(frame(COMPRESSED_TEXT, &deflated(b"{}")));
    assert_eq!(wire.close_code(), 1002);
}

#[test]
fn a_client_publishes_compressed_in_fragments_with_pings_between() {
    let (server, _) = server(&[]);
    let (mut wire, _) = offering(&server, "permessage-deflate");
    let data = "again and ".repeat(1_000);
    let text = json!({ "type": "publish", "id": "1", "stream": "a", "data": data }).to_string();
    let compressed = deflated(text.as_bytes());
    let (first, rest) = compressed.split_at(10);
    let mut begin = frame(COMPRESSED_TEXT, first);
    begin[0] &= !ENDS;
    wire.send_byte_by_byte(begin);
    wire.send_frame(PING, b"between");
    wire.send_byte_by_byte(frame(0, rest));
    let mut pongs = 0;
    loop {
        let (first, payload) = wire.any_frame();
        pongs += usize::from(first & 0x0f == PONG && payload == b"between");
        if first & 0x0f == TEXT {
            let text = if first & COMPRESSED == 0 { payload } else { inflated(&payload) };
            let value: Value = serde_json::from_slice(&text).expect("texts are JSON");
            if value["type"] == "message" {
                assert_eq!(value["data"], data);
                break;
            }
        }
    }
    assert_eq!(pongs, 1);
}

#[test]
fn bombs_cost_bounded_memory_and_harm_nobody() {
    let (server, mut api) = server(&["--max-message-bytes", "1MiB", "--workers", "1"]);
    let mut compress = Compress::new(Compression::new(9), false);
    let mut block = Vec::with_capacity(8 << 10);
    compress.compress_vec(&vec![0; 1 << 20], &mut block, FlushCompress::Full).expect("it compresses");
    // A gigabyte of zeros.
    let bomb = frame(COMPRESSED_TEXT, &block.repeat(1 << 10));
    let mut follower = Wire::upgraded(&server, FOLLOW);
    let before = resident_bytes(&server);
    for round in 0..20 {
        let (wire, _) = offering(&server, "permessage-deflate");
        // It is cut off somewhere on the way.
        let _cut = std::io::Write::write_all(&mut wire.socket(), &bomb);
        drop(wire);
        api.publish("a", &round.to_string());
        assert_eq!(follower.message("message")["data"], round);
    }
    let grown = resident_bytes(&server).saturating_sub(before);
    assert!(grown < 16 << 20, "{grown} bytes");
    let (mut wire, _) = offering(&server, "permessage-deflate");
    wire.send(&bomb[..64 << 10]);
    assert_eq!(wire.close_code(), 1009);
}

#[test]
fn unfinished_messages_have_a_limit_together_and_who_goes_beyond_is_told_to_come_back() {
    const LIMITS: [&str; 6] =
        ["--max-message-bytes", "1MiB", "--max-unfinished-bytes", "1MiB", "--workers", "2"];
    // One message may be twice as large as what it publishes; all of them have a little more than that.
    const HALF: usize = 1_500 << 10;
    let (server, _) = server(&LIMITS);
    let begin = || {
        let wire = Wire::upgraded(&server, "/v1/ws");
        let mut begin = frame(TEXT, &vec![b' '; HALF]);
        begin[0] &= !ENDS;
        // One that is refused may be closed before all is sent.
        let _cut = std::io::Write::write_all(&mut wire.socket(), &begin);
        let _cut = std::io::Write::write_all(&mut wire.socket(), &frame(PING, b"half"));
        wire
    };
    let is_told_to_come_back = |wire: &mut Wire| loop {
        match wire.frame() {
            (PONG, _) => return false,
            (CLOSE, payload) => {
                assert_eq!(payload[..2], 1013_u16.to_be_bytes());
                wire.rest();
                return true;
            }
            _ => {}
        }
    };
    let finish = |wire: &mut Wire| {
        wire.send_frame(0, br#"{"type":"subscribe","stream":"a"}"#);
        wire.message("subscribed");
    };
    let mut first = begin();
    assert!(!is_told_to_come_back(&mut first));
    assert!(is_told_to_come_back(&mut begin()));
    finish(&mut first);
    let mut third = begin();
    assert!(!is_told_to_come_back(&mut third), "a finished message takes nothing");
    third.reset();
    let mut fourth = eventually("what was given up takes nothing", || {
        let mut wire = begin();
        (!is_told_to_come_back(&mut wire)).then_some(wire)
    });
    finish(&mut fourth);
}
