//! JSON as streams hold it: values that are kept byte for byte.
//!
//! Owns the check of what is published and the array form of what is read. Does not know what a value means.

mod plain;
mod scanner;
pub mod text;

use bytes::Bytes;
use scanner::Scanner;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// How deep the arrays and objects of one message may nest.
pub const DEPTH_MAX: usize = 128;

/// The text is not JSON as RFC 8259 defines it, or has something that many readers can't take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not valid JSON at byte {at}: {what}")]
pub struct InvalidJson {
    /// The first byte that is wrong; the length of the text when it ends too early.
    pub at: usize,
    /// What is wrong there.
    pub what: &'static str,
}

/// Why a body is not a batch of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// Not JSON.
    #[error(transparent)]
    Invalid(InvalidJson),
    /// More messages than may be published at once.
    #[error("more than {count_max} messages at once")]
    TooMany {
        /// The limit.
        count_max: usize,
    },
}

/// The messages of a published body: the elements of a top-level array, else the value alone.
///
/// Each message shares the body's memory, byte for byte, without the white space around it. `[]` has none.
pub fn split_messages(body: &Bytes) -> Result<Vec<Bytes>, InvalidJson> {
    match split_messages_within(body, usize::MAX) {
        Ok(messages) => Ok(messages),
        Err(SplitError::Invalid(invalid)) => Err(invalid),
        Err(SplitError::TooMany { .. }) => unreachable!("no body has that many messages"),
    }
}

/// As [`split_messages`], with a limit that is checked before memory is taken for a message.
pub fn split_messages_within(body: &Bytes, count_max: usize) -> Result<Vec<Bytes>, SplitError> {
    let mut scanner = Scanner::new(body).map_err(SplitError::Invalid)?;
    let mut messages = Vec::new();
    let mut elements = scanner.elements().map_err(SplitError::Invalid)?;
    while let Some(range) = elements.next_range().map_err(SplitError::Invalid)? {
        if count_max <= messages.len() {
            return Err(SplitError::TooMany { count_max });
        }
        messages.push(body.slice(range));
    }
    Ok(messages)
}

/// Checks that a text is exactly one value, with white space around it at most.
pub fn check(text: &[u8]) -> Result<(), InvalidJson> {
    let mut scanner = Scanner::new(text)?;
    scanner.whole_value()?;
    Ok(())
}

/// Appends one array with these messages as its elements.
pub fn write_array<'a>(out: &mut Vec<u8>, messages: impl IntoIterator<Item = &'a Bytes>) {
    out.push(b'[');
    for (index, message) in messages.into_iter().enumerate() {
        if index != 0 {
            out.push(b',');
        }
        out.extend_from_slice(message);
    }
    out.push(b']');
}

/// The text of a JSON string, borrowed where it has no escapes; `None` when `value` is not a string.
pub fn parse_string(value: &str) -> Option<Cow<'_, str>> {
    let inner = value.trim_ascii().strip_prefix('"')?.strip_suffix('"')?;
    match memchr::memchr2(b'\\', b'"', inner.as_bytes()) {
        None if inner.bytes().all(|byte| b' ' <= byte) => Some(Cow::Borrowed(inner)),
        _ => serde_json::from_str(value).ok().map(Cow::Owned),
    }
}

/// For a member that may be absent but whose `null` is a value: serde would take both for `None`.
pub(crate) fn present<'de, D: Deserializer<'de>>(source: D) -> Result<Option<&'de RawValue>, D::Error> {
    Deserialize::deserialize(source).map(Some)
}

#[cfg(test)]
mod tests;
