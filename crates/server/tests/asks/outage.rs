//! The application does not answer, or too late, or too much at a time is asked of it.

use crate::webhook::{Latch, builder, post, put};
use crate::{ask, get};
use serde_json::json;
use std::time::Duration;
use tidings_testkit::{
    Connection, Deadline, Elsewhere, Event, FollowError, Follower, Start, Told, Transport, eventually, pause,
};

const QUICK: &str = "webhook_timeout = \"300ms\"\nwebhook_failures = 2\nwebhook_pause = \"300ms\"\nwebhook_events = \"read\"\n";

fn yes() -> Told {
    Told::json(&json!({ "allow": true, "max_age": 1 }))
}

#[test]
fn what_is_no_answer_permits_nothing() {
    let wrong = [
        Told::Cut,
        Told::Nothing,
        Told::Endless,
        Told::json("yes"),
        Told::json(&json!({ "allow": "true" })),
        Told::status(204),
        Told::Answer(302, "Location: /yes\r\n".to_owned(), Vec::new()),
        Told::Answer(500, String::new(), br#"{"allow":true}"#.to_vec()),
    ];
    let application = Elsewhere::start(|_| yes());
    let server = builder(&application, &QUICK.replace("failures = 2", "failures = 1000")).start();
    for (number, told) in wrong.into_iter().enumerate() {
        let shown = format!("{told:?}");
        application.change(move |_| told.clone());
        let answer = ask(&server, &get(&format!("/v1/stream/{number}")));
        assert_eq!((answer.status, answer.code()), (503, "authority_unavailable".to_owned()), "{shown}");
        assert_eq!(answer.header("Retry-After"), Some("1"));
    }
    application.change(|_| yes());
    assert_eq!(ask(&server, &get("/v1/stream/0")).status, 404);
}

#[test]
fn who_fails_again_and_again_is_left_alone_for_a_while() {
    let application = Elsewhere::start(|_| Told::Cut);
    let server = builder(&application, &QUICK.replace("pause = \"300ms\"", "pause = \"2s\"")).start();
    let mut connection = Connection::open(server.address()).unwrap();
    let mut read = || {
        let answer = connection.ask(&get("/v1/stream/a"), Deadline::patient()).unwrap();
        answer.status
    };
    for _ in 0..20 {
        assert_eq!(read(), 503);
    }
    // More than two only where the machine took two seconds for it.
    let asked = application.count();
    assert!(asked < 8, "{asked}");
    application.change(|_| yes());
    eventually("it is asked again", || (read() == 404).then_some(()));
    assert!(server.printed().contains("answers again"), "{}", server.printed());
}

#[test]
fn the_rules_may_decide_alone_meanwhile() {
    let application = Elsewhere::start(|_| Told::Cut);
    let server = builder(&application, &format!("{QUICK}webhook_when_down = \"allow\"\n")).start();
    assert_eq!(ask(&server, &get("/v1/stream/a")).status, 404);
    application.change(|_| Told::json(&json!({ "allow": false })));
    eventually("it decides again", || (ask(&server, &get("/v1/stream/a")).status == 401).then_some(()));
}

#[test]
fn no_more_questions_wait_than_may() {
    let latch = Latch::default();
    let held = latch.clone();
    let application = Elsewhere::start(move |_| {
        held.wait();
        yes()
    });
    let more = "webhook_max_waiting = 1\nwebhook_timeout = \"30s\"\n";
    let server = builder(&application, more).start();
    let mut first = Connection::open(server.address()).unwrap();
    first.send(&get("/v1/stream/a")).unwrap();
    eventually("it is asked", || (application.count() == 1).then_some(()));
    let answer = ask(&server, &get("/v1/stream/b"));
    assert_eq!((answer.status, answer.code()), (503, "too_busy".to_owned()));
    assert_eq!(answer.header("Retry-After"), Some("1"));
    latch.open();
    assert_eq!(first.answer(&get("/"), Deadline::patient()).unwrap().unwrap().status, 404);
    assert_eq!(ask(&server, &get("/v1/stream/b")).status, 404);
}

#[test]
fn a_server_that_drains_answers_what_has_waited() {
    let latch = Latch::default();
    let held = latch.clone();
    let application = Elsewhere::start(move |_| {
        held.wait();
        yes()
    });
    let mut server = builder(&application, "webhook_timeout = \"30s\"\n").start();
    let targets =
        ["/v1/stream/a", "/v1/stream/b?offset=-1&live=long-poll", "/v1/stream/c?offset=-1&live=sse"];
    let mut waiting: Vec<_> = targets
        .iter()
        .map(|target| {
            let mut connection = Connection::open(server.address()).unwrap();
            connection.send(&get(target)).unwrap();
            connection
        })
        .collect();
    eventually("all are asked", || (application.count() == 3).then_some(()));
    server.ask_to_end();
    // A worker that drains listens no more.
    eventually("it drains", || Connection::open(server.address()).is_err().then_some(()));
    latch.open();
    for connection in &mut waiting {
        let answer = connection.answer(&get("/"), Deadline::patient()).unwrap().unwrap();
        assert_eq!(answer.status, 404, "{}", answer.text());
        assert_eq!(answer.header("Connection"), Some("close"));
    }
    assert!(server.wait().success());
}

/// The next event, or the error with which the follower ends.
fn next(follower: &mut Follower) -> Result<Event, FollowError> {
    loop {
        if let Some(event) = follower.next(Deadline::patient())? {
            return Ok(event);
        }
    }
}

#[test]
fn nothing_is_lost_while_the_application_is_away() {
    let application = Elsewhere::start(|_| yes());
    let server = builder(&application, QUICK).start();
    // A stream each, from its beginning: a read that waits finds out where `now` is when it has waited.
    let streams = [(Transport::Sse, "s"), (Transport::LongPoll, "l"), (Transport::WebSocket, "w")];
    for (transport, stream) in streams {
        assert_eq!(ask(&server, &put(stream)).status, 201);
        let mut follower = Follower::open(transport, server.address(), stream, &Start::beginning()).unwrap();
        assert_eq!(ask(&server, &post(stream, "1")).status, 204);
        let mut seen = Vec::new();
        let mut take = |event: Event| {
            if let Event::Message(message) = event {
                seen.push((message.offset.clone(), message.data.clone()));
            }
            seen.len()
        };
        while take(next(&mut follower).unwrap()) < 1 {}
        application.change(|_| Told::Cut);
        // Its leave ends, and nobody can give it another.
        while next(&mut follower).is_ok() {}
        let offset = follower.offset().unwrap().to_owned();
        for number in 2..5 {
            assert_eq!(ask(&server, &post(stream, &number.to_string())).status, 204);
        }
        application.change(|_| yes());
        let deadline = Deadline::patient();
        while seen.len() < 4 {
            assert!(!deadline.passed(), "{transport:?}: {seen:?}");
            let offset = seen.last().map_or(offset.clone(), |(offset, _)| offset.clone());
            let opened = Follower::open(transport, server.address(), stream, &Start::after(&offset));
            let Ok(mut follower) = opened else {
                pause(Duration::from_millis(50));
                continue;
            };
            while let Ok(event) = next(&mut follower) {
                if let Event::Message(message) = event {
                    seen.push((message.offset.clone(), message.data.clone()));
                }
                if seen.len() == 4 {
                    break;
                }
            }
        }
        let data: Vec<_> = seen.iter().map(|(_, data)| &**data).collect();
        assert_eq!(data, ["1", "2", "3", "4"], "{transport:?}");
    }
}
