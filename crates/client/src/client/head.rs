//! What a stream is, without its messages.

use crate::answer::Answer;
use crate::{Client, Failure, Malformed};
use bytes::Bytes;
use http::Method;
use std::time::Duration;
use tidings_model::{ContentType, Durability, Offset, Retention, StreamName};
use tidings_protocol::{header_name, stream_path};

/// What a stream is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamHead {
    /// What its messages are.
    pub content_type: ContentType,
    /// The offset after its last message.
    pub tail: Offset,
    /// The offset before the first message that it keeps.
    pub earliest: Option<Offset>,
    /// Whether nothing will ever be added.
    pub closed: bool,
    /// Seconds without a reader or a publish after which it ends (`Stream-TTL`).
    pub ttl_s: Option<u64>,
    /// When it ends, RFC 3339 as it was given (`Stream-Expires-At`).
    pub expires_at: Option<String>,
    /// What it keeps.
    pub retention: Retention,
    /// What an acknowledgement means.
    pub durability: Option<Durability>,
}

/// Why a stream could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// There is no such stream.
    #[error("there is no such stream")]
    StreamNotFound,
    /// The exchange failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl HeadError {
    /// Whether looking again may work later.
    pub fn is_retryable(&self) -> bool {
        match self {
            HeadError::StreamNotFound => false,
            HeadError::Failed(failure) => failure.is_retryable(),
        }
    }
}

impl From<Malformed> for HeadError {
    fn from(malformed: Malformed) -> HeadError {
        HeadError::Failed(malformed.into())
    }
}

impl Client {
    /// Looks at a stream. That does not count as access.
    pub async fn head(&self, name: &StreamName) -> Result<StreamHead, HeadError> {
        let request = self.inner.http.request(Method::HEAD, &stream_path(name), &[], Bytes::new());
        let answer = self.inner.http.ask(request).await?;
        match answer.status {
            200 => Ok(StreamHead::from_answer(&answer)?),
            404 => Err(HeadError::StreamNotFound),
            _ => Err(HeadError::Failed(answer.into_failure())),
        }
    }
}

impl StreamHead {
    fn from_answer(answer: &Answer) -> Result<StreamHead, Malformed> {
        let content_type = answer.header(header_name::CONTENT_TYPE).unwrap_or(ContentType::DEFAULT);
        Ok(StreamHead {
            content_type: ContentType::parse(content_type)
                .map_err(|invalid| Malformed(invalid.to_string()))?,
            tail: answer.required_offset(header_name::STREAM_NEXT_OFFSET)?,
            earliest: answer.offset(header_name::STREAM_EARLIEST_OFFSET),
            closed: answer.says_true(header_name::STREAM_CLOSED),
            ttl_s: answer.number(header_name::STREAM_TTL),
            expires_at: answer.header(header_name::STREAM_EXPIRES_AT).map(str::to_owned),
            retention: Retention {
                age: answer.number(header_name::STREAM_RETENTION_AGE).map(Duration::from_secs),
                bytes: answer.number(header_name::STREAM_RETENTION_BYTES),
                count: answer.number(header_name::STREAM_RETENTION_COUNT),
            },
            durability: answer.header(header_name::STREAM_DURABILITY).and_then(Durability::parse),
        })
    }
}
