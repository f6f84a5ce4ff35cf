//! Decides what an operation does, from the streams as all operations before it leave them. Changes nothing.

mod publish;

use crate::format::{Body, Entry};
use crate::staging::Room;
use crate::streams::{Place, Staged, Stream};
use crate::{Identity, LogSettings, Operation, Outcome, Publish, Refusal, TEXT_BYTES_MAX, Trim};
use bytes::Bytes;
use tidings_model::{Incarnation, Lifetime, Offset, StreamConfig, StreamName, Timestamp};

/// What an operation does.
pub(crate) struct Decision {
    /// What to write, in one frame; empty if nothing changes.
    pub(crate) entries: Vec<Entry>,
    /// The stream that the first entry changes, unless that makes it.
    pub(crate) stream: Option<Place>,
    /// What to tell once it is written.
    pub(crate) outcome: Outcome,
    /// Which part of the storage it may use.
    pub(crate) room: Room,
}

/// What operations are decided by.
pub(crate) struct Decider<'a> {
    pub(crate) streams: Staged<'a>,
    pub(crate) settings: &'a LogSettings,
    pub(crate) now: Timestamp,
    /// For the stream that may be made.
    pub(crate) new_incarnation: &'a mut dyn FnMut() -> Incarnation,
}

/// What the creation of a stream says.
struct Creation {
    name: StreamName,
    config: StreamConfig,
    first: Vec<Bytes>,
    close: bool,
}

impl Decision {
    fn nothing(outcome: Outcome) -> Decision {
        Decision { entries: Vec::new(), stream: None, outcome, room: Room::Open }
    }
}

impl Decider<'_> {
    /// Decides one operation.
    pub(crate) fn decide(&mut self, operation: Operation) -> Result<Decision, Refusal> {
        match operation {
            Operation::Create { name, config, first, close } => {
                self.create(Creation { name, config, first, close })
            }
            Operation::Publish(publish) => self.publish(publish),
            Operation::Close { name, producer } => self.close(Publish {
                name,
                incarnation: None,
                create: None,
                content_type: None,
                messages: Vec::new(),
                seq: None,
                identity: producer.map_or(Identity::None, Identity::Producer),
                close: true,
            }),
            Operation::Delete { name, incarnation } => self.delete(&name, incarnation),
            Operation::Trim(trim) => self.trim(trim),
        }
    }

    fn create(&mut self, creation: Creation) -> Result<Decision, Refusal> {
        let Creation { name, config, first, close } = creation;
        if let Some(stream) = self.streams.named(name.as_str()) {
            return if same(&stream, &config, close) {
                let incarnation = stream.record.incarnation;
                let (tail, closed) = (stream.tail(), stream.state.closed);
                Ok(Decision::nothing(Outcome::Existed { incarnation, tail, closed }))
            } else {
                Err(Refusal::ConfigDiffers)
            };
        }
        let create = self.creation(name, config)?;
        let incarnation = create.incarnation;
        let tail = Offset { incarnation, index: first.len() as u64 };
        let mut entries = vec![create];
        if close || !first.is_empty() {
            let body =
                Body::Append { first_index: 0, messages: first, identity: Identity::None, seq: None, close };
            entries.push(Entry { incarnation, time: self.now, body });
        }
        let outcome = Outcome::Created { incarnation, tail, closed: close };
        Ok(Decision { entries, stream: None, outcome, room: Room::Open })
    }

    /// The entry that makes a stream whose name is free.
    fn creation(&mut self, name: StreamName, config: StreamConfig) -> Result<Entry, Refusal> {
        if self.settings.streams_max <= self.streams.count() {
            return Err(Refusal::TooManyStreams);
        }
        if let Lifetime::Until { text, .. } = &config.lifetime {
            check_text(text)?;
        }
        // A random identity that a stream has already is as good as impossible, but would mix up two streams.
        let incarnation = loop {
            let incarnation = (self.new_incarnation)();
            if !self.streams.has(incarnation) {
                break incarnation;
            }
        };
        Ok(Entry { incarnation, time: self.now, body: Body::Create { name, config } })
    }

    fn delete(&self, name: &StreamName, incarnation: Option<Incarnation>) -> Result<Decision, Refusal> {
        let stream = self.streams.named(name.as_str()).ok_or(Refusal::NotFound)?;
        let found = stream.record.incarnation;
        if incarnation.is_some_and(|asked| asked != found) {
            return Err(Refusal::NotFound);
        }
        let entry = Entry { incarnation: found, time: self.now, body: Body::Delete };
        let outcome = Outcome::Deleted { incarnation: found };
        Ok(Decision { entries: vec![entry], stream: Some(stream.place()), outcome, room: Room::Reserve })
    }

    fn trim(&self, trim: Trim) -> Result<Decision, Refusal> {
        let Trim { incarnation, earliest_index, freed_bytes, oldest } = trim;
        let stream = self.streams.stream(incarnation).ok_or(Refusal::NotFound)?;
        let state = stream.state;
        let earliest_index = earliest_index.min(state.tail_index);
        if earliest_index <= state.earliest_index {
            return Ok(Decision::nothing(Outcome::Trimmed));
        }
        let nothing_left = earliest_index == state.tail_index;
        let kept_bytes = if nothing_left { 0 } else { state.bytes.saturating_sub(freed_bytes) };
        let oldest = oldest.filter(|_| !nothing_left).unwrap_or_default();
        let body = Body::Trim { earliest_index, kept_bytes, oldest };
        let entry = Entry { incarnation, time: self.now, body };
        let (stream, outcome) = (Some(stream.place()), Outcome::Trimmed);
        Ok(Decision { entries: vec![entry], stream, outcome, room: Room::Reserve })
    }
}

/// Whether a stream is what its creation would make again.
fn same(stream: &Stream<'_>, config: &StreamConfig, close: bool) -> bool {
    let own = &stream.record.config;
    own.content_type.matches(&config.content_type)
        && own.lifetime == config.lifetime
        && own.retention == config.retention
        && own.durability == config.durability
        && stream.state.closed == close
}

fn check_text(text: &str) -> Result<(), Refusal> {
    if TEXT_BYTES_MAX < text.len() { Err(Refusal::TooLarge) } else { Ok(()) }
}
