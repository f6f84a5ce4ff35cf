//! A publish over a WebSocket: exactly one message.

use crate::json::text::{write_base64, write_string};
use crate::json::{check, parse_string};
use crate::{ErrorCode, Problem, PublishIdentity, write_decimal};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use std::borrow::Cow;
use std::sync::Arc;
use tidings_model::{ContentKind, ContentType, StreamName};

/// One message for one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish<'a> {
    /// By which the answer is known; any text.
    pub id: String,
    /// Where it goes.
    pub stream: StreamName,
    /// The message.
    pub data: PublishData<'a>,
    /// What the stream must be, or is made as.
    pub content_type: Option<ContentType>,
    /// Whether the stream is made if it is missing.
    pub create: bool,
    /// How a repetition is told from a second publish.
    pub identity: PublishIdentity,
    /// As `Stream-Seq`: must rise from publish to publish, byte by byte.
    pub seq: Option<Arc<str>>,
    /// Whether the stream is closed after this message.
    pub close: bool,
}

/// A message as it stands in a frame. What it means depends on the kind of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublishData<'a> {
    /// A JSON value as it was written; for a stream that is not JSON, a string that holds the message.
    Json(Cow<'a, str>),
    /// The base64 of a message.
    Base64(Cow<'a, str>),
}

impl PublishData<'static> {
    /// The form of a message to a stream of that kind. A JSON message must be a JSON value, which is not checked
    /// here; one that is not UTF-8 has no form.
    pub fn of_message(kind: ContentKind, message: &[u8]) -> Option<PublishData<'static>> {
        let as_text = std::str::from_utf8(message);
        let mut out = Vec::with_capacity(message.len() + 2);
        match (kind, as_text) {
            (ContentKind::Json, Ok(value)) => return Some(PublishData::Json(Cow::Owned(value.to_owned()))),
            (ContentKind::Json, Err(_)) => return None,
            (ContentKind::Text, Ok(text)) => {
                write_string(&mut out, text);
                return Some(PublishData::Json(Cow::Owned(String::from_utf8(out).ok()?)));
            }
            (ContentKind::Text, Err(_)) | (ContentKind::Bytes, _) => write_base64(&mut out, message),
        }
        Some(PublishData::Base64(Cow::Owned(String::from_utf8(out).ok()?)))
    }
}

impl PublishData<'_> {
    /// The message for a stream of that kind.
    pub fn to_message(&self, kind: ContentKind) -> Result<Bytes, Problem> {
        let message = match (kind, self) {
            (ContentKind::Json, PublishData::Json(value)) => {
                check(value.as_bytes()).map_err(|invalid| {
                    Problem::new(ErrorCode::InvalidJson, format!("`data` is {invalid}"))
                })?;
                Bytes::copy_from_slice(value.trim_ascii().as_bytes())
            }
            (ContentKind::Json, PublishData::Base64(_)) => {
                return Err(invalid(
                    "a JSON stream takes the JSON value itself as `data`; leave out `encoding`",
                ));
            }
            (ContentKind::Text | ContentKind::Bytes, PublishData::Json(value)) => match parse_string(value) {
                Some(text) => Bytes::copy_from_slice(text.as_bytes()),
                None => {
                    return Err(invalid(
                        "this stream is not JSON: `data` must be a string of whole characters",
                    ));
                }
            },
            (ContentKind::Text | ContentKind::Bytes, PublishData::Base64(text)) => {
                match BASE64_STANDARD.decode(text.as_bytes()) {
                    Ok(bytes) => Bytes::from(bytes),
                    Err(_) => return Err(invalid("`data` must be standard base64 with padding")),
                }
            }
        };
        if message.is_empty() {
            return Err(Problem::new(ErrorCode::EmptyBody, "a message can't be empty"));
        }
        Ok(message)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(br#","data":"#);
        match self {
            PublishData::Json(value) => out.extend_from_slice(value.as_bytes()),
            PublishData::Base64(text) => {
                write_string(out, text);
                out.extend_from_slice(br#","encoding":"base64""#);
            }
        }
    }
}

impl Publish<'_> {
    /// Appends the message without its closing brace.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(br#"{"type":"publish","id":"#);
        write_string(out, &self.id);
        out.extend_from_slice(br#","stream":"#);
        write_string(out, self.stream.as_str());
        self.data.encode(out);
        if let Some(content_type) = &self.content_type {
            out.extend_from_slice(br#","content_type":"#);
            write_string(out, content_type.as_str());
        }
        if self.create {
            out.extend_from_slice(br#","create":true"#);
        }
        write_identity(out, &self.identity);
        if let Some(seq) = &self.seq {
            out.extend_from_slice(br#","seq":"#);
            write_string(out, seq);
        }
        if self.close {
            out.extend_from_slice(br#","close":true"#);
        }
    }
}

fn write_identity(out: &mut Vec<u8>, identity: &PublishIdentity) {
    match identity {
        PublishIdentity::None => {}
        PublishIdentity::Key(key) => {
            out.extend_from_slice(br#","key":"#);
            write_string(out, key);
        }
        PublishIdentity::Producer(producer) => {
            out.extend_from_slice(br#","producer":{"id":"#);
            write_string(out, &producer.id);
            out.extend_from_slice(br#","epoch":"#);
            write_decimal(producer.epoch, out);
            out.extend_from_slice(br#","seq":"#);
            write_decimal(producer.seq, out);
            out.push(b'}');
        }
    }
}

fn invalid(detail: &'static str) -> Problem {
    Problem::new(ErrorCode::InvalidFrame, detail)
}
