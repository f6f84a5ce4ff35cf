//! Publishers that try again until they are answered: idempotent producers, and holders of a key.

use bytes::Bytes;
use std::sync::Arc;
use tidings_engine::{Identity, Producer};
use tidings_model::StreamName;

/// An idempotent producer, with what it must remember to try again.
pub(crate) struct ProducerState {
    pub(crate) id: Arc<str>,
    pub(crate) name: StreamName,
    pub(crate) epoch: u64,
    /// The next sequence that is not answered.
    pub(crate) next: u64,
    /// What it published as that.
    pub(crate) unanswered: Option<Vec<Bytes>>,
    /// What it published before that.
    pub(crate) last: Option<Vec<Bytes>>,
    pub(crate) in_flight: bool,
}

impl ProducerState {
    pub(crate) fn new(id: &str, name: StreamName) -> ProducerState {
        ProducerState {
            id: id.into(),
            name,
            epoch: 0,
            next: 0,
            unanswered: None,
            last: None,
            in_flight: false,
        }
    }

    pub(crate) fn identity(&self, seq: u64) -> Identity {
        Identity::Producer(Producer { id: Arc::clone(&self.id), epoch: self.epoch, seq })
    }

    /// The pending publish was stored, now or before.
    pub(crate) fn on_accepted(&mut self) {
        self.in_flight = false;
        self.last = self.unanswered.take();
        self.next += 1;
    }

    /// It was refused for good, because the stream is another one: a new session begins.
    pub(crate) fn on_refused(&mut self) {
        self.in_flight = false;
        self.unanswered = None;
        self.last = None;
        self.next = 0;
        self.epoch += 1;
    }
}

/// Messages with an idempotency key.
pub(crate) struct Keyed {
    pub(crate) name: StreamName,
    pub(crate) key: Arc<str>,
    pub(crate) messages: Vec<Bytes>,
}

impl Keyed {
    pub(crate) fn identity(&self) -> Identity {
        let mut body_hash = [0; 16];
        for (index, byte) in self.messages.iter().flatten().enumerate() {
            body_hash[index % 16] ^= byte;
        }
        Identity::Key { key: Arc::clone(&self.key), body_hash }
    }
}
