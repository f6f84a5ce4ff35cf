//! The memory budget: as it is used up, the server goes up the ladder step by step, and comes down in the reverse order.

use crate::http2::Http2;
use crate::process::{anonymous_bytes, clients_by_worker};
use crate::requests::{FOLLOW, SSE, get, publish};
use crate::wire::{TEXT, Wire};
use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tidings_testkit::{Api, Reader, Request, Server, Start, Transport, eventually};

const BUDGET_MIB: usize = 64;

/// A request whose body stays one byte short of this is in the server's memory for as long as its connection is open.
const BODY_BYTES: usize = 2 << 20;

/// What `memory` streams may keep.
const KEPT_BYTES: usize = 40 << 20;

const HELD_FOR_LONG: &str =
    "GET /v1/stream/a?offset=now&live=long-poll&timeout=100 HTTP/1.1\r\nHost: a\r\n\r\n";

fn server() -> Server {
    let mut server = Server::builder();
    for (flag, value) in [
        ("--memory-budget-bytes", format!("{BUDGET_MIB}MiB")),
        ("--request-memory-bytes", "200MiB".to_owned()),
        ("--memory-bytes", KEPT_BYTES.to_string()),
        ("--tail-cache-bytes", "1MiB".to_owned()),
        // What is not taken has no room of its own here: it uses up the budget.
        ("--max-unsent-bytes", "1GiB".to_owned()),
        ("--request-timeout", "2m".to_owned()),
        ("--heartbeat", "60s".to_owned()),
        ("--workers", "1".to_owned()),
    ] {
        server = server.argument(flag).argument(value);
    }
    server.start()
}

/// Numbers without a pattern that could be compressed away.
struct Random(u64);

impl Random {
    fn text(&mut self, bytes: usize) -> String {
        let word = |random: &mut u64| {
            *random ^= *random << 13;
            *random ^= *random >> 7;
            *random ^= *random << 17;
            format!("{random:016x}")
        };
        (0..bytes.div_ceil(16)).map(|_| word(&mut self.0)).collect()
    }
}

/// What pollers are advised: it tells the step.
fn advice(api: &mut Wire) -> u64 {
    let answer = api.ask(get("/v1/stream/a?offset=now"));
    assert_eq!(answer.status, 200, "polls go on: {}", answer.head);
    answer.field("stream-poll-interval").expect("a poll is advised").parse().expect("a number of seconds")
}

/// Holds as much more of the server's memory.
fn hold(server: &Server) -> Wire {
    let mut wire = Wire::connect(server);
    let head = format!(
        "POST /v1/stream/b HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: {BODY_BYTES}\r\n\r\n"
    );
    wire.send(head);
    wire.send(vec![b'x'; BODY_BYTES - 1]);
    wire
}

/// Holds more until the advice is this, or more.
fn hold_until(advised: u64, holders: &mut Vec<Wire>, poller: &mut Wire, server: &Server) {
    for _ in 0..2 * BUDGET_MIB {
        for _ in 0..40 {
            if advised <= advice(poller) {
                return;
            }
            tidings_testkit::pause(std::time::Duration::from_millis(5));
        }
        holders.push(hold(server));
    }
    panic!("{} MiB are held, and pollers are advised {}", (holders.len() * BODY_BYTES) >> 20, advice(poller));
}

#[test]
fn the_ladder_is_gone_up_step_by_step_and_down_in_the_reverse_order() {
    let server = server();
    let mut api = Api::new(server.address());
    api.create("a", &[]);
    let mut poller = Wire::connect(&server);
    let mut early = Wire::upgraded(&server, FOLLOW);
    early.message("live");
    let mut subscriber = Wire::upgraded(&server, "/v1/ws");
    subscriber.message("hello");
    let mut holders = Vec::new();
    assert_eq!(advice(&mut poller), 1);

    hold_until(3, &mut holders, &mut poller, &server);
    let mut held = Wire::connect(&server);
    held.send(HELD_FOR_LONG);
    held.socket().set_nonblocking(true).expect("a socket has this option");

    hold_until(5, &mut holders, &mut poller, &server);
    let answer = Wire::connect(&server).ask(HELD_FOR_LONG);
    assert_eq!((answer.status, answer.field("stream-poll-interval")), (204, Some("5")), "{}", answer.head);
    let peeked = held.socket().peek(&mut [0]);
    assert!(
        peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock),
        "what was held before is held on"
    );
    Wire::upgraded(&server, FOLLOW).message("live");

    hold_until(10, &mut holders, &mut poller, &server);
    for request in [SSE.to_owned(), HELD_FOR_LONG.to_owned(), crate::requests::upgrade(FOLLOW)] {
        let refused = Wire::connect(&server).ask(request);
        assert_eq!((refused.status, refused.code()), (503, "short_of_memory".to_owned()));
        let after: u64 = refused.field("retry-after").expect("it says when").parse().expect("seconds");
        assert!((1..=8).contains(&after), "{after}");
    }
    subscriber.send_frame(TEXT, br#"{"type":"subscribe","stream":"a"}"#);
    let error = subscriber.message("error");
    assert_eq!((&error["code"], &error["retryable"]), (&"short_of_memory".into(), &true.into()));
    api.publish("a", "[1]");
    assert_eq!(early.message("message")["data"], 1, "who follows goes on");

    let held_bytes = anonymous_bytes(&server);
    assert!(held_bytes <= BUDGET_MIB << 20, "{held_bytes}");
    drop(holders);
    let mut seen = vec![advice(&mut poller)];
    eventually("it comes down", || {
        let advised = advice(&mut poller);
        if seen.last() != Some(&advised) {
            seen.push(advised);
        }
        (advised == 1).then_some(())
    });
    seen.retain(|advised| *advised != 20);
    assert_eq!(seen, [10, 5, 3, 1]);
    Wire::upgraded(&server, FOLLOW).message("live");
    let log = server.printed();
    for step in ["slower", "at-once", "refusing", "calm"] {
        assert!(log.contains(&format!("memory: {step}")), "{log}");
    }
}

/// Of followers that stop reading, those furthest behind are ended, until there is room: the others are not, and who comes back has everything.
#[test]
fn the_furthest_behind_are_ended_and_lose_nothing() {
    const MESSAGE_BYTES: usize = 512 << 10;
    let server = server();
    let mut api = Api::new(server.address());
    api.create("a", &[]);
    let mut poller = Wire::connect(&server);
    let mut live = Wire::upgraded(&server, FOLLOW);
    live.message("live");
    // Each stops at another message, and so pins that one.
    let filler = "x".repeat(MESSAGE_BYTES);
    let mut stalled: Vec<Wire> = Vec::new();
    while advice(&mut poller) < 10 {
        let mut wire = Wire::connect(&server);
        let answer = wire.ask(crate::requests::upgrade(FOLLOW));
        if answer.status == 503 {
            break;
        }
        wire.message("live");
        // What it does not read stays with the server, not on its way.
        rustix::net::sockopt::set_socket_recv_buffer_size(wire.socket(), 4096).expect("a socket has one");
        let number = stalled.len();
        stalled.push(wire);
        assert!(number < 2 * (BUDGET_MIB << 20) / MESSAGE_BYTES, "they pin nothing");
        api.publish("a", &format!("[{{\"number\":{number},\"filler\":\"{filler}\"}}]"));
        assert_eq!(live.message("message")["data"]["number"], number);
    }
    let ports: Vec<u16> = stalled.iter().map(Wire::port).collect();
    // The rest goes to what nobody's end would free.
    api.create("kept", &[("Stream-Durability", "memory")]);
    let mut random = Random(7);
    for _ in 0..KEPT_BYTES / MESSAGE_BYTES {
        if !clients_by_worker(&server, &ports[..1]).concat().contains(&ports[0]) {
            break;
        }
        api.publish("kept", &format!("[\"{}\"]", random.text(MESSAGE_BYTES)));
        tidings_testkit::pause(std::time::Duration::from_millis(100));
    }
    let most = anonymous_bytes(&server);
    assert!(most <= BUDGET_MIB << 20, "{} MiB", most >> 20);
    eventually("there is room again", || (advice(&mut poller) < 20).then_some(()));
    let open = clients_by_worker(&server, &ports).concat();
    let ended: Vec<bool> = ports.iter().map(|port| !open.contains(port)).collect();
    assert!(ended[0] && !ended[ended.len() - 1], "{ended:?}");
    assert!(ended.is_sorted_by(|before, after| before >= after), "those furthest behind first: {ended:?}");
    drop(stalled.split_off(1));
    api.delete("kept");
    eventually("it is calm again", || (advice(&mut poller) == 1).then_some(()));
    api.publish("a", "[{\"number\":-1}]");
    assert_eq!(live.message("message")["data"]["number"], -1, "who reads goes on");
    let mut back = Reader::new(server.address(), "a", Start::beginning());
    back.follow_until_count(Transport::WebSocket, ports.len() + 1);
}

/// Publishers that don't wait for each other, readers that catch up, and connections that do nothing, all at once.
#[test]
fn a_flood_and_a_crowd_that_catches_up_stay_in_the_budget() {
    const STORED: usize = 256;
    const READERS: usize = 16;
    const PUBLISHERS: usize = 8;
    const PUBLISHES: usize = 150;
    let server =
        Server::builder().argument("--memory-budget-bytes").argument(format!("{BUDGET_MIB}MiB")).start();
    let mut api = Api::new(server.address());
    api.create("a", &[]);
    api.create("b", &[]);
    let filler = "x".repeat(60 << 10);
    (0..STORED).for_each(|number| {
        api.publish("a", &format!("[{{\"number\":{number},\"filler\":\"{filler}\"}}]"));
    });
    let idle: Vec<Wire> = (0..200).map(|_| Wire::connect(&server)).collect();
    let most = AtomicUsize::new(0);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                most.fetch_max(anonymous_bytes(&server), Ordering::Relaxed);
                tidings_testkit::pause(std::time::Duration::from_millis(10));
            }
        });
        let publishers = (0..PUBLISHERS).map(|_| {
            scope.spawn(|| {
                let mut wire = Wire::connect(&server);
                for number in 0..PUBLISHES {
                    let answer = wire.ask(publish("b", &format!("[{number},\"{filler}\"]")));
                    assert!(matches!(answer.status, 204 | 503), "{}", answer.head);
                }
            })
        });
        let publishers: Vec<_> = publishers.collect();
        let readers = (0..READERS).map(|_| {
            scope.spawn(|| {
                let mut reader = Reader::new(server.address(), "a", Start::beginning());
                reader.follow_until_count(Transport::WebSocket, STORED);
            })
        });
        let readers: Vec<_> = readers.collect();
        let ended = publishers.into_iter().chain(readers).all(|thread| thread.join().is_ok());
        done.store(true, Ordering::Relaxed);
        assert!(ended, "each has all that it wanted");
    });
    let most = most.into_inner();
    eprintln!("at most {} MiB of {BUDGET_MIB}", most >> 20);
    assert!(most <= BUDGET_MIB << 20, "{} MiB", most >> 20);
    drop(idle);
}

/// Over HTTP/2 one connection follows many times and takes nothing: the server holds what it has said until it needs the room.
#[test]
fn who_takes_nothing_over_http2_is_ended_before_the_budget_is_used_up() {
    const MESSAGE_BYTES: usize = 700 << 10;
    const CONNECTIONS: usize = 3;
    let server = server();
    let mut api = Api::new(server.address());
    api.create("a", &[]);
    let mut random = Random(3);
    let mut poller = Wire::connect(&server);
    let mut live = Wire::upgraded(&server, "/v1/stream/a?offset=now");
    live.message("live");
    let mut connections: Vec<_> = (0..CONNECTIONS).map(|_| Http2::connect(&server)).collect();
    let mut follows = 0;
    while advice(&mut poller) < 10 {
        // Each stops at another message, and so pins that one.
        let http2 = &mut connections[follows % CONNECTIONS];
        let follow = http2.get("/v1/stream/a?offset=now&live=sse");
        http2.stall(follow);
        if http2.status(follow) == 503 {
            break;
        }
        follows += 1;
        assert!(follows < 2 * (BUDGET_MIB << 20) / MESSAGE_BYTES, "they pin nothing");
        api.publish("a", &format!("[\"{}\"]", random.text(MESSAGE_BYTES)));
        live.message("message");
    }
    assert!(10 <= advice(&mut poller));
    // The rest goes to what nobody's end would free.
    api.create("kept", &[("Stream-Durability", "memory")]);
    let mut shed = 0;
    for _ in 0..KEPT_BYTES / MESSAGE_BYTES {
        let page = api.expect(200, &Request::get("/metrics")).text();
        let line = page.lines().find_map(|line| line.strip_prefix("tidings_connections_shed_total "));
        shed = line.and_then(|count| count.parse().ok()).expect("it is counted");
        if shed != 0 {
            break;
        }
        api.publish("kept", &format!("[\"{}\"]", random.text(MESSAGE_BYTES)));
        tidings_testkit::pause(std::time::Duration::from_millis(100));
    }
    let most = anonymous_bytes(&server);
    assert!((1..=CONNECTIONS).contains(&shed), "{shed}");
    assert!(most <= BUDGET_MIB << 20, "{} MiB", most >> 20);
    eventually("there is room again", || (advice(&mut poller) < 10).then_some(()));
    api.publish("a", "[1]");
    assert_eq!(live.message("message")["data"], 1, "who reads goes on");
}

/// Peers that take a little of much, now and then, and what they hold is not quite enough to be ended for: they don't keep others out.
#[test]
fn who_takes_little_of_much_keeps_nobody_out_for_as_long_as_they_like() {
    const MESSAGES: usize = 4;
    const MESSAGE_BYTES: usize = 512 << 10;
    let server = server();
    let mut api = Api::new(server.address());
    api.create("a", &[]);
    api.create("large", &[]);
    let mut random = Random(5);
    for _ in 0..MESSAGES {
        api.publish("large", &format!("[\"{}\"]", random.text(MESSAGE_BYTES)));
    }
    let mut poller = Wire::connect(&server);
    let mut live = Wire::upgraded(&server, FOLLOW);
    live.message("live");
    let may_follow = || {
        let answer = Wire::connect(&server).ask(crate::requests::upgrade(FOLLOW));
        assert!(matches!(answer.status, 101 | 503), "{}", answer.head);
        answer.status == 101
    };
    let mut stalled: Vec<Wire> = Vec::new();
    let take_a_little = |stalled: &mut Vec<Wire>| {
        for wire in stalled {
            let _some = wire.socket().set_nonblocking(true);
            let _ended = std::io::Read::read(&mut wire.socket(), &mut [0; 16]);
        }
        tidings_testkit::pause(std::time::Duration::from_millis(100));
    };
    let steadily = |stalled: &mut Vec<Wire>, poller: &mut Wire| {
        (0..20).all(|_| {
            take_a_little(stalled);
            10 <= advice(poller)
        })
    };
    // One after the other; what the reading of a page takes for a moment more goes by.
    while !steadily(&mut stalled, &mut poller) {
        while advice(&mut poller) < 10 {
            let mut wire = Wire::connect(&server);
            rustix::net::sockopt::set_socket_recv_buffer_size(wire.socket(), 4096).expect("a socket has one");
            wire.send(crate::requests::upgrade("/v1/stream/large?offset=-1"));
            stalled.push(wire);
            assert!(stalled.len() < 2 * (BUDGET_MIB << 20) / MESSAGE_BYTES, "they hold nothing");
            tidings_testkit::pause(std::time::Duration::from_millis(20));
        }
    }
    let ended = |api: &mut Api| -> usize {
        let page = api.expect(200, &Request::get("/metrics")).text();
        let line = page.lines().find_map(|line| line.strip_prefix("tidings_connections_shed_total "));
        line.and_then(|count| count.parse().ok()).expect("it is counted")
    };
    assert_eq!((may_follow(), ended(&mut api)), (false, 0), "they keep others out");
    eventually("somebody new may follow", || {
        take_a_little(&mut stalled);
        may_follow().then_some(())
    });
    let ended = ended(&mut api);
    assert!((1..stalled.len()).contains(&ended), "{ended} of {}", stalled.len());
    api.publish("a", "[1]");
    assert_eq!(live.message("message")["data"], 1, "who reads goes on");
}

/// Peers that take nothing of what is large have a room of their own: nobody is advised, refused or ended for them but the likes of them, and those
/// only after a while.
#[test]
fn what_peers_leave_untaken_has_a_room_of_its_own() {
    const MESSAGES: usize = 8;
    const MESSAGE_BYTES: usize = 512 << 10;
    const STALLED: usize = 90;
    let server = Server::builder()
        .setting("--memory-budget-bytes", format!("{BUDGET_MIB}MiB"))
        .setting("--tail-cache-bytes", "1MiB")
        .setting("--workers", "1")
        .start();
    let mut api = Api::new(server.address());
    api.create("large", &[]);
    api.create("a", &[]);
    let mut random = Random(11);
    for _ in 0..MESSAGES {
        api.publish("large", &format!("[\"{}\"]", random.text(MESSAGE_BYTES)));
    }
    let mut live = Wire::upgraded(&server, FOLLOW);
    live.message("live");
    let before = anonymous_bytes(&server);
    let read = "GET /v1/stream/large?offset=-1";
    let stalled = (0..STALLED).map(|number| {
        let mut wire = Wire::connect(&server);
        rustix::net::sockopt::set_socket_recv_buffer_size(wire.socket(), 4096).expect("a socket has one");
        wire.send(match number % 3 {
            0 => format!("{read} HTTP/1.1\r\nHost: a\r\n\r\n").repeat(20),
            1 => format!("{read}&live=sse HTTP/1.1\r\nHost: a\r\n\r\n"),
            _ => crate::requests::upgrade("/v1/stream/large?offset=-1"),
        });
        wire
    });
    let stalled: Vec<Wire> = stalled.collect();
    let mut poller = Wire::connect(&server);
    let full = "GET /v1/stream/large?offset=-1&limit=1 HTTP/1.1\r\nHost: a\r\n\r\n";
    eventually("there is no room for another large answer", || {
        (Wire::connect(&server).ask(full).status == 503).then_some(())
    });
    for number in 0..20 {
        assert_eq!(advice(&mut poller), 1, "it is calm");
        api.publish("a", &format!("[{number}]"));
        assert_eq!(live.message("message")["data"], number);
        let held = Wire::connect(&server)
            .ask("GET /v1/stream/a?offset=now&live=long-poll&timeout=0.1 HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(held.status, 204);
    }
    let grown = anonymous_bytes(&server).saturating_sub(before);
    assert!(grown < 24 << 20, "{} MiB for a room of {}", grown >> 20, BUDGET_MIB / 8);
    // Who reads has its turn: those who don't are ended.
    eventually("somebody who reads is answered", || {
        (Wire::connect(&server).ask(full).status == 200).then_some(())
    });
    let mut back = Reader::new(server.address(), "large", Start::beginning());
    back.follow_until_count(Transport::WebSocket, MESSAGES);
    drop(stalled);
    assert_eq!(advice(&mut poller), 1, "it was calm all the time");
    let log = server.printed();
    assert!(!log.contains("memory: "), "{log}");
}
