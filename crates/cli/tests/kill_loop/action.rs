//! What a writer asks for, as plain data: it can be asked again, word for word, when the answer was lost.

use crate::messages::batch;
use crate::streams::Streams;
use tidings_testkit::Request;

/// Something that changes a stream.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    Publish(Publish),
    Create { stream: usize },
    Delete { stream: usize },
}

/// A publish that is stored once, however often it is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Publish {
    pub(crate) stream: usize,
    pub(crate) identity: Identity,
    pub(crate) numbers: Vec<u64>,
    /// The index after it, once that was acknowledged.
    pub(crate) end: Option<u64>,
}

/// How the server knows it again.
#[derive(Clone, Debug)]
pub(crate) enum Identity {
    Producer { id: String, seq: u64 },
    Key(String),
}

impl Action {
    pub(crate) fn stream(&self) -> usize {
        match self {
            Action::Publish(publish) => publish.stream,
            Action::Create { stream } | Action::Delete { stream } => *stream,
        }
    }

    pub(crate) fn request(&self, streams: &Streams) -> Request {
        let path = streams.at(self.stream()).path();
        match self {
            Action::Create { .. } => Request::new("PUT", path).header("Content-Type", "application/json"),
            Action::Delete { .. } => Request::new("DELETE", path),
            Action::Publish(publish) => {
                publish.identity.on(Request::post(path)).json(batch(&publish.numbers))
            }
        }
    }
}

impl Identity {
    fn on(&self, request: Request) -> Request {
        match self {
            Identity::Key(key) => request.header("Idempotency-Key", &**key),
            Identity::Producer { id, seq } => request
                .header("Producer-Id", &**id)
                .header("Producer-Epoch", "0")
                .header("Producer-Seq", seq.to_string()),
        }
    }

    pub(crate) fn is_key(&self) -> bool {
        matches!(self, Identity::Key(_))
    }

    /// The status of a publish that was not there before.
    pub(crate) fn stored_status(&self) -> u16 {
        match self {
            Identity::Producer { .. } => 200,
            Identity::Key(_) => 204,
        }
    }
}
