//! Messages, as a reader gets them.

use bytes::Bytes;
use std::borrow::Cow;
use tidings_model::{ContentKind, Offset, Timestamp};
use tidings_protocol::envelope::{Envelope, EnvelopeData};

/// One message of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The place after this message: reading from here goes on with the next one.
    pub offset: Offset,
    /// When the server stored it.
    pub time: Timestamp,
    /// What it holds.
    pub data: Data,
}

/// What a message holds, in the form in which it travels. Of which kind its stream is, a message does not
/// say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// A JSON value, byte for byte; in text streams a JSON string that holds the text.
    Json(Bytes),
    /// Bytes that are not JSON.
    Bytes(Bytes),
}

impl Data {
    /// The JSON text, where it is JSON.
    pub fn as_json(&self) -> Option<&str> {
        match self {
            Data::Json(json) => std::str::from_utf8(json).ok(),
            Data::Bytes(_) => None,
        }
    }

    /// What was published to a stream of that kind; `None` when it can't have been.
    pub fn into_published(self, kind: ContentKind) -> Option<Bytes> {
        let data = match self {
            Data::Json(json) => EnvelopeData::Json(json),
            Data::Bytes(bytes) => EnvelopeData::Bytes(bytes),
        };
        data.into_message(kind)
    }

    /// The message for a person who does not say of which kind the stream is: strings without quotes, other
    /// JSON and bytes as they are.
    pub fn to_plain(&self) -> Bytes {
        match self {
            Data::Json(json) => match self.as_json().and_then(tidings_protocol::json::parse_string) {
                Some(Cow::Borrowed(text)) => json.slice_ref(text.as_bytes()),
                Some(Cow::Owned(text)) => Bytes::from(text),
                None => json.clone(),
            },
            Data::Bytes(bytes) => bytes.clone(),
        }
    }
}

impl From<Envelope> for Message {
    fn from(envelope: Envelope) -> Message {
        Message { offset: envelope.offset, time: envelope.time, data: envelope.data.into() }
    }
}

impl From<EnvelopeData> for Data {
    fn from(data: EnvelopeData) -> Data {
        match data {
            EnvelopeData::Json(json) => Data::Json(json),
            EnvelopeData::Bytes(bytes) => Data::Bytes(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_shown_without_quotes_and_the_rest_as_it_is() {
        let plain = |json: &'static str| Data::Json(Bytes::from_static(json.as_bytes())).to_plain();
        assert_eq!(plain("\"a \\\"b\\\"\""), "a \"b\"");
        assert_eq!(plain("\"line\""), "line");
        assert_eq!(plain("{\"n\": 1}"), "{\"n\": 1}");
        assert_eq!(plain("17"), "17");
        assert_eq!(Data::Bytes(Bytes::from_static(b"\xff")).to_plain(), b"\xff"[..]);
    }

    #[test]
    fn what_was_published_depends_on_the_stream() {
        let data = Data::Json(Bytes::from_static(b"\"a\""));
        assert_eq!(data.clone().into_published(ContentKind::Json).unwrap(), "\"a\"");
        assert_eq!(data.into_published(ContentKind::Text).unwrap(), "a");
        let data = Data::Bytes(Bytes::from_static(b"\0"));
        assert_eq!(data.clone().into_published(ContentKind::Bytes).unwrap(), b"\0"[..]);
        assert_eq!(data.into_published(ContentKind::Json), None);
    }
}
