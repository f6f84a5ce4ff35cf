//! Closing a stream for ever.

use crate::{Client, Failure, Malformed};
use bytes::Bytes;
use http::Method;
use tidings_model::{Offset, StreamName};
use tidings_protocol::{HeaderValue, header_name, stream_path};

/// A stream that is closed now, or was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The last offset there will ever be.
    pub tail: Offset,
}

/// Why a stream could not be closed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloseError {
    /// There is no such stream.
    #[error("there is no such stream")]
    StreamNotFound,
    /// The exchange failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl CloseError {
    /// Whether closing may work later.
    pub fn is_retryable(&self) -> bool {
        match self {
            CloseError::StreamNotFound => false,
            CloseError::Failed(failure) => failure.is_retryable(),
        }
    }
}

impl From<Malformed> for CloseError {
    fn from(malformed: Malformed) -> CloseError {
        CloseError::Failed(malformed.into())
    }
}

impl Client {
    /// Closes a stream. Repeating it does no harm.
    pub async fn close(&self, name: &StreamName) -> Result<Closed, CloseError> {
        let headers = [(header_name::STREAM_CLOSED, HeaderValue::TRUE)];
        let request = self.inner.http.request(Method::POST, &stream_path(name), &headers, Bytes::new());
        let answer = self.inner.http.ask(request).await?;
        match answer.status {
            200 | 204 => Ok(Closed { tail: answer.required_offset(header_name::STREAM_NEXT_OFFSET)? }),
            _ if answer.is_stream_missing() => Err(CloseError::StreamNotFound),
            _ => Err(CloseError::Failed(answer.into_failure())),
        }
    }
}
