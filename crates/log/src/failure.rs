//! The failure that ends a log: a write or a sync that the storage did not do.

use std::io;
use std::sync::{Arc, OnceLock};

/// The storage failed. What it holds is unknown until the log is opened anew, so that nothing is accepted any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the storage has failed: {detail}")]
pub struct StorageFailed {
    /// What was tried and what the storage said, for the server's own log.
    pub detail: Arc<str>,
}

/// Whether a log has failed, shared by all that can find out. Once set it stays.
#[derive(Clone, Default)]
pub(crate) struct Failure(Arc<OnceLock<StorageFailed>>);

impl Failure {
    /// An error if the log has failed before.
    pub(crate) fn check(&self) -> Result<(), StorageFailed> {
        self.0.get().cloned().map_or(Ok(()), Err)
    }

    /// The log fails now, for ever. The first failure is the one that is told.
    pub(crate) fn set(&self, tried: &str, error: &io::Error) -> StorageFailed {
        self.0.get_or_init(|| StorageFailed { detail: format!("{tried}: {error}").into() }).clone()
    }
}
