//! Readers and retention.

use crate::workload::{STREAM, message, messages};
use std::time::Duration;
use tidings_testkit::{
    Api, Deadline, Event, Follower, Reader, Reset, Server, Start, Transport, eventually, pause,
};

/// Number 3: receive one, stay idle past the retention, drop while one is published, resume: exactly that one comes.
pub(crate) fn idle_past_the_retention(transport: Transport) {
    let server = Server::start();
    let mut api = Api::new(server.address());
    api.create(STREAM, &[("Stream-Retention-Age", "2")]);
    let first = api.publish(STREAM, &message(0));
    let mut reader = Reader::new(server.address(), STREAM, Start::beginning());
    reader.follow_until_count(transport, 1);
    reader.follow_while(transport, Deadline::after(Duration::from_secs(3)), |_| false);
    eventually("the message is trimmed", || (earliest(&mut api) == first).then_some(()));
    api.publish(STREAM, &message(1));
    pause(Duration::from_millis(300)); // The scenario's own drop: long enough for a server that forgets the unconnected.
    reader.follow_until_count(transport, 2);
    assert_eq!(reader.data(), messages(0, 2));
}

/// Number 4: an offset equal to the earliest is accepted; one below it gets one reset.
pub(crate) fn the_earliest_offset_is_good(transport: Transport) {
    const KEPT: usize = 3;
    const PUBLISHED: usize = 10;
    let server = Server::start();
    let mut api = Api::new(server.address());
    api.create(STREAM, &[("Stream-Retention-Count", "3")]);
    let offsets: Vec<String> = (0..PUBLISHED).map(|n| api.publish(STREAM, &message(n))).collect();
    let earliest_index = PUBLISHED - KEPT - 1;
    eventually("it keeps three", || (earliest(&mut api) == offsets[earliest_index]).then_some(()));

    let mut reader = Reader::new(server.address(), STREAM, Start::after(&offsets[earliest_index]));
    reader.follow_until_count(transport, KEPT);
    assert_eq!(reader.data(), messages(PUBLISHED - KEPT, PUBLISHED));

    let below = Start::after(&offsets[earliest_index - 1]);
    let mut follower = Follower::open(transport, server.address(), STREAM, &below).unwrap();
    let trimmed = Reset {
        reason: "trimmed".to_owned(),
        earliest: Some(offsets[earliest_index].clone()),
        tail: Some(offsets[PUBLISHED - 1].clone()),
    };
    assert_eq!(follower.next(Deadline::patient()).unwrap(), Some(Event::Reset(trimmed.clone())));
    let mut again = Reader::new(server.address(), STREAM, Start::after(&trimmed.earliest.unwrap()));
    again.follow_until_count(transport, KEPT);
}

fn earliest(api: &mut Api) -> String {
    api.head(STREAM).header("stream-earliest-offset").expect("HEAD names the earliest offset").to_owned()
}
