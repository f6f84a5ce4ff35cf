//! Offsets that can't be continued, and texts that are no offsets.

use crate::workload::{STREAM, batch, message, messages};
use std::time::Duration;
use tidings_testkit::{
    Api, Deadline, Event, FollowError, Follower, Reader, Request, Reset, Server, Start, Transport, eventually,
};

/// Number 6: the stream is deleted and made again; an old offset, smaller or larger than the new tail, gets a reset.
pub(crate) fn made_again_under_the_same_name(transport: Transport) {
    // Longer than it takes to wait for a question and to delete the stream.
    let server = Server::builder().setting("--long-poll-timeout", "3s").start();
    let mut api = Api::new(server.address());
    api.create(STREAM, &[]);
    let old = api.publish(STREAM, &batch(0, 5));
    let mut live = Follower::open(transport, server.address(), STREAM, &Start::after(&old)).unwrap();
    assert_eq!(live.next(Deadline::patient()).unwrap(), Some(Event::Live));
    wait_at_the_tail(&mut live);
    if transport == Transport::LongPoll {
        eventually("it is held", || (held(&mut api) == 1).then_some(()));
    }
    api.delete(STREAM);
    match next_event(&mut live) {
        Ok(event) => assert_eq!(event, Event::Reset(deleted(None, None))),
        // A poll asks after the deletion, and there is no such stream then.
        Err(error) if transport == Transport::Poll => assert_refused(&error, 404, "stream_not_found"),
        Err(error) => panic!("{error}"),
    }

    let begin = api.create(STREAM, &[]);
    for (start, end) in [(0, 2), (2, 20)] {
        let tail = api.publish(STREAM, &batch(start, end));
        let mut follower = Follower::open(transport, server.address(), STREAM, &Start::after(&old)).unwrap();
        let reset = Event::Reset(deleted(Some(begin.clone()), Some(tail)));
        assert_eq!(next_event(&mut follower).unwrap(), reset, "with {end} messages after the 5 old ones");
    }
    let mut reader = Reader::new(server.address(), STREAM, Start::after(&begin));
    reader.follow_until_count(transport, 20);
    assert_eq!(reader.data(), messages(0, 20));
}

/// Number 12: garbage, foreign, future or truncated: a clear refusal or a reset, never "from now".
pub(crate) fn wrong_offsets_are_said_to_be_wrong(transport: Transport) {
    let server = Server::start();
    let mut api = Api::new(server.address());
    let begin = api.create(STREAM, &[]);
    let tail = api.publish(STREAM, &message(0));
    let (incarnation, _) = tail.split_once('_').unwrap();
    let open = |offset: &str| {
        let mut follower =
            Follower::open(transport, server.address(), STREAM, &Start::Offset(offset.to_owned()))?;
        next_event(&mut follower)
    };
    let truncated = &tail[..tail.len() - 1];
    let longer = format!("{tail}0");
    let upper = format!("{}_0000000000000001", incarnation.to_uppercase().replace(char::is_numeric, "A"));
    for wrong in ["", "garbage", "-2", "-1%20", "now%0A", "0", truncated, &longer, &upper, "..%2F", "%00"] {
        let error = open(wrong).expect_err(wrong);
        let status = if transport == Transport::WebSocket { websocket_status(&error) } else { 400 };
        assert_refused(&error, status, "invalid_offset");
    }
    let reset = |reason: &str| {
        Event::Reset(Reset {
            reason: reason.to_owned(),
            earliest: Some(begin.clone()),
            tail: Some(tail.clone()),
        })
    };
    assert_eq!(open("00000000deadbeef_0000000000000001").unwrap(), reset("deleted"), "foreign");
    assert_eq!(open(&format!("{incarnation}_0000000000000002")).unwrap(), reset("ahead"), "future");
    assert_eq!(open(&format!("{incarnation}_9999999999999999")).unwrap(), reset("ahead"), "far future");
}

/// A wrong offset may refuse the upgrade, or be an error frame after it.
fn websocket_status(error: &FollowError) -> u16 {
    match error {
        FollowError::Refused { status, .. } => *status,
        FollowError::Connection(_) | FollowError::Violation(_) => panic!("{error}"),
    }
}

fn assert_refused(error: &FollowError, expected_status: u16, expected_code: &str) {
    match error {
        FollowError::Refused { status, code, .. } => {
            assert_eq!((*status, code.as_str()), (expected_status, expected_code), "{error}");
            assert!(matches!(status, 0 | 400..=499), "{error}");
        }
        FollowError::Connection(_) | FollowError::Violation(_) => panic!("{error}"),
    }
}

fn deleted(earliest: Option<String>, tail: Option<String>) -> Reset {
    Reset { reason: "deleted".to_owned(), earliest, tail }
}

/// Nothing comes for a moment: meanwhile a long poll asks again.
fn wait_at_the_tail(follower: &mut Follower) {
    let moment = Deadline::after(Duration::from_millis(100));
    assert!(matches!(follower.next(moment), Ok(None | Some(Event::Live))));
}

/// Long polls that the server holds.
fn held(api: &mut Api) -> u64 {
    let list = api.expect(200, &Request::get("/v1/streams")).text();
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    list["streams"][0]["followers"]["long-poll"].as_u64().unwrap()
}

/// The next event but `live`, which says nothing about what follows.
fn next_event(follower: &mut Follower) -> Result<Event, FollowError> {
    let deadline = Deadline::patient();
    loop {
        match follower.next(deadline)?.expect("something is said in time") {
            Event::Live => {}
            event @ (Event::Message(_) | Event::Skipped(_) | Event::Reset(_) | Event::Closed) => {
                return Ok(event);
            }
        }
    }
}
