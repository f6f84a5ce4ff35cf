//! Who follows is asked about again, and ends when the application has changed its mind.

use crate::webhook::{builder, post, put};
use crate::{ask, get};
use serde_json::json;
use std::time::Duration;
use tidings_testkit::{Deadline, Elsewhere, Event, Follower, Start, Told, Transport, eventually};

fn says(allow: bool) -> impl Fn(&tidings_testkit::Asked) -> Told + Send + 'static {
    move |_| Told::json(&json!({ "allow": allow, "max_age": 1 }))
}

#[test]
fn a_no_in_mid_stream_ends_every_transport_and_a_yes_ends_none() {
    let application = Elsewhere::start(says(true));
    let server = builder(&application, "webhook_events = \"read\"\n").start();
    assert_eq!(ask(&server, &put("a")).status, 201);
    let transports = [Transport::Poll, Transport::LongPoll, Transport::Sse, Transport::WebSocket];
    let mut followers = transports
        .map(|transport| Follower::open(transport, server.address(), "a", &Start::beginning()).unwrap());
    // Each of them is asked about several times.
    eventually("they are asked about again", || (12 <= application.count()).then_some(()));
    assert_eq!(ask(&server, &post("a", "1")).status, 204);
    for follower in &mut followers {
        let event =
            eventually("a message", || match follower.next(Deadline::after(Duration::from_millis(50))) {
                Ok(Some(Event::Message(message))) => Some(message),
                Ok(_) => None,
                Err(error) => panic!("{error}"),
            });
        assert_eq!(event.data, "1");
    }
    application.change(says(false));
    // A second for which the last yes holds, and less than another; the rest is for a slow machine.
    let deadline = Deadline::after(Duration::from_secs(6));
    for (follower, transport) in followers.iter_mut().zip(transports) {
        let ended = loop {
            match follower.next(deadline) {
                Err(error) => break error,
                Ok(Some(_)) => {}
                Ok(None) => panic!("{transport:?} goes on"),
            }
        };
        assert!(!deadline.passed(), "{transport:?}: {ended}");
    }
    assert_eq!(ask(&server, &get("/v1/stream/a")).status, 401);
}

#[test]
fn what_nobody_follows_any_more_is_not_asked_about() {
    let application = Elsewhere::start(says(true));
    let server = builder(&application, "webhook_events = \"read\"\n").start();
    assert_eq!(ask(&server, &put("a")).status, 201);
    let follower = Follower::open(Transport::Sse, server.address(), "a", &Start::beginning()).unwrap();
    eventually("it is asked about", || (2 <= application.count()).then_some(()));
    drop(follower);
    // One question may be on its way, and the end of the connection on its own.
    let mut before = application.count();
    eventually("it is asked about no longer", || {
        tidings_testkit::pause(Duration::from_millis(1_500));
        (std::mem::replace(&mut before, application.count()) == application.count()).then_some(())
    });
}
