//! What the owner of the log may ask of it.

use bytes::Bytes;
use std::sync::Arc;
use tidings_model::{ContentType, Incarnation, StreamConfig, StreamName, Timestamp};

/// One change, all of which happens or nothing. See [`Log::stage`](crate::Log::stage).
#[derive(Clone, Debug)]
pub enum Operation {
    /// Makes a stream. One of the same name and config stays as it is.
    Create {
        /// Its name.
        name: StreamName,
        /// What it is made with.
        config: StreamConfig,
        /// Messages that it has from its first moment; may be empty.
        first: Vec<Bytes>,
        /// Whether it is closed from its first moment, after those messages.
        close: bool,
    },
    /// Appends messages.
    Publish(Publish),
    /// Ends a stream for publishers, for ever. Done already is done.
    Close {
        /// Which stream.
        name: StreamName,
        /// Who closes it; counts as one sequence of that producer.
        producer: Option<Producer>,
    },
    /// Removes a stream with all its messages.
    Delete {
        /// Which stream.
        name: StreamName,
        /// If given, only when the name still means that one.
        incarnation: Option<Incarnation>,
    },
    /// Moves the beginning of a stream forward; never back, and never beyond the tail.
    Trim(Trim),
}

impl Operation {
    /// The name of the stream that it is about, if it says one.
    pub fn name(&self) -> Option<&StreamName> {
        match self {
            Operation::Create { name, .. }
            | Operation::Close { name, .. }
            | Operation::Delete { name, .. } => Some(name),
            Operation::Publish(publish) => Some(&publish.name),
            Operation::Trim(_) => None,
        }
    }
}

/// What goes from the beginning of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trim {
    /// Which stream.
    pub incarnation: Incarnation,
    /// The first message that is kept.
    pub earliest_index: u64,
    /// Bytes of the messages that go, as far as the caller knows.
    pub freed_bytes: u64,
    /// When the first message that is kept was stored, if the caller knows.
    pub oldest: Option<Timestamp>,
}

/// Messages for one stream, with all that decides whether they are taken.
#[derive(Clone, Debug)]
pub struct Publish {
    /// Which stream.
    pub name: StreamName,
    /// If given, only when the name still means that one.
    pub incarnation: Option<Incarnation>,
    /// If given, a missing stream is made with this, in the same entry of the log.
    pub create: Option<StreamConfig>,
    /// If given, must match the stream's.
    pub content_type: Option<ContentType>,
    /// The messages; may be empty only with `close`.
    pub messages: Vec<Bytes>,
    /// The `Stream-Seq`, which must be greater than the last one by byte order.
    pub seq: Option<Arc<str>>,
    /// How a repetition of this publish is known.
    pub identity: Identity,
    /// Whether the stream is closed after these messages, in the same entry of the log.
    pub close: bool,
}

/// How a repetition of a publish is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// Not at all: a repetition is stored again.
    None,
    /// By the sequence of its producer.
    Producer(Producer),
    /// By an idempotency key.
    Key {
        /// The key.
        key: Arc<str>,
        /// A hash of the messages, so that others with the same key are refused.
        body_hash: [u8; 16],
    },
}

/// An idempotent producer and the place of a publish in its sequence.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Producer {
    /// Who.
    pub id: Arc<str>,
    /// Which session of it; a newer one fences off the older.
    pub epoch: u64,
    /// Which publish of that session, from zero.
    pub seq: u64,
}
