//! One stream far behind among many that are live: each has its share, and nobody starves.

use super::{entry, frames, text};
use crate::requests::read_many;
use crate::wire::Wire;
use serde_json::Value;
use std::collections::HashMap;
use tidings_testkit::{Api, Deadline, ManyFollower, Server, Start, Transport};

const LIVE: usize = 99;
const COLD_MESSAGES: usize = 6_000;

/// A stream with 6 MB that are on the disk only, and 99 empty ones.
fn server_with_streams() -> (Server, Api) {
    let server = Server::builder().setting("--tail-cache-bytes", "64KiB").setting("--page-bytes", "64KiB");
    let server = server.setting("--heartbeat", "120s").start();
    let mut api = Api::new(server.address());
    api.create("cold", &[]);
    let filler = "x".repeat(1_000);
    for batch in 0..COLD_MESSAGES / 100 {
        let messages: Vec<_> = (0..100).map(|at| format!("[{},\"{filler}\"]", batch * 100 + at)).collect();
        api.publish("cold", &format!("[{}]", messages.join(",")));
    }
    for index in 0..LIVE {
        api.create(&live(index), &[]);
    }
    (server, api)
}

fn live(index: usize) -> String {
    format!("live/{index}")
}

fn publish_to_all(api: &mut Api, number: usize) {
    for index in 0..LIVE {
        api.publish(&live(index), &number.to_string());
    }
}

/// The far one and the 99 others, in a list.
fn all_streams() -> Vec<(String, Start)> {
    let others = (0..LIVE).map(|index| (live(index), Start::now()));
    std::iter::once(("cold".to_owned(), Start::beginning())).chain(others).collect()
}

fn is_cold(frame: &Value) -> bool {
    frame["type"] == "message" && frame["stream"] == "cold"
}

/// While it catches up one message is published to each of the others: they come long before the far one is through.
fn nobody_waits_for_who_catches_up(transport: Transport) {
    let (server, mut api) = server_with_streams();
    let mut follower =
        ManyFollower::open(transport, server.address(), &all_streams()).expect("the server accepts");
    let (mut cold, mut others) = (0, 0);
    let mut at_the_last_other = 0;
    while cold < COLD_MESSAGES || others < LIVE {
        let frame = follower.next(Deadline::patient()).expect("the connection holds");
        let frame = frame.expect("something comes in time");
        if is_cold(&frame) {
            assert_eq!(frame["data"][0], cold);
            cold += 1;
            if cold == 100 {
                publish_to_all(&mut api, 7);
            }
        } else if frame["type"] == "message" {
            others += 1;
            at_the_last_other = cold;
        }
    }
    assert!(
        at_the_last_other < COLD_MESSAGES / 2,
        "{transport}: {at_the_last_other} messages of the far one came before"
    );
}

#[test]
fn over_poll_nobody_waits_for_who_catches_up() {
    nobody_waits_for_who_catches_up(Transport::Poll);
}

#[test]
fn over_long_poll_nobody_waits_for_who_catches_up() {
    nobody_waits_for_who_catches_up(Transport::LongPoll);
}

#[test]
fn over_sse_nobody_waits_for_who_catches_up() {
    nobody_waits_for_who_catches_up(Transport::Sse);
}

#[test]
fn over_websocket_nobody_waits_for_who_catches_up() {
    nobody_waits_for_who_catches_up(Transport::WebSocket);
}

#[test]
fn a_page_that_is_full_holds_something_of_each() {
    let (server, mut api) = server_with_streams();
    publish_to_all(&mut api, 7);
    let entries: Vec<_> = all_streams().iter().map(|(name, _)| entry(name, "-1")).collect();
    let answer = Wire::connect(&server).ask(read_many("", &entries.join(",")));
    assert_eq!(answer.field("stream-up-to-date"), None);
    assert!(answer.body.len() < (64 << 10) + (24 << 10), "{} bytes", answer.body.len());
    let mut messages = HashMap::new();
    for frame in frames(&answer).iter().filter(|frame| frame["type"] == "message") {
        *messages.entry(text(frame, "stream").to_owned()).or_insert(0) += 1;
    }
    assert_eq!(messages.len(), 1 + LIVE);
    assert!(5 < messages["cold"], "{}", messages["cold"]);
}

#[test]
fn large_messages_of_one_keep_no_other_out() {
    const STREAMS: usize = 8;
    let server = Server::builder().setting("--page-bytes", "64KiB").start();
    let mut api = Api::new(server.address());
    let large = format!("\"{}\"", "x".repeat(100_000));
    let mut places = Vec::new();
    for index in 0..STREAMS {
        places.push((live(index), api.create(&live(index), &[])));
        api.publish(&live(index), &large);
    }
    let mut wire = Wire::connect(&server);
    let mut seen = HashMap::new();
    for answers in 1.. {
        // The first of the list always has another one that fills a page.
        api.publish(&live(0), &large);
        let entries: Vec<_> = places.iter().map(|(name, offset)| entry(name, offset)).collect();
        let answer = wire.ask(read_many("", &entries.join(",")));
        assert!(answer.body.len() < 300_000, "{} bytes", answer.body.len());
        for frame in frames(&answer).iter().filter(|frame| frame["type"] == "message") {
            let at = places.iter().position(|(name, _)| frame["stream"] == **name).expect("it was asked for");
            text(frame, "offset").clone_into(&mut places[at].1);
            *seen.entry(at).or_insert(0) += 1;
        }
        if seen.len() == STREAMS {
            break;
        }
        assert!(answers < 400, "some stream never had its turn: {seen:?}");
    }
}

#[test]
fn a_live_follower_that_stalls_is_skipped_where_the_rule_says_so() {
    const MESSAGES: u64 = 4_000;
    const RULES: &str = "[[streams]]\nmatch = \"latest/*\"\nbehind = \"latest\"\n";
    let server = Server::builder().setting("--heartbeat", "120s").settings_file(RULES).start();
    let mut api = Api::new(server.address());
    let streams = ["latest/a", "all/a"].map(|name| (name.to_owned(), Start::after(&api.create(name, &[]))));
    let mut follower =
        ManyFollower::open(Transport::Sse, server.address(), &streams).expect("the server accepts");
    let mut frame = || {
        let frame = follower.next(Deadline::patient()).expect("the connection holds");
        frame.expect("something comes in time")
    };
    while frame()["type"] != "live" {}
    while frame()["type"] != "live" {}
    let filler = "x".repeat(1_000);
    for first in (0..MESSAGES).step_by(50) {
        let batch: Vec<_> = (first..first + 50).map(|number| format!("[{number},\"{filler}\"]")).collect();
        for (name, _) in &streams {
            api.publish(name, &format!("[{}]", batch.join(",")));
        }
    }
    let (mut next, mut skipped, mut live) = (HashMap::new(), 0, 0);
    while live < 2 || next.values().sum::<u64>() < 2 * MESSAGES {
        let frame = frame();
        let next: &mut u64 = next.entry(text(&frame, "stream").to_owned()).or_default();
        match text(&frame, "type") {
            "message" => {
                assert_eq!(frame["data"][0], *next);
                *next += 1;
            }
            "skipped" => {
                assert_eq!(
                    (text(&frame, "stream"), text(&frame, "from")[17..].parse()),
                    ("latest/a", Ok(*next))
                );
                *next += frame["messages"].as_u64().expect("it is a number");
                skipped += 1;
            }
            "live" => live += 1,
            _ => panic!("{frame}"),
        }
    }
    assert_eq!(skipped, 1);
    assert_eq!(next["latest/a"], MESSAGES);
}
