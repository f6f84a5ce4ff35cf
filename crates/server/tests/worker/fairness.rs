//! Nobody starves: deliveries under many pollers, odd requests under many deliveries, everybody under floods.

use crate::process::is_stopped;
use crate::requests::{FOLLOW, OPTIONS, POLL, get, publish};
use crate::wire::Wire;
use rustix::process::{Pid, Signal, kill_process};
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tidings_testkit::{Api, Server, eventually};

/// Generous, for builds without optimisation on busy machines: starvation takes seconds, or for ever.
const STARVED: Duration = Duration::from_secs(2);

#[expect(clippy::disallowed_methods, reason = "how long the server takes is what these tests are about")]
fn now() -> Instant {
    Instant::now()
}

/// One worker, so that there is nobody else to do the work.
fn server_with_a_stream() -> (Server, Api) {
    let server = Server::builder().argument("--workers").argument("1").start();
    let mut api = Api::new(server.address());
    api.create("a", &[]);
    (server, api)
}

/// The longest of all but the slowest hundredth.
fn p99(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[(times.len() - 1) * 99 / 100]
}

#[test]
fn deliveries_are_prompt_while_pollers_hammer() {
    let (server, mut api) = server_with_a_stream();
    api.create("b", &[]);
    let mut followers: Vec<_> = (0..200).map(|_| Wire::upgraded(&server, FOLLOW)).collect();
    for wire in &mut followers {
        wire.message("live");
    }
    let stop = AtomicBool::new(false);
    let mut times = Vec::new();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                // Eight connections a thread, each always with a request on its way.
                let mut wires: Vec<_> = (0..8).map(|_| Wire::connect(&server)).collect();
                let poll = get("/v1/stream/b?offset=-1");
                while !stop.load(Ordering::Relaxed) {
                    for wire in &mut wires {
                        wire.send(&poll);
                    }
                    for wire in &mut wires {
                        assert_eq!(wire.answer().status, 200);
                    }
                }
            });
        }
        for number in 0..20 {
            let began = now();
            api.publish("a", &number.to_string());
            for wire in &mut followers {
                assert_eq!(wire.message("message")["data"], number);
                times.push(began.elapsed());
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    let p99 = p99(times);
    assert!(p99 < STARVED, "{p99:?}");
}

#[test]
fn odd_requests_are_answered_while_a_stream_floods() {
    let (server, mut api) = server_with_a_stream();
    let followers: Vec<_> = (0..100).map(|_| Wire::upgraded(&server, FOLLOW)).collect();
    let stop = AtomicBool::new(false);
    let mut times = Vec::new();
    thread::scope(|scope| {
        for mut wire in followers {
            let stop = &stop;
            scope.spawn(
                move || while !stop.load(Ordering::Relaxed) && wire.message("message")["data"] != "end" {},
            );
        }
        scope.spawn(|| {
            let batch = format!("[{}]", ["\"flood\""; 100].join(","));
            while !stop.load(Ordering::Relaxed) {
                api.publish("a", &batch);
            }
            api.publish("a", "\"end\"");
        });
        let mut wire = Wire::connect(&server);
        for _ in 0..50 {
            let began = now();
            assert_eq!(wire.ask(OPTIONS).status, 204);
            times.push(began.elapsed());
        }
        stop.store(true, Ordering::Relaxed);
    });
    let p99 = p99(times);
    assert!(p99 < STARVED, "{p99:?}");
}

#[test]
fn a_thousand_floods_of_requests_keep_nobody_waiting() {
    let (server, _) = server_with_a_stream();
    let flood = POLL.repeat((64 << 10) / POLL.len());
    let mut wires: Vec<_> = (0..1_000).map(|_| Wire::connect(&server)).collect();
    let mut patient = Wire::connect(&server);
    let mut counts = Vec::new();
    for wire in &mut wires {
        wire.socket().set_nonblocking(true).expect("a socket has this option");
        // A kernel that takes less than all keeps the test as good.
        counts.push(wire.socket().write(flood.as_bytes()).expect("there is room") / POLL.len());
        wire.socket().set_nonblocking(false).expect("a socket has this option");
    }
    let began = now();
    assert_eq!(patient.ask(POLL).status, 200);
    assert_eq!(patient.ask(OPTIONS).status, 204);
    let waited = began.elapsed();
    // Several times what a machine takes whose two cores run all other tests beside this one.
    assert!(waited < 10 * STARVED, "{waited:?}");
    for (count, wire) in counts.iter().zip(&mut wires).step_by(50) {
        for _ in 0..*count {
            assert_eq!(wire.answer().status, 200);
        }
    }
}

#[test]
fn a_thousand_connections_with_90_kb_each_are_all_answered() {
    const EACH_BYTES: usize = 90 << 10;
    let (server, _) = server_with_a_stream();
    // Long ones, so that the answers fit into what the kernel keeps for a peer that sends first and reads then.
    let padding = format!("Host: t\r\nX: {}\r\n", "x".repeat(900));
    let poll = POLL.replacen("Host: t\r\n", &padding, 1);
    let count = EACH_BYTES / poll.len();
    let mut wires: Vec<_> = (0..1_000).map(|_| Wire::connect(&server)).collect();
    for wire in &mut wires {
        wire.send(poll.repeat(count));
    }
    for wire in &mut wires {
        for _ in 0..count {
            assert_eq!(wire.answer().status, 200);
        }
    }
}

/// A thousand are in the middle of a request, and all of them end it in the same moment: who is not comes before them, also as the last one.
/// The stream tells who came when.
#[test]
fn who_has_said_everything_comes_before_a_thousand_who_have_not() {
    const OTHERS: usize = 1_000;
    const ROUNDS: usize = 3;
    if std::env::var("TIDINGS_EVENT_LOOP").is_ok_and(|word| word == "portable") {
        // It has one queue.
        return;
    }
    let (server, mut api) = server_with_a_stream();
    let pid = i32::try_from(server.process_id()).ok().and_then(Pid::from_raw).expect("a process has an id");
    let signal = |signal| kill_process(pid, signal).expect("a process that we started can be signalled");
    let mut known = Wire::connect(&server);
    let mut others: Vec<_> = (0..OTHERS).map(|_| Wire::connect(&server)).collect();
    let mut places = Vec::new();
    for round in 0..ROUNDS {
        let stream = format!("round-{round}");
        api.create(&stream, &[("Stream-Durability", "memory")]);
        let request = publish(&stream, "\"other\"");
        let (beginning, rest) = request.split_at(request.len() - 1);
        // In two pieces: one that is not all is nothing unusual.
        for piece in [&beginning[..20], &beginning[20..]] {
            for wire in &mut others {
                wire.send(piece);
            }
            tidings_testkit::pause(Duration::from_millis(200));
        }
        assert_eq!(known.ask(POLL).status, 200);
        // All of this is read, and nothing of it is on a list any more.
        tidings_testkit::pause(Duration::from_millis(300));
        signal(Signal::STOP);
        eventually("the server stands still", || is_stopped(&server).then_some(()));
        for wire in &mut others {
            wire.send(rest);
        }
        known.send(publish(&stream, "\"known\""));
        signal(Signal::CONT);
        assert_eq!(known.answer().status, 204);
        for wire in &mut others {
            assert_eq!(wire.answer().status, 204, "each has its turn");
        }
        let page = known.ask(get(&format!("/v1/stream/{stream}?offset=-1"))).text();
        let names: Vec<String> = serde_json::from_str(&page).expect("it is JSON");
        assert_eq!(names.len(), OTHERS + 1);
        places.extend(names.iter().position(|name| name == "known"));
    }
    assert!(places.iter().all(|place| *place == 0), "of {OTHERS} so many come first: {places:?}");
}
