//! Connections: how many an address has, and how fast it makes them.

use super::{ONE, OTHER, builder, refused_by};
use crate::http2::Http2;
use crate::requests::{HELD_POLL, OPTIONS, POLL, SSE, upgrade};
use crate::wire::Wire;
use std::time::Instant;
use tidings_testkit::{Api, Server, eventually};

#[expect(clippy::disallowed_methods, reason = "how much a rate allows is what a test is about")]
fn now() -> Instant {
    Instant::now()
}

const LIMIT: &str = "max_connections_per_address";

fn server(limits: &str) -> Server {
    let server = builder(limits).start();
    Api::new(server.address()).create("a", &[]);
    server
}

/// A connection that is one too many: it is answered before it has said anything.
fn expect_refused(server: &Server, amount: u64) {
    let mut wire = Wire::connect_from(server, ONE);
    assert_eq!(refused_by(&wire.answer(), LIMIT, amount, "address"), 5);
    wire.expect_end();
}

#[test]
fn an_address_has_so_many_connections_whatever_they_are_used_for() {
    let server = server("max_connections_per_address = 6");
    let connect = || Wire::connect_from(&server, ONE);
    let (mut idle, mut held, mut sse, mut odd, mut socket) =
        (connect(), connect(), connect(), connect(), connect());
    assert_eq!(idle.ask(POLL).status, 200);
    held.send(HELD_POLL);
    sse.send(SSE);
    assert_eq!(sse.head().status, 200);
    assert_eq!(odd.ask(OPTIONS).status, 204);
    assert_eq!(socket.ask(upgrade("/v1/stream/a")).status, 101);
    let mut http2 = Http2::over(connect());
    let poll = http2.get("/v1/stream/a?offset=-1");
    assert_eq!(http2.status(poll), 200);
    expect_refused(&server, 6);
    // Others have theirs.
    assert_eq!(Wire::connect_from(&server, OTHER).ask(POLL).status, 200);
    // It was parked meanwhile, and still counts.
    eventually("the odd one is parked", || (odd.ask(POLL).status == 200).then_some(()));
    expect_refused(&server, 6);
    for one in [idle, held, sse, odd, socket] {
        one.reset();
    }
    drop(http2);
    let again = eventually("all have gone", || {
        let mut wires: Vec<_> = std::iter::repeat_with(connect).take(6).collect();
        wires
            .iter_mut()
            .all(|wire| wire.try_ask(POLL).is_some_and(|answer| answer.status == 200))
            .then_some(wires)
    });
    expect_refused(&server, 6);
    drop(again);
}

#[test]
fn a_flood_of_connects_from_one_address_keeps_no_other_out() {
    const FLOOD: usize = 400;
    let server = server("connect_rate_per_address = 1\nlimit_burst = \"3s\"");
    let began = now();
    let mut welcome = 0;
    for index in 0..FLOOD {
        let mut wire = Wire::connect_from(&server, ONE);
        match wire.try_ask(POLL).map(|answer| answer.status) {
            Some(200) => welcome += 1,
            Some(429) | None => {}
            Some(status) => panic!("{status}"),
        }
        if index % 100 == 0 {
            assert_eq!(
                Wire::connect_from(&server, &format!("127.0.1.{}", index / 100)).ask(POLL).status,
                200
            );
        }
    }
    let seconds = began.elapsed().as_secs() + 1;
    assert!((3..=3 + usize::try_from(seconds).unwrap()).contains(&welcome), "{welcome} in {seconds} s");
}
