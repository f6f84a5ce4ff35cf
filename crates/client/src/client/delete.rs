//! Deleting a stream.

use crate::{Client, Failure};
use bytes::Bytes;
use http::Method;
use tidings_model::StreamName;
use tidings_protocol::stream_path;

/// Why a stream could not be deleted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeleteError {
    /// There is no such stream.
    #[error("there is no such stream")]
    StreamNotFound,
    /// The exchange failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl DeleteError {
    /// Whether deleting may work later.
    pub fn is_retryable(&self) -> bool {
        match self {
            DeleteError::StreamNotFound => false,
            DeleteError::Failed(failure) => failure.is_retryable(),
        }
    }
}

impl Client {
    /// Deletes a stream with all its messages. Its followers get a reset.
    pub async fn delete(&self, name: &StreamName) -> Result<(), DeleteError> {
        let request = self.inner.http.request(Method::DELETE, &stream_path(name), &[], Bytes::new());
        let answer = self.inner.http.ask(request).await?;
        match answer.status {
            200 | 204 => Ok(()),
            _ if answer.is_stream_missing() => Err(DeleteError::StreamNotFound),
            _ => Err(DeleteError::Failed(answer.into_failure())),
        }
    }
}
