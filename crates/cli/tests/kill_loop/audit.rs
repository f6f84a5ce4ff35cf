//! Whether what a server shows after a restart is what was acknowledged, when nobody writes.

use crate::action::{Action, Publish};
use crate::messages::number_of;
use crate::place::Place;
use crate::streams::{Stream, Streams};
use crate::truth::Truth;
use serde_json::Value;
use std::collections::HashMap;
use std::net::SocketAddr;
use tidings_testkit::{Api, Reader, Request, Start, Transport, eventually};

/// A stream in the list of the server.
#[derive(Debug)]
struct Listed {
    earliest: Place,
    tail: Place,
}

/// Checks all streams by the list, and by offsets that must not work any more; those that `is_read` chooses message by message.
///
/// What is under way may have happened, as a whole, or not. What is seen to have happened must be there from now on.
pub(crate) fn audit(
    address: SocketAddr,
    streams: &Streams,
    under_way: &[&Action],
    is_read: impl Fn(usize) -> bool,
) {
    let mut api = Api::new(address);
    let mut listed = list(&mut api);
    for (index, stream) in streams.iter() {
        let here: Vec<&Action> = under_way.iter().copied().filter(|it| it.stream() == index).collect();
        let mut truth = stream.truth();
        match listed.remove(&stream.name) {
            None => on_missing(stream, &here, &mut truth),
            Some(found) => on_listed(stream, &found, &here, &mut truth),
        }
        refuses_what_is_gone(&mut api, stream, &truth);
        if is_read(index) && truth.incarnation.is_some() {
            read(address, stream, &here, &mut truth);
        }
    }
    assert!(listed.is_empty(), "nobody has made {listed:?}");
}

/// Checks that streams keep exactly as much as they were asked to.
pub(crate) fn trimmed_as_asked(address: SocketAddr, streams: &Streams) {
    let mut api = Api::new(address);
    for (stream, keeps) in streams.iter().filter_map(|(_, stream)| Some((stream, stream.keeps?))) {
        eventually("retention trims what is left", || {
            let head = api.head(&stream.name);
            let [earliest, tail] =
                ["stream-earliest-offset", "stream-next-offset"].map(|name| Place::of(&head, name).index);
            (earliest == tail.saturating_sub(keeps)).then_some(())
        });
    }
}

fn list(api: &mut Api) -> HashMap<String, Listed> {
    let answer = api.expect(200, &Request::get(format!("/v1/streams?prefix={}&limit=1000", Streams::PREFIX)));
    let page: Value = serde_json::from_slice(&answer.body).unwrap();
    let mut listed = HashMap::new();
    for stream in page["streams"].as_array().unwrap() {
        let text = |member: &str| stream[member].as_str().unwrap();
        let found = Listed { earliest: Place::parse(text("earliest")), tail: Place::parse(text("tail")) };
        let twice = listed.insert(text("name").to_owned(), found);
        assert!(twice.is_none(), "{} is listed twice", text("name"));
    }
    listed
}

fn on_missing(stream: &Stream, here: &[&Action], truth: &mut Truth) {
    let may_be_gone = here.iter().any(|action| matches!(action, Action::Delete { .. }));
    assert!(may_be_gone || truth.incarnation.is_none(), "{} is lost", stream.name);
    truth.on_deleted();
}

fn on_listed(stream: &Stream, found: &Listed, here: &[&Action], truth: &mut Truth) {
    let name = &stream.name;
    let may_be_new = here.iter().any(|action| matches!(action, Action::Create { .. }));
    assert!(may_be_new || truth.incarnation.is_some(), "{name} was deleted, and is back: {found:?}");
    truth.on_created(&found.earliest);
    let open_count: usize = publishes(here, truth).iter().map(|publish| publish.numbers.len()).sum();
    let [earliest, tail] = [found.earliest.index, found.tail.index];
    assert!(truth.earliest <= earliest, "{name}: trimmed before {}, and now {found:?}", truth.earliest);
    assert!(truth.tail <= tail, "{name}: went to {}, and now {found:?}", truth.tail);
    assert!(tail <= truth.tail + open_count as u64, "{name}: {} and {open_count}, {found:?}", truth.tail);
    let gone_max = stream.keeps.map_or(0, |keeps| tail.saturating_sub(keeps));
    assert!(earliest <= gone_max, "{name} is trimmed too far: {found:?}");
    truth.on_told(&found.earliest, &found.tail);
}

/// The publishes that may be stored without anybody knowing.
fn publishes<'a>(here: &[&'a Action], truth: &Truth) -> Vec<&'a Publish> {
    let publish = |action: &&'a Action| match action {
        Action::Publish(publish) => Some(publish).filter(|publish| !truth.knows(publish.numbers[0])),
        Action::Create { .. } | Action::Delete { .. } => None,
    };
    here.iter().filter_map(publish).collect()
}

/// Trimmed messages, and the streams that had the name before, are not given out.
fn refuses_what_is_gone(api: &mut Api, stream: &Stream, truth: &Truth) {
    let mut reason = |token: String| {
        let answer = api.ask(&Request::get(format!("{}?offset={token}", stream.path()))).unwrap();
        (answer.status, answer.header("stream-reset").map(str::to_owned))
    };
    if let Some(incarnation) = truth.incarnation.as_ref().filter(|_| 0 < truth.earliest) {
        let trimmed = reason(Place::token(incarnation, truth.earliest - 1));
        assert_eq!(trimmed, (410, Some("trimmed".to_owned())), "{}", stream.name);
    }
    if let Some(ended) = truth.an_ended() {
        let told = reason(Place::token(ended, 0));
        let deleted = (410, Some("deleted".to_owned()));
        let expected = if truth.incarnation.is_some() { deleted } else { (404, None) };
        assert_eq!(told, expected, "{}", stream.name);
    }
}

/// Reads all of a stream, whose list entry has just been checked.
fn read(address: SocketAddr, stream: &Stream, here: &[&Action], truth: &mut Truth) {
    let mut reader = Reader::new(address, &stream.name, Start::beginning());
    reader.catch_up(Transport::Poll);
    assert_eq!(reader.messages().len() as u64, truth.tail - truth.earliest, "{}", stream.name);
    let mut unknown = Vec::new();
    for (index, message) in (truth.earliest..).zip(reader.messages()) {
        let end = Place::parse(&message.offset);
        truth.expect_same(&end);
        assert_eq!(end.index, index + 1, "{}", stream.name);
        let number = number_of(&message.data);
        let number = number.unwrap_or_else(|| panic!("{}: not what was published: {message:?}", stream.name));
        match truth.number_at(index) {
            Some(known) => assert_eq!(number, known, "{}: message {index}", stream.name),
            None => unknown.push((number, end)),
        }
    }
    for publish in publishes(here, truth) {
        on_found(publish, &mut unknown, truth);
    }
    assert!(unknown.is_empty(), "{}: nobody has published {unknown:?}", stream.name);
}

/// Takes a publish out of what was read: all its messages, one after the other, or none.
fn on_found(publish: &Publish, unknown: &mut Vec<(u64, Place)>, truth: &mut Truth) {
    let Some(start) = unknown.iter().position(|(number, _)| *number == publish.numbers[0]) else { return };
    let end = start + publish.numbers.len();
    assert!(end <= unknown.len(), "a part of {publish:?}");
    let (numbers, ends): (Vec<u64>, Vec<Place>) = unknown.drain(start..end).unzip();
    assert_eq!(numbers, publish.numbers, "not the messages of one publish in their order");
    // `ends` may jump where other messages are known; then the truth finds another message in its place.
    truth.on_stored(&numbers, &ends[numbers.len() - 1]);
}
