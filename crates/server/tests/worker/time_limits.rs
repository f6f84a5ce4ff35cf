//! Peers that are silent, slow or gone: closed in time, and nobody else is.

use crate::requests::{FOLLOW, HELD_POLL, LONG_POLL, OPTIONS, POLL, SSE, close, get};
use crate::wire::{PING, Wire};
use std::time::{Duration, Instant};
use tidings_testkit::{Api, Server, ServerBuilder};

#[expect(clippy::disallowed_methods, reason = "how long the server takes is what these tests are about")]
fn now() -> Instant {
    Instant::now()
}

fn server_with_a_stream(arguments: &[&str]) -> (Server, Api) {
    let builder = arguments.iter().fold(Server::builder(), ServerBuilder::argument);
    let server = builder.start();
    let mut api = Api::new(server.address());
    api.create("a", &[]);
    (server, api)
}

/// Reads frames without ever answering a ping, until the close; its code, and how many pings came.
fn close_of_a_silent_peer(wire: &mut Wire) -> (u16, usize) {
    let mut pings = 0;
    loop {
        match wire.frame() {
            (PING, _) => pings += 1,
            (crate::wire::CLOSE, payload) => return (u16::from_be_bytes([payload[0], payload[1]]), pings),
            _ => {}
        }
    }
}

#[test]
fn a_silent_websocket_is_pinged_and_closed_after_two_and_a_half_heartbeats() {
    let (server, _) = server_with_a_stream(&["--heartbeat", "1s"]);
    let began = now();
    let mut wire = Wire::upgraded(&server, FOLLOW);
    let (code, pings) = close_of_a_silent_peer(&mut wire);
    let took = began.elapsed();
    assert_eq!(code, 1008);
    assert!(0 < pings, "it was asked before");
    assert!(Duration::from_millis(2_400) < took && took < Duration::from_secs(8), "{took:?}");
    wire.expect_end();
}

#[test]
fn a_websocket_that_answers_pings_stays_open() {
    let (server, mut api) = server_with_a_stream(&["--heartbeat", "1s"]);
    let mut wire = Wire::upgraded(&server, FOLLOW);
    wire.message("live");
    for _ in 0..4 {
        wire.message("heartbeat");
    }
    api.publish("a", "1");
    assert_eq!(wire.message("message")["data"], 1);
}

#[test]
fn a_follower_of_a_busy_stream_is_pinged_and_stays_when_it_answers() {
    let (server, mut api) = server_with_a_stream(&["--heartbeat", "1s"]);
    let mut answering = Wire::upgraded(&server, FOLLOW);
    let mut silent = Wire::upgraded(&server, FOLLOW);
    answering.message("live");
    let began = now();
    let mut number = 0;
    // So often that the connection is never silent from the server's side.
    while began.elapsed() < Duration::from_millis(4_500) {
        api.publish("a", &number.to_string());
        assert_eq!(answering.message("message")["data"], number);
        number += 1;
        tidings_testkit::pause(Duration::from_millis(50));
    }
    assert_eq!(close_of_a_silent_peer(&mut silent).0, 1008);
}

#[test]
fn who_takes_nothing_of_a_busy_stream_any_more_is_gone_in_time() {
    let (server, mut api) = server_with_a_stream(&["--heartbeat", "1s"]);
    let mut silent = Wire::upgraded(&server, FOLLOW);
    silent.message("live");
    let mut silent_events = Wire::connect(&server);
    silent_events.send(SSE);
    assert_eq!(silent_events.head().status, 200);
    silent_events.events_until("upToDate");
    let followers = || {
        let list = Wire::connect(&server).ask(get("/v1/streams"));
        let list: serde_json::Value = serde_json::from_slice(&list.body).expect("the list is JSON");
        let of = &list["streams"][0]["followers"];
        (of["websocket"].clone(), of["sse"].clone())
    };
    assert_eq!(followers(), (1.into(), 1.into()));
    // More than the kernel keeps for both ends: what follows can't be sent, and no ping either.
    for _ in 0..16 {
        api.publish("a", &format!("\"{}\"", "x".repeat(1 << 20)));
    }
    let began = now();
    tidings_testkit::eventually("they are gone", || (followers() == (0.into(), 0.into())).then_some(()));
    assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
}

#[test]
fn an_idle_connection_is_closed_after_the_keep_alive_timeout() {
    let (server, _) = server_with_a_stream(&["--keep-alive-timeout", "1s", "--request-timeout", "25s"]);
    let mut closer = Wire::connect(&server);
    let mut fresh = Wire::connect(&server);
    assert_eq!(fresh.ask(POLL).status, 200);
    let mut odd = Wire::connect(&server);
    assert_eq!(odd.ask(OPTIONS).status, 204);
    let mut held = Wire::connect(&server);
    assert_eq!(held.ask(LONG_POLL).status, 204);
    let mut followed = Wire::connect(&server);
    followed.send(SSE);
    assert_eq!(followed.head().status, 200);
    followed.events_until("upToDate");
    assert_eq!(closer.ask(close("a")).status, 204);
    followed.events_until("streamClosed");
    assert_eq!(followed.chunk(), b"");
    let began = now();
    for wire in [&mut fresh, &mut odd, &mut held, &mut followed, &mut closer] {
        wire.expect_end();
    }
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

#[test]
fn a_held_poll_outlives_the_keep_alive_timeout() {
    let (server, _) = server_with_a_stream(&["--keep-alive-timeout", "300ms"]);
    let began = now();
    let answer = Wire::connect(&server).ask(HELD_POLL.replace("timeout=100", "timeout=2"));
    assert_eq!(answer.status, 204);
    assert!(Duration::from_secs(2) <= began.elapsed());
}

#[test]
fn a_long_poll_is_never_answered_before_its_time() {
    const TIMEOUT: Duration = Duration::from_millis(50);
    const CLIENTS: usize = 16;
    let (server, _) = server_with_a_stream(&["--workers", "4"]);
    let tail =
        Wire::connect(&server).ask(POLL).field("stream-next-offset").expect("a poll names it").to_owned();
    let body = format!(r#"{{"streams":[{{"stream":"a","offset":"{tail}"}}]}}"#);
    let head = "POST /v1/read?live=long-poll&timeout=0.05 HTTP/1.1\r\nHost: t\r\n";
    let many = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    let requests = [HELD_POLL.replace("timeout=100", "timeout=0.05"), many];
    // The server's clock has whole milliseconds, and the hand of each worker comes round at another part of one. It comes as often as this
    // timeout is long: whoever is answered asks again at once, and is due when it comes again.
    std::thread::scope(|clients| {
        for client in 0..CLIENTS {
            let request = &requests[client % requests.len()];
            let mut wire = Wire::connect(&server);
            clients.spawn(move || {
                for _ in 0..15 {
                    let began = now();
                    let answer = wire.ask(request);
                    let took = began.elapsed();
                    assert!(matches!(answer.status, 200 | 204), "{}", answer.text());
                    assert!(TIMEOUT <= took, "{took:?}: {request}");
                }
            });
        }
    });
}

#[test]
fn a_request_that_does_not_arrive_is_answered_408() {
    let (server, _) = server_with_a_stream(&["--request-timeout", "1s"]);
    let post = "POST /v1/stream/a HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n";
    let beginnings = [
        "GET /v1/stream/a HTTP/1.1\r\nHo".to_owned(),
        format!("{post}Content-Length: 100\r\n\r\n[1,2"),
        format!("{post}Content-Length: 100000\r\n\r\n[1,2"),
        format!("{post}Transfer-Encoding: chunked\r\n\r\n5\r\n[1"),
        format!("{POLL}GET /v1/stream/a HT"),
        format!("{OPTIONS}GET /v1/stream/a HT"),
    ];
    let began = now();
    let mut wires: Vec<_> = beginnings
        .iter()
        .map(|beginning| {
            let mut wire = Wire::connect(&server);
            wire.send(beginning);
            wire
        })
        .collect();
    for (beginning, wire) in beginnings.iter().zip(&mut wires) {
        if [POLL, OPTIONS].iter().any(|whole| beginning.starts_with(whole)) {
            assert!(matches!(wire.answer().status, 200 | 204));
        }
        let answer = wire.answer();
        assert_eq!((answer.status, answer.code().as_str()), (408, "request_timeout"), "{beginning}");
        wire.expect_end();
    }
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

#[test]
fn bytes_that_drip_do_not_prolong_a_request() {
    let (server, _) = server_with_a_stream(&["--request-timeout", "1s"]);
    let mut wire = Wire::connect(&server);
    wire.socket().set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    wire.send("GET /v1/stream/a HTTP/1.1\r\nX: ");
    let began = now();
    while wire.socket().peek(&mut [0]).is_err() {
        assert!(began.elapsed() < Duration::from_secs(8));
        wire.send("x");
    }
    assert_eq!(wire.answer().status, 408);
}

#[test]
fn who_takes_an_answer_slowly_gets_all_of_it() {
    let (server, mut api) =
        server_with_a_stream(&["--keep-alive-timeout", "500ms", "--request-timeout", "500ms"]);
    for _ in 0..8 {
        api.publish("a", &format!("\"{}\"", "x".repeat(1 << 20)));
    }
    let mut wire = Wire::connect(&server);
    wire.send(POLL.repeat(8));
    for _ in 0..8 {
        // A little later than the server waits for one that does nothing.
        tidings_testkit::pause(Duration::from_millis(200));
        assert_eq!(wire.answer().status, 200);
    }
}

#[test]
fn waiting_connections_take_no_processor_time() {
    let (server, _) = server_with_a_stream(&[]);
    let mut wires = Vec::new();
    for index in 0..100 {
        let mut wire = Wire::connect(&server);
        let before = if index % 2 == 0 { "" } else { OPTIONS };
        match index % 10 {
            0..=2 => wire.send([before, HELD_POLL].concat()),
            3..=5 => wire.send([before, SSE].concat()),
            6 | 7 => wire = Wire::upgraded(&server, FOLLOW),
            _ => wire.send("GET /v1"),
        }
        // A peer of an upgraded connection that ends its direction is gone.
        if index % 3 == 0 && !matches!(index % 10, 6..) {
            wire.half_close();
        }
        wires.push(wire);
    }
    // Past the time in which connections come back from hyper.
    tidings_testkit::pause(Duration::from_millis(1_500));
    let before = crate::process::processor_ticks(&server);
    tidings_testkit::pause(Duration::from_secs(2));
    let ticks = crate::process::processor_ticks(&server) - before;
    assert!(ticks < 20, "{ticks} hundredths of a second in two seconds");
}
