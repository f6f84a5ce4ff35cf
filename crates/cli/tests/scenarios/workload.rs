//! What is published, and how it is checked.

use tidings_testkit::{Reader, Server, Start, Transport};

/// The stream of most scenarios.
pub(crate) const STREAM: &str = "host/scenario";

/// Message `n`. Its spaces and its escape have to come back byte for byte.
pub(crate) fn message(n: usize) -> String {
    format!(r#"{{"n": {n},  "text":"é\u00e9\n"}}"#)
}

/// Messages `start` up to but not including `end`.
pub(crate) fn messages(start: usize, end: usize) -> Vec<String> {
    (start..end).map(message).collect()
}

/// The body that publishes them at once.
pub(crate) fn batch(start: usize, end: usize) -> String {
    format!("[{}]", messages(start, end).join(",\n"))
}

/// What is stored, read in pages from the beginning.
pub(crate) fn stored(server: &Server, stream: &str) -> Reader {
    let mut reader = Reader::new(server.address(), stream, Start::beginning());
    reader.catch_up(Transport::Poll);
    reader
}

/// Checks that a reader has received exactly what is stored: nothing lost, doubled or reordered, byte for byte.
pub(crate) fn assert_same(who: &str, reader: &Reader, log: &Reader) {
    let pairs = reader.messages().iter().zip(log.messages());
    if let Some((index, (received, stored))) = pairs.enumerate().find(|(_, (one, two))| one != two) {
        panic!("{who}: message {index} is {received:?} in place of {stored:?}");
    }
    assert_eq!(reader.messages().len(), log.messages().len(), "{who}: the number of messages");
}
