//! What was asked of the engine and is not answered yet.

use bytes::Bytes;
use tidings_model::{StreamConfig, StreamName};

/// An operation that is under way. When the process dies nobody knows whether it was done.
pub(crate) struct Asked {
    pub(crate) name: StreamName,
    pub(crate) what: What,
    /// It was asked after the storage had failed: it must not succeed.
    pub(crate) after_failure: bool,
}

pub(crate) enum What {
    Create { first: Vec<Bytes>, config: StreamConfig },
    Publish { messages: Vec<Bytes>, by: By, config: Option<StreamConfig> },
    Close,
    Delete,
}

/// Who publishes, by its place in the world.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// Somebody who does not try again.
    Nobody,
    Producer(usize),
    /// A producer that repeats what was answered already.
    ProducerAgain,
    Key(usize),
}
