//! Peers that send or take one byte at a time: they cost others nothing, and have their time.

use crate::process::descriptors;
use crate::requests::{OPTIONS, POLL, publish};
use crate::wire::Wire;
use std::io::Write;
use std::time::{Duration, Instant};
use tidings_testkit::{Api, Server, eventually, pause};

#[expect(clippy::disallowed_methods, reason = "how long the server takes is what these tests are about")]
fn now() -> Instant {
    Instant::now()
}

/// How a connection begins; the bytes that follow, one each round, over and over; and what is answered in the end,
/// behind so many other answers.
struct Slow {
    begins: String,
    drips: &'static [u8],
    answers_before: usize,
    status: Option<u16>,
}

const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);

fn slow(begins: impl Into<String>, drips: &'static [u8]) -> Slow {
    Slow { begins: begins.into(), drips, answers_before: 0, status: Some(408) }
}

/// Everything that can be sent slowly, to either front.
fn kinds() -> Vec<Slow> {
    const POST: &str = "POST /v1/stream/a HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n";
    let behind =
        |before: &str, begins: &str| Slow { answers_before: 1, ..slow([before, begins].concat(), b"x") };
    vec![
        Slow { status: None, ..slow("", b"") },
        slow("GET", b"T"),
        slow("\r\n", b"\r\n"),
        slow("GET /v1/stream/a HTTP/1.1\r\nX: ", b"x"),
        slow("PUT /v1/stream/a HTTP/1.1\r\nX: ", b"y\r\nX: "),
        slow("PRI * HTTP/2.0\r\n\r\nSM", b""),
        slow(format!("{POST}Content-Length: 60000\r\n\r\n"), b" "),
        slow(format!("{POST}Content-Length: 600000\r\n\r\n"), b" "),
        slow(format!("{POST}Transfer-Encoding: chunked\r\n\r\n"), b"1\r\n \r\n"),
        slow(format!("{POST}Transfer-Encoding: chunked\r\n\r\n0;"), b"x"),
        slow(format!("{POST}Transfer-Encoding: chunked\r\n\r\n0\r\nX: "), b"y\r\nX: "),
        Slow {
            answers_before: 1, // 100 Continue
            ..slow(format!("{POST}Content-Length: 600\r\nExpect: 100-continue\r\n\r\n"), b" ")
        },
        behind(POLL, "GET /"),
        behind(OPTIONS, "GET /"),
        behind(OPTIONS, "DELETE /v1/stream/"),
    ]
}

#[test]
fn a_thousand_slow_senders_keep_nobody_waiting_and_have_their_time() {
    let server = Server::builder().argument("--request-timeout").argument("3s").start();
    Api::new(server.address()).create("a", &[]);
    let before = descriptors(&server);
    let kinds = kinds();
    let mut patient = Wire::connect(&server);
    let began = now();
    let mut wires: Vec<(Wire, &Slow, Option<Duration>)> = Vec::new();
    for index in 0..1_000 {
        let kind = &kinds[index % kinds.len()];
        let mut wire = Wire::connect(&server);
        wire.send(&kind.begins);
        for _ in 0..kind.answers_before {
            assert!(matches!(wire.answer().status, 100 | 200 | 204), "{}", kind.begins);
        }
        wire.socket().set_nonblocking(true).expect("a socket has this option");
        wires.push((wire, kind, None));
    }
    let all_sent = began.elapsed();
    let mut longest = Duration::ZERO;
    for round in 0.. {
        for (wire, kind, ended) in wires.iter_mut().filter(|(.., ended)| ended.is_none()) {
            // The answer, or the end.
            if wire.socket().peek(&mut [0]).is_ok() {
                *ended = Some(began.elapsed());
            } else if !kind.drips.is_empty() {
                let _full_or_gone = wire.socket().write(&kind.drips[round % kind.drips.len()..][..1]);
            }
        }
        let asked = now();
        assert_eq!(patient.ask(POLL).status, 200);
        assert_eq!(patient.ask(OPTIONS).status, 204);
        longest = longest.max(asked.elapsed());
        if wires.iter().all(|(.., ended)| ended.is_some()) {
            break;
        }
        assert!(began.elapsed() < all_sent + 4 * REQUEST_TIMEOUT, "some still wait");
        pause(Duration::from_millis(30));
    }
    // Many times what it takes, on a machine that runs all other tests beside this one.
    assert!(longest < Duration::from_secs(2), "{longest:?}");
    for (mut wire, kind, ended) in wires {
        let ended = ended.expect("the loop above saw it");
        assert!(REQUEST_TIMEOUT <= ended + Duration::from_millis(50), "{ended:?}: {}", kind.begins);
        assert!(ended < all_sent + REQUEST_TIMEOUT + Duration::from_secs(3), "{ended:?}: {}", kind.begins);
        wire.socket().set_nonblocking(false).expect("a socket has this option");
        if let Some(status) = kind.status {
            let answer = wire.answer();
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (status, "request_timeout"),
                "{}",
                kind.begins
            );
            assert_eq!(answer.field("connection"), Some("close"), "{}", kind.begins);
        }
        wire.expect_end();
    }
    eventually("all of them are gone", || (descriptors(&server) <= before + 1).then_some(()));
}

#[test]
fn who_takes_nothing_of_an_answer_is_cut_off_whichever_front_answers() {
    let server = Server::builder().argument("--keep-alive-timeout").argument("1s").start();
    let mut api = Api::new(server.address());
    api.create("a", &[]);
    api.publish("a", &format!("\"{}\"", "x".repeat(1_000_000)));
    drop(api);
    let base = eventually("the harness's own connection is gone", || {
        let count = descriptors(&server);
        pause(Duration::from_millis(100));
        (descriptors(&server) == count).then_some(count)
    });
    let odd = POLL.replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n");
    let wires: Vec<_> = (0..20)
        .map(|index| {
            let mut wire = Wire::connect(&server);
            // More than what the kernel keeps for both sides.
            wire.send(if index % 2 == 0 { POLL.repeat(40) } else { odd.repeat(40) });
            wire
        })
        .collect();
    for wire in &wires {
        // What has come of the answer stays where it is.
        assert_eq!(wire.socket().peek(&mut [0]).expect("it is answered"), 1);
    }
    eventually("all of them are gone", || (descriptors(&server) <= base + 1).then_some(()));
    // Nobody else has suffered.
    assert_eq!(Wire::connect(&server).ask(POLL).status, 200);
}

/// What has arrived of requests waits in memory for the rest: so much of it together, and a head of the usual size in any case.
#[test]
fn beginnings_of_requests_have_a_limit_together() {
    const BODY_BYTES: usize = 60_000;
    const ROOM_BYTES: usize = 256 << 10;
    const CONNECTIONS: usize = 10;
    let server = Server::builder()
        .setting("--workers", "1")
        .setting("--max-message-bytes", "64KiB")
        .setting("--request-memory-bytes", ROOM_BYTES.to_string())
        .start();
    let mut api = Api::new(server.address());
    api.create("a", &[]);
    let body = format!("\"{}\"", "x".repeat(BODY_BYTES - 2));
    let request = publish("a", &body);
    let (beginning, rest) = request.split_at(request.len() - 1);
    let begin = || {
        let mut wire = Wire::connect(&server);
        wire.send(beginning);
        wire
    };
    let mut wires: Vec<Wire> = std::iter::repeat_with(begin).take(CONNECTIONS).collect();
    let is_answered = |wire: &Wire| wire.socket().peek(&mut [0]).is_ok();
    for wire in &wires {
        wire.socket().set_nonblocking(true).expect("a socket has this option");
    }
    let fit = ROOM_BYTES / BODY_BYTES;
    eventually("those for whom there is no room are told", || {
        let refused = wires.iter().filter(|wire| is_answered(wire)).count();
        (CONNECTIONS - fit <= refused).then_some(())
    });
    assert_eq!(Wire::connect(&server).ask(POLL).text(), "[]", "what is small has room");
    let (refused, waiting): (Vec<_>, Vec<_>) = wires.drain(..).partition(is_answered);
    assert_eq!(waiting.len(), fit);
    for mut wire in refused {
        wire.socket().set_nonblocking(false).expect("a socket has this option");
        let answer = wire.answer();
        assert_eq!((answer.status, answer.code().as_str()), (503, "too_busy"), "{}", answer.head);
    }
    for mut wire in waiting {
        wire.socket().set_nonblocking(false).expect("a socket has this option");
        wire.send(rest);
        assert_eq!(wire.answer().status, 204);
    }
    assert_eq!(begin().ask(rest).status, 204, "there is room again");
}
