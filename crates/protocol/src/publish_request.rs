//! What a `POST` asks for besides its body.
//!
//! Knows "Publish" in `docs/protocol.md`. Does not know the stream it goes to, or what was published before.

mod identity;

pub use identity::{Producer, PublishIdentity, check_key, check_producer_id, check_stream_seq};

use crate::header_value::HeaderValue;
use crate::headers::Headers;
use crate::query::{parameters, parse_switch};
use crate::{ErrorCode, Problem, header_name};
use std::sync::Arc;
use tidings_model::ContentType;

/// A publish, without its messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishRequest {
    /// What the body is said to be.
    pub content_type: ContentTypeGiven,
    /// Whether the stream is closed after these messages.
    pub close: bool,
    /// `Stream-Seq`: must rise from publish to publish, byte by byte.
    pub seq: Option<Arc<str>>,
    /// How a repetition is told from a second publish.
    pub identity: PublishIdentity,
    /// Whether the stream is made if it is missing.
    pub create: bool,
}

/// What a request says about the type of its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContentTypeGiven {
    /// Nothing.
    Absent,
    /// Something that is not a content type, or more than one.
    Invalid,
    /// A content type.
    Valid(ContentType),
}

impl ContentTypeGiven {
    /// Reads the header.
    pub fn parse(headers: &(impl Headers + ?Sized)) -> ContentTypeGiven {
        match headers.single_text(header_name::CONTENT_TYPE) {
            Ok(None) => ContentTypeGiven::Absent,
            Ok(Some(text)) => {
                ContentType::parse(text).map_or(ContentTypeGiven::Invalid, ContentTypeGiven::Valid)
            }
            Err(_) => ContentTypeGiven::Invalid,
        }
    }

    /// The content type of a publish to a stream that exists.
    pub fn required(&self) -> Result<&ContentType, Problem> {
        match self {
            ContentTypeGiven::Valid(content_type) => Ok(content_type),
            ContentTypeGiven::Absent => Err(Problem::new(
                ErrorCode::ContentTypeRequired,
                "send the stream's `Content-Type`, such as application/json",
            )),
            ContentTypeGiven::Invalid => Err(Problem::new(
                ErrorCode::InvalidHeader,
                "send one `Content-Type` of the form type/subtype, such as application/json",
            )),
        }
    }

    /// The content type of a stream that this publish is to make. It refuses what `curl -d` sends by itself:
    /// the stream would have that type for ever.
    pub fn for_creation(&self) -> Result<&ContentType, Problem> {
        let content_type = self.required()?;
        if content_type.matches(&ContentType::parse(FORM).expect("a content type")) {
            return Err(Problem::new(
                ErrorCode::ContentTypeRefused,
                "say what the messages are: curl -H 'Content-Type: application/json' --data-binary …",
            ));
        }
        Ok(content_type)
    }
}

/// What `curl -d` sends by itself.
const FORM: &str = "application/x-www-form-urlencoded";

impl PublishRequest {
    /// Reads the query and headers of a `POST`.
    pub fn parse(query: &str, headers: &(impl Headers + ?Sized)) -> Result<PublishRequest, Problem> {
        let mut create = None;
        for parameter in parameters(query) {
            if parameter.name == "create" {
                parameter.keep(&mut create, ErrorCode::InvalidParameter)?;
            }
        }
        let seq = headers.single_text(header_name::STREAM_SEQ)?.map(check_stream_seq).transpose()?;
        Ok(PublishRequest {
            content_type: ContentTypeGiven::parse(headers),
            close: headers.says_true(header_name::STREAM_CLOSED),
            seq: seq.map(Arc::from),
            identity: PublishIdentity::parse(headers)?,
            create: parse_switch("create", create.as_deref())?,
        })
    }

    /// The headers that ask for this. `create` stands in the query.
    pub fn to_headers(&self) -> Vec<(&'static str, HeaderValue)> {
        let mut headers = Vec::new();
        if let ContentTypeGiven::Valid(content_type) = &self.content_type {
            headers.push((header_name::CONTENT_TYPE, content_type.into()));
        }
        match &self.identity {
            PublishIdentity::None => {}
            PublishIdentity::Producer(producer) => {
                headers.push((header_name::PRODUCER_ID, HeaderValue::text(&producer.id)));
                headers.push((header_name::PRODUCER_EPOCH, producer.epoch.into()));
                headers.push((header_name::PRODUCER_SEQ, producer.seq.into()));
            }
            PublishIdentity::Key(key) => {
                headers.push((header_name::IDEMPOTENCY_KEY, HeaderValue::text(key)));
            }
        }
        if self.close {
            headers.push((header_name::STREAM_CLOSED, HeaderValue::TRUE));
        }
        if let Some(seq) = &self.seq {
            headers.push((header_name::STREAM_SEQ, HeaderValue::text(seq)));
        }
        headers
    }

    /// The query that asks for this, without `?`.
    pub fn to_query(&self) -> &'static str {
        if self.create { "create=true" } else { "" }
    }
}

#[cfg(test)]
mod tests;
