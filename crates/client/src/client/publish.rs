//! Publishing.

use crate::answer::Answer;
use crate::{Client, Failure};
use bytes::Bytes;
use http::Method;
use tidings_model::{ContentKind, ContentType, Offset, StreamName};
use tidings_protocol::{
    ContentTypeGiven, ErrorCode, PublishIdentity, PublishRequest, header_name, json, stream_path,
};

/// Messages to be published in one step: all of them or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// JSON values for a stream of JSON, as many as the server takes at once; exactly one message for any
    /// other.
    pub messages: Vec<Bytes>,
    /// The content type of the stream.
    pub content_type: ContentType,
    /// Whether to create the stream if it is missing.
    pub create: bool,
    /// By what the server knows a repetition.
    pub identity: PublishIdentity,
    /// Whether to close the stream after these messages.
    pub close: bool,
}

impl Publish {
    /// One message, with nothing else asked.
    pub fn one(content_type: ContentType, message: impl Into<Bytes>) -> Publish {
        let messages = vec![message.into()];
        Publish { messages, content_type, create: false, identity: PublishIdentity::None, close: false }
    }
}

/// A publish that is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// The place after its messages; `None` for an old duplicate of a producer.
    pub offset: Option<Offset>,
    /// Whether it was stored before.
    pub duplicate: bool,
}

/// Why a publish was not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// Nothing to publish, or several messages for a stream that is not JSON. Nothing was sent.
    #[error("a publish holds one message, in streams of JSON one or more; this one holds {count}")]
    MessageCount {
        /// How many it holds.
        count: usize,
    },
    /// As many publishes as may wait are waiting already. Nothing was sent.
    #[error("{limit} publishes wait already")]
    OutboxFull {
        /// The limit.
        limit: usize,
    },
    /// The runtime that sent it has ended. The messages may be stored or not.
    #[error("the publish was given up")]
    GivenUp,
    /// There is no such stream.
    #[error("there is no such stream")]
    StreamNotFound,
    /// The stream is closed.
    #[error("the stream is closed and takes no more messages")]
    Closed {
        /// Its last offset.
        tail: Option<Offset>,
    },
    /// The stream has another content type.
    #[error("the stream has another content type")]
    ContentTypeMismatch,
    /// An earlier publish of this producer is missing.
    #[error("the server does not know what this producer published before (it expects {expected:?})")]
    ProducerGap {
        /// The sequence that must come next, where the server says it.
        expected: Option<u64>,
    },
    /// A newer epoch of this producer is known.
    #[error("another instance of this producer has taken over (epoch {epoch:?})")]
    ProducerStale {
        /// The known epoch.
        epoch: Option<u64>,
    },
    /// The key was used before with other messages.
    #[error("the idempotency key was used before with other messages")]
    IdempotencyConflict,
    /// The exchange failed. If it broke, the messages may be stored or not.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl PublishError {
    /// Whether the same publish may work later.
    pub fn is_retryable(&self) -> bool {
        match self {
            PublishError::ProducerGap { .. } | PublishError::OutboxFull { .. } => true,
            PublishError::Failed(failure) => failure.is_retryable(),
            PublishError::MessageCount { .. }
            | PublishError::GivenUp
            | PublishError::StreamNotFound
            | PublishError::Closed { .. }
            | PublishError::ContentTypeMismatch
            | PublishError::ProducerStale { .. }
            | PublishError::IdempotencyConflict => false,
        }
    }

    fn from_answer(answer: Answer) -> PublishError {
        match answer.code() {
            Some(ErrorCode::StreamClosed) => {
                PublishError::Closed { tail: answer.offset(header_name::STREAM_NEXT_OFFSET) }
            }
            Some(ErrorCode::ContentTypeMismatch) => PublishError::ContentTypeMismatch,
            Some(ErrorCode::ProducerGap) => {
                PublishError::ProducerGap { expected: answer.number(header_name::PRODUCER_EXPECTED_SEQ) }
            }
            Some(ErrorCode::ProducerStale) => {
                PublishError::ProducerStale { epoch: answer.number(header_name::PRODUCER_EPOCH) }
            }
            Some(ErrorCode::IdempotencyConflict) => PublishError::IdempotencyConflict,
            _ if answer.is_stream_missing() => PublishError::StreamNotFound,
            _ => PublishError::Failed(answer.into_failure()),
        }
    }
}

impl Client {
    /// Publishes. Once this returns, the messages are stored.
    pub async fn publish(&self, name: &StreamName, publish: &Publish) -> Result<Published, PublishError> {
        let body = body(publish)?;
        let request = PublishRequest {
            content_type: ContentTypeGiven::Valid(publish.content_type.clone()),
            close: publish.close,
            seq: None,
            identity: publish.identity.clone(),
            create: publish.create,
        };
        let target = format!("{}?{}", stream_path(name), request.to_query());
        let request = self.inner.http.request(Method::POST, &target, &request.to_headers(), body);
        let answer = self.inner.http.ask(request).await?;
        match answer.status {
            200 | 204 => Ok(Published {
                offset: answer.offset(header_name::STREAM_NEXT_OFFSET),
                duplicate: answer.says_true(header_name::STREAM_DUPLICATE),
            }),
            _ => Err(PublishError::from_answer(answer)),
        }
    }
}

/// The body. Several values, and a value that is itself an array, stand in an array: the server takes one
/// level away.
fn body(publish: &Publish) -> Result<Bytes, PublishError> {
    match (publish.content_type.kind(), publish.messages.as_slice()) {
        (ContentKind::Json, [_, ..]) => {
            let mut body = Vec::new();
            json::write_array(&mut body, &publish.messages);
            Ok(body.into())
        }
        (ContentKind::Text | ContentKind::Bytes, [message]) => Ok(message.clone()),
        (_, messages) => Err(PublishError::MessageCount { count: messages.len() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_stays_one_message() {
        let mut publish = Publish::one(ContentType::json(), "[1,2]");
        assert_eq!(body(&publish).unwrap(), "[[1,2]]");
        publish.messages.push("3".into());
        assert_eq!(body(&publish).unwrap(), "[[1,2],3]");
    }

    #[test]
    fn other_streams_take_one_message_at_a_time() {
        let mut publish = Publish::one(ContentType::text(), "a");
        assert_eq!(body(&publish).unwrap(), "a");
        publish.messages.push("b".into());
        assert_eq!(body(&publish), Err(PublishError::MessageCount { count: 2 }));
        publish.messages.clear();
        assert_eq!(body(&publish), Err(PublishError::MessageCount { count: 0 }));
    }

    #[test]
    fn only_a_gap_and_passing_failures_are_retryable() {
        assert!(PublishError::ProducerGap { expected: Some(3) }.is_retryable());
        assert!(PublishError::OutboxFull { limit: 1 }.is_retryable());
        assert!(PublishError::Failed(crate::Unreachable::Ended.into()).is_retryable());
        for error in [
            PublishError::StreamNotFound,
            PublishError::Closed { tail: None },
            PublishError::ContentTypeMismatch,
            PublishError::ProducerStale { epoch: None },
            PublishError::IdempotencyConflict,
            PublishError::MessageCount { count: 0 },
        ] {
            assert!(!error.is_retryable(), "{error}");
        }
    }
}
