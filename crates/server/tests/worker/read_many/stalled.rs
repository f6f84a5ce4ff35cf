//! Followers of a hundred streams: what each costs while it waits, and while it does not read.

use super::{entry, server_with};
use crate::process::{anonymous_bytes, resident_bytes};
use crate::requests::read_many;
use crate::wire::Wire;
use tidings_testkit::{Api, Server, eventually};

const STREAMS: usize = 100;

fn name(index: usize) -> String {
    format!("s/{index}")
}

#[test]
fn who_does_not_read_pins_one_piece_and_not_one_of_each_stream() {
    const FOLLOWERS: usize = 20;
    const MESSAGES: usize = 60;
    let server = Server::builder().setting("--tail-cache-bytes", "64KiB");
    let server = server.setting("--heartbeat", "120s").start();
    let mut api = Api::new(server.address());
    let filler = "x".repeat(1_000);
    for index in 0..STREAMS {
        api.create(&name(index), &[("Stream-TTL", "1000")]);
        let messages: Vec<_> = (0..MESSAGES).map(|number| format!("[{number},\"{filler}\"]")).collect();
        api.publish(&name(index), &format!("[{}]", messages.join(",")));
    }
    let entries: Vec<_> = (0..STREAMS).map(|index| entry(&name(index), "-1")).collect();
    let request = read_many("?live=sse", &entries.join(","));
    let before = resident_bytes(&server);
    let mut wires: Vec<_> = (0..FOLLOWERS).map(|_| Wire::connect(&server)).collect();
    for wire in &mut wires {
        wire.send(&request);
        assert_eq!(wire.head().status, 200);
    }
    // A hundred pieces of each of them would be 120 MB. What all share, for a moment, is 8 MiB a worker.
    let poll = read_many("", &entry(&name(0), "-1"));
    for _ in 0..20 {
        assert_eq!(Wire::connect(&server).ask(&poll).status, 200);
    }
    let grown = resident_bytes(&server).saturating_sub(before);
    assert!(grown < 40 << 20, "{grown} bytes");
    // Read again, it is all there, in order.
    let mut next = vec![0; STREAMS];
    while next.iter().sum::<usize>() < STREAMS * MESSAGES {
        let chunk = String::from_utf8(wires[0].chunk()).expect("events are text");
        for frame in super::events(&chunk).iter().filter(|frame| frame["type"] == "message") {
            let index: usize = super::text(frame, "stream")[2..].parse().expect("it is a number");
            assert_eq!(frame["data"][0], next[index]);
            next[index] += 1;
        }
    }
}

/// Followers of a hundred streams each that wait; what one of them costs.
fn waiting(query: &str, kind: &str) -> usize {
    const FOLLOWERS: usize = 100;
    let (server, mut api) = server_with(&[]);
    let mut places = Vec::new();
    for index in 0..STREAMS {
        api.create(&name(index), &[]);
        places.push(entry(&name(index), &api.publish(&name(index), "0")));
    }
    let request = read_many(query, &places.join(","));
    let mut wires = vec![Wire::connect(&server)];
    wires[0].send(&request);
    eventually("it waits", || (1 == super::followers(&mut api, &name(99), kind)).then_some(()));
    let before = anonymous_bytes(&server);
    for _ in 0..FOLLOWERS {
        let mut wire = Wire::connect(&server);
        wire.send(&request);
        wires.push(wire);
    }
    eventually("they wait", || {
        (FOLLOWERS as u64 + 1 == super::followers(&mut api, &name(99), kind)).then_some(())
    });
    let each = anonymous_bytes(&server).saturating_sub(before) / FOLLOWERS;
    eprintln!("{kind} of {STREAMS} streams: {each} bytes each");
    each
}

#[test]
fn a_held_poll_of_a_hundred_streams_is_small() {
    let each = waiting("?live=long-poll&timeout=100", "long-poll");
    assert!(each < 16 << 10, "{each} bytes");
}

#[test]
fn an_event_stream_of_a_hundred_streams_is_small() {
    let each = waiting("?live=sse", "sse");
    assert!(each < 24 << 10, "{each} bytes");
}
