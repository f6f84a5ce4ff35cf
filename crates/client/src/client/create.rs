//! Creating a stream.

use crate::{Client, Failure, Malformed};
use bytes::Bytes;
use http::Method;
use tidings_model::{ContentType, Lifetime, Offset, Retention, StreamConfig, StreamName};
use tidings_protocol::{CreateRequest, ErrorCode, header_name, stream_path};

/// What a stream is created with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateOptions {
    /// What it is. Absent limits come from the server's settings; ages are sent in whole seconds.
    pub config: StreamConfig,
    /// Whether it is closed from the start.
    pub closed: bool,
}

impl CreateOptions {
    /// A stream of that content type, for ever, with the settings of the server.
    pub fn new(content_type: ContentType) -> CreateOptions {
        let (lifetime, retention) = (Lifetime::Forever, Retention::default());
        let config = StreamConfig { content_type, lifetime, retention, durability: None };
        CreateOptions { config, closed: false }
    }
}

/// A stream that is there now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Created {
    /// Its tail.
    pub tail: Offset,
    /// Whether it was there before, with the same configuration.
    pub existed: bool,
    /// Whether it is closed.
    pub closed: bool,
}

/// Why a stream could not be created.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CreateError {
    /// It exists with another configuration.
    #[error("the stream exists with another configuration")]
    Conflict,
    /// The exchange failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl CreateError {
    /// Whether the same creation may work later.
    pub fn is_retryable(&self) -> bool {
        match self {
            CreateError::Conflict => false,
            CreateError::Failed(failure) => failure.is_retryable(),
        }
    }
}

impl From<Malformed> for CreateError {
    fn from(malformed: Malformed) -> CreateError {
        CreateError::Failed(malformed.into())
    }
}

impl Client {
    /// Creates a stream, open or closed from the start. Repeating it does no harm.
    pub async fn create(&self, name: &StreamName, options: CreateOptions) -> Result<Created, CreateError> {
        let headers = CreateRequest { config: options.config, closed: options.closed }.to_headers();
        let request = self.inner.http.request(Method::PUT, &stream_path(name), &headers, Bytes::new());
        let answer = self.inner.http.ask(request).await?;
        match (answer.status, answer.code()) {
            (200 | 201, _) => Ok(Created {
                tail: answer.required_offset(header_name::STREAM_NEXT_OFFSET)?,
                existed: answer.status == 200,
                closed: answer.says_true(header_name::STREAM_CLOSED),
            }),
            (_, Some(ErrorCode::StreamConflict)) => Err(CreateError::Conflict),
            _ => Err(CreateError::Failed(answer.into_failure())),
        }
    }
}
