//! Envelopes: messages with their offset and time, as `envelope=true` and the WebSocket give them.
//!
//! Knows how each content kind stands in a JSON member. Does not know which transport carries it.

use crate::json::parse_string;
use crate::json::text::{write_base64, write_offset, write_string, write_time};
use crate::rfc3339::parse_rfc3339;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use tidings_model::{ContentKind, Offset, Timestamp};

/// Appends one envelope. `offset` is the one after the message.
pub fn write_envelope(out: &mut Vec<u8>, kind: ContentKind, offset: Offset, time: Timestamp, data: &[u8]) {
    out.extend_from_slice(br#"{"offset":"#);
    write_offset(out, offset);
    write_time_and_data(out, kind, time, data);
    out.push(b'}');
}

/// Appends an array of envelopes, of messages each with the offset after it and its time.
pub fn write_envelopes<'a>(
    out: &mut Vec<u8>,
    kind: ContentKind,
    messages: impl IntoIterator<Item = (Offset, Timestamp, &'a [u8])>,
) {
    out.push(b'[');
    for (index, (offset, time, data)) in messages.into_iter().enumerate() {
        if index != 0 {
            out.push(b',');
        }
        write_envelope(out, kind, offset, time, data);
    }
    out.push(b']');
}

/// Appends `,"time":…,"data":…` and `,"encoding":"base64"` where it is needed: what each form has in common.
pub(crate) fn write_time_and_data(out: &mut Vec<u8>, kind: ContentKind, time: Timestamp, data: &[u8]) {
    out.extend_from_slice(br#","time":"#);
    write_time(out, time);
    write_data(out, kind, data);
}

/// Appends `,"data":…` and the encoding.
pub(crate) fn write_data(out: &mut Vec<u8>, kind: ContentKind, data: &[u8]) {
    out.extend_from_slice(br#","data":"#);
    match kind {
        ContentKind::Json => out.extend_from_slice(data),
        ContentKind::Text => match simdutf8::basic::from_utf8(data) {
            Ok(text) => write_string(out, text),
            Err(_) => write_base64_data(out, data),
        },
        ContentKind::Bytes => write_base64_data(out, data),
    }
}

fn write_base64_data(out: &mut Vec<u8>, data: &[u8]) {
    out.push(b'"');
    write_base64(out, data);
    out.extend_from_slice(br#"","encoding":"base64""#);
}

/// One message as a reader gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Where to go on after it.
    pub offset: Offset,
    /// When the server stored it.
    pub time: Timestamp,
    /// The message.
    pub data: EnvelopeData,
}

/// A message in its envelope. Which kind the stream has, the envelope does not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvelopeData {
    /// A JSON value, byte for byte; in a text stream a JSON string that holds the text.
    Json(Bytes),
    /// The message itself, that travelled as base64.
    Bytes(Bytes),
}

impl EnvelopeData {
    /// The message as it was published to a stream of that kind; `None` when it can't be one.
    pub fn into_message(self, kind: ContentKind) -> Option<Bytes> {
        match (self, kind) {
            (EnvelopeData::Bytes(bytes), ContentKind::Text | ContentKind::Bytes) => Some(bytes),
            (EnvelopeData::Json(json), ContentKind::Json) => Some(json),
            (EnvelopeData::Json(json), ContentKind::Text | ContentKind::Bytes) => {
                let text = parse_string(std::str::from_utf8(&json).ok()?)?;
                Some(match text {
                    Cow::Borrowed(text) => json.slice_ref(text.as_bytes()),
                    Cow::Owned(text) => Bytes::from(text),
                })
            }
            (EnvelopeData::Bytes(_), ContentKind::Json) => None,
        }
    }

    /// From the members of an envelope; `source` is the memory that `data` stands in.
    pub(crate) fn from_members(
        source: &Bytes,
        data: &RawValue,
        encoding: Option<&str>,
    ) -> Result<EnvelopeData, InvalidEnvelope> {
        match encoding {
            None => Ok(EnvelopeData::Json(source.slice_ref(data.get().as_bytes()))),
            Some("base64") => {
                let text = parse_string(data.get()).ok_or(InvalidEnvelope::Data)?;
                let bytes = BASE64_STANDARD.decode(text.as_bytes()).map_err(|_| InvalidEnvelope::Data)?;
                Ok(EnvelopeData::Bytes(bytes.into()))
            }
            Some(_) => Err(InvalidEnvelope::Encoding),
        }
    }
}

/// Why a text is not an array of envelopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEnvelope {
    /// It is not an array of objects with the members of an envelope.
    #[error("not an array of objects with `offset`, `time` and `data`")]
    Shape,
    /// `offset` is not a token.
    #[error("the `offset` of an envelope is not a token")]
    Offset,
    /// `time` is not a point in time.
    #[error("the `time` of an envelope is not RFC 3339")]
    Time,
    /// `data` is not what `encoding` says.
    #[error("the `data` of an envelope is not base64 as its `encoding` says")]
    Data,
    /// `encoding` is not known.
    #[error("the `encoding` of an envelope is not one that this version knows")]
    Encoding,
}

/// Reads an array of envelopes. Messages that travelled as JSON share its memory.
pub fn parse_envelopes(body: &Bytes) -> Result<Vec<Envelope>, InvalidEnvelope> {
    let all: Vec<Members<'_>> = serde_json::from_slice(body).map_err(|_| InvalidEnvelope::Shape)?;
    all.into_iter().map(|members| members.read(body)).collect()
}

#[derive(Deserialize)]
struct Members<'a> {
    offset: String,
    time: String,
    #[serde(borrow)]
    data: &'a RawValue,
    encoding: Option<String>,
}

impl Members<'_> {
    fn read(self, body: &Bytes) -> Result<Envelope, InvalidEnvelope> {
        Ok(Envelope {
            offset: Offset::parse(&self.offset).map_err(|_| InvalidEnvelope::Offset)?,
            time: parse_rfc3339(&self.time).ok_or(InvalidEnvelope::Time)?,
            data: EnvelopeData::from_members(body, self.data, self.encoding.as_deref())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidings_model::Incarnation;

    const TIME: Timestamp = Timestamp(1_795_428_000_000);

    fn offset(index: u64) -> Offset {
        Offset { incarnation: Incarnation::of_disk(0xabc), index }
    }

    fn written(kind: ContentKind, data: &[u8]) -> String {
        let mut out = Vec::new();
        write_envelope(&mut out, kind, offset(7), TIME, data);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_envelope_reads_as_documented() {
        let head =
            r#"{"offset":"0000000000000abc_0000000000000007","time":"2026-11-23T10:00:00.000Z","data":"#;
        for (kind, data, rest) in [
            (ContentKind::Json, &b"{\"n\": 1}"[..], r#"{"n": 1}}"#),
            (ContentKind::Text, b"a\"\n", r#""a\"\n"}"#),
            (ContentKind::Text, b"\xff", r#""/w==","encoding":"base64"}"#),
            (ContentKind::Bytes, b"abc", r#""YWJj","encoding":"base64"}"#),
        ] {
            assert_eq!(written(kind, data), format!("{head}{rest}"));
        }
    }

    #[test]
    fn envelopes_keep_their_order() {
        for count in 0..3_u64 {
            let mut out = Vec::new();
            let messages = (1..=count).map(|index| (offset(index), TIME, &b"{}"[..]));
            write_envelopes(&mut out, ContentKind::Json, messages);
            let envelopes = parse_envelopes(&Bytes::from(out)).unwrap();
            let indexes: Vec<u64> = envelopes.iter().map(|envelope| envelope.offset.index).collect();
            assert_eq!(indexes, (1..=count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn any_message_reads_back() {
        for (kind, message) in [
            (ContentKind::Json, &b"[null,\n1]"[..]),
            (ContentKind::Json, b"null"),
            (ContentKind::Text, "h\u{e9} \"\u{1}\r\n".as_bytes()),
            (ContentKind::Text, b"\xff\xfe"),
            (ContentKind::Bytes, b"\x00"),
        ] {
            let body = Bytes::from(format!("[{}]", written(kind, message)));
            let [envelope] = parse_envelopes(&body).unwrap().try_into().unwrap();
            assert_eq!((envelope.offset, envelope.time), (offset(7), TIME));
            assert_eq!(envelope.data.into_message(kind).as_deref(), Some(message));
        }
    }

    #[test]
    fn what_is_wrong_with_an_envelope_is_named() {
        let good = written(ContentKind::Bytes, b"abc");
        let refusal = |text: String| parse_envelopes(&Bytes::from(format!("[{text}]"))).unwrap_err();
        assert_eq!(refusal("7".to_owned()), InvalidEnvelope::Shape);
        assert_eq!(refusal(good.replace("data", "body")), InvalidEnvelope::Shape);
        assert_eq!(refusal(good.replace("0000000000000abc", "x")), InvalidEnvelope::Offset);
        assert_eq!(refusal(good.replace("2026", "now")), InvalidEnvelope::Time);
        assert_eq!(refusal(good.replace("YWJj", "!")), InvalidEnvelope::Data);
        assert_eq!(refusal(good.replace("base64", "rot13")), InvalidEnvelope::Encoding);
    }

    #[test]
    fn a_message_that_can_not_be_of_the_kind_is_none() {
        let json = EnvelopeData::Json(Bytes::from_static(b"{}"));
        assert_eq!(json.into_message(ContentKind::Text), None);
        let bytes = EnvelopeData::Bytes(Bytes::from_static(b"{}"));
        assert_eq!(bytes.into_message(ContentKind::Json), None);
    }
}
