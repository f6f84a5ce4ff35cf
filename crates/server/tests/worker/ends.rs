//! Connections by the thousand, ending in every way that there is, beside one that goes on.

use crate::process::descriptors;
use crate::requests::{FOLLOW, LONG_POLL, OPTIONS, POLL, SSE, publish, put, upgrade};
use crate::wire::{TEXT, Wire, frame};
use tidings_testkit::{Api, Server, eventually};

/// How a connection begins and ends.
type End = fn(&Server);

fn connected(server: &Server, bytes: impl AsRef<[u8]>) -> Wire {
    let mut wire = Wire::connect(server);
    wire.send(bytes);
    wire
}

/// Each kind of end once.
const ENDS: [End; 20] = [
    |server| drop(Wire::connect(server)),
    |server| Wire::connect(server).reset(),
    |server| drop(connected(server, "GET /v1/str")),
    |server| connected(server, "GET /v1/str").reset(),
    |server| drop(connected(server, POLL)),
    |server| connected(server, POLL).reset(),
    |server| assert_eq!(connected(server, POLL).answer().status, 200),
    |server| connected(server, publish("b", "1")).reset(),
    |server| drop(connected(server, &publish("b", "1")[..90])),
    |server| drop(connected(server, LONG_POLL)),
    |server| connected(server, LONG_POLL).reset(),
    |server| drop(connected(server, SSE)),
    |server| connected(server, SSE).reset(),
    |server| connected(server, SSE).half_close(),
    |server| drop(connected(server, upgrade(FOLLOW))),
    |server| connected(server, upgrade(FOLLOW)).reset(),
    |server| {
        let half_a_frame = &frame(TEXT, b"{\"type\":\"subscribe\",\"stream\":\"a\"}")[..10];
        drop(connected(server, [upgrade("/v1/ws").as_bytes(), half_a_frame].concat()));
    },
    |server| connected(server, [OPTIONS, SSE].concat()).reset(),
    |server| connected(server, put("b")).reset(),
    |server| drop(connected(server, [OPTIONS, LONG_POLL].concat())),
];

/// Descriptors, once no more of them come or go: those of connections that ended a moment ago are closed.
fn settled(server: &Server, followers: usize) -> usize {
    only_followers_are_left(server, followers);
    eventually("descriptors settle", || {
        let before = descriptors(server);
        tidings_testkit::pause(std::time::Duration::from_millis(50));
        (descriptors(server) == before).then_some(before)
    })
}

/// A server that gets no turn closes nothing for a while, and looks settled: so the end is not looked at but waited for.
fn expect_settled(server: &Server, followers: usize, before: usize) {
    only_followers_are_left(server, followers);
    eventually("all but the descriptors of before are closed", || {
        (descriptors(server) <= before + 1).then_some(())
    });
}

fn only_followers_are_left(server: &Server, followers: usize) {
    eventually("all but the followers are gone", || {
        let list = Wire::connect(server).ask(crate::requests::get("/v1/streams?prefix=a")).text();
        let list: serde_json::Value = serde_json::from_str(&list).ok()?;
        let counts = &list["streams"][0]["followers"];
        let open =
            ["long-poll", "sse", "websocket"].iter().filter_map(|kind| counts[kind].as_u64()).sum::<u64>();
        (open == followers as u64).then_some(())
    });
}

#[test]
fn ten_thousand_ends_leave_nothing_behind_and_a_follower_misses_nothing() {
    let server = Server::builder().argument("--request-timeout").argument("2s").start();
    let mut api = Api::new(server.address());
    api.create("a", &[]);
    api.create("b", &[]);
    let mut websocket = Wire::upgraded(&server, FOLLOW);
    websocket.message("live");
    let mut events = Wire::connect(&server);
    events.send(SSE);
    assert_eq!(events.head().status, 200);
    events.events_until("upToDate");
    let before = settled(&server, 2);
    for round in 0..500 {
        for end in ENDS {
            end(&server);
        }
        api.publish("a", &round.to_string());
        assert_eq!(websocket.message("message")["data"], round);
        events.events_until(&format!("data:[{round}]"));
    }
    expect_settled(&server, 2, before);
}

#[test]
fn three_thousand_connections_at_once_are_all_answered() {
    let server = Server::start();
    Api::new(server.address()).create("a", &[]);
    let before = settled(&server, 0);
    // Nobody waits for an answer: the server finds them all at its door.
    let mut wires: Vec<_> = (0..3_000).map(|_| connected(&server, POLL)).collect();
    for wire in &mut wires {
        assert_eq!(wire.answer().status, 200);
    }
    drop(wires);
    expect_settled(&server, 0, before);
}
