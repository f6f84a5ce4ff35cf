//! Decides a publish: whether it is new, a repetition, or refused, in the order of the Durable Streams protocol.

use super::{Decider, Decision, check_text};
use crate::format::{Body, Entry};
use crate::producers::{Producers, Seen};
use crate::staging::Room;
use crate::streams::Stream;
use crate::{Identity, Outcome, ProducerSeq, Publish, Refusal};
use tidings_model::{ContentType, Offset};

impl Decider<'_> {
    /// Decides a publish to a stream that may be missing.
    pub(super) fn publish(&mut self, publish: Publish) -> Result<Decision, Refusal> {
        if publish.messages.is_empty() && !publish.close {
            return Err(Refusal::Empty);
        }
        check_texts(&publish)?;
        let streams = self.streams;
        match streams.named(publish.name.as_str()) {
            Some(stream) if publish.incarnation.is_some_and(|asked| asked != stream.record.incarnation) => {
                Err(Refusal::NotFound)
            }
            Some(stream) if stream.state.closed => self.publish_to_closed(&publish, &stream),
            Some(stream) => self.publish_to(publish, &stream),
            None => self.publish_to_new(publish),
        }
    }

    /// Decides a close without messages. A producer's sequence that was used for messages before is a repetition
    /// of those, and closes nothing.
    pub(super) fn close(&mut self, publish: Publish) -> Result<Decision, Refusal> {
        let mut decision = self.publish(publish)?;
        if let Outcome::Published { tail: Some(tail), duplicate, closed: true, producer, .. } =
            decision.outcome
        {
            decision.outcome = Outcome::Closed { tail, already: duplicate, producer };
        }
        Ok(decision)
    }

    fn publish_to_new(&mut self, mut publish: Publish) -> Result<Decision, Refusal> {
        let config = match publish.create.take() {
            Some(config) if publish.incarnation.is_none() => config,
            _ => return Err(Refusal::NotFound),
        };
        check_content_type(&publish, &config.content_type)?;
        if let Identity::Producer(producer) = &publish.identity {
            Producers::default().check(producer, self.settings.producers_max)?;
        }
        let create = self.creation(publish.name.clone(), config)?;
        let tail = Offset { incarnation: create.incarnation, index: 0 };
        let (append, outcome) = self.append(publish, tail, true)?;
        Ok(Decision { entries: vec![create, append], stream: None, outcome, room: Room::Open })
    }

    fn publish_to(&self, publish: Publish, stream: &Stream<'_>) -> Result<Decision, Refusal> {
        check_content_type(&publish, &stream.record.config.content_type)?;
        if let Seen::Before { end_index } = self.seen(&publish, stream)? {
            return Ok(Decision::nothing(duplicate(&publish, stream, end_index)));
        }
        if let (Some(seq), Some(last)) = (&publish.seq, stream.record.seq())
            && seq.as_bytes() <= last.as_bytes()
        {
            return Err(Refusal::SeqRegressed { last: last.clone() });
        }
        let (append, outcome) = self.append(publish, stream.tail(), false)?;
        Ok(Decision { entries: vec![append], stream: Some(stream.place()), outcome, room: Room::Open })
    }

    /// A closed stream takes nothing new, but who repeats what it took is told so. Among that is the publish or
    /// close that closed it.
    fn publish_to_closed(&self, publish: &Publish, stream: &Stream<'_>) -> Result<Decision, Refusal> {
        let end_index = match self.seen(publish, stream) {
            Ok(Seen::Before { end_index }) => end_index,
            Err(stale @ Refusal::ProducerStale { .. }) if !publish.messages.is_empty() => return Err(stale),
            _ if publish.messages.is_empty() => Some(stream.state.tail_index),
            _ => return Err(Refusal::Closed { tail: stream.tail() }),
        };
        Ok(Decision::nothing(duplicate(publish, stream, end_index)))
    }

    fn seen(&self, publish: &Publish, stream: &Stream<'_>) -> Result<Seen, Refusal> {
        let identities = stream.record.identities();
        match (&publish.identity, identities) {
            (Identity::None, _) | (Identity::Key { .. }, None) => Ok(Seen::New),
            (Identity::Producer(producer), None) => {
                Producers::default().check(producer, self.settings.producers_max)
            }
            (Identity::Producer(producer), Some(identities)) => {
                identities.producers.check(producer, self.settings.producers_max)
            }
            (Identity::Key { key, body_hash }, Some(identities)) => {
                identities.keys.check(key, body_hash, self.now, self.settings)
            }
        }
    }

    fn append(&self, publish: Publish, tail: Offset, created: bool) -> Result<(Entry, Outcome), Refusal> {
        let Publish { messages, seq, identity, close, .. } = publish;
        let end_index = tail.index.saturating_add(messages.len() as u64);
        if Offset::INDEX_MAX < end_index {
            return Err(Refusal::StreamFull);
        }
        let producer = match &identity {
            Identity::Producer(producer) => Some(ProducerSeq { epoch: producer.epoch, seq: producer.seq }),
            Identity::None | Identity::Key { .. } => None,
        };
        let outcome = Outcome::Published {
            tail: Some(Offset { index: end_index, ..tail }),
            duplicate: false,
            created,
            closed: close,
            producer,
        };
        let body = Body::Append { first_index: tail.index, messages, identity, seq, close };
        Ok((Entry { incarnation: tail.incarnation, time: self.now, body }, outcome))
    }
}

fn duplicate(publish: &Publish, stream: &Stream<'_>, end_index: Option<u64>) -> Outcome {
    let producer = match (&publish.identity, stream.record.identities()) {
        (Identity::Producer(producer), Some(identities)) => identities.producers.highest(&producer.id),
        _ => None,
    };
    Outcome::Published {
        tail: end_index.map(|index| Offset { index, ..stream.tail() }),
        duplicate: true,
        created: false,
        closed: stream.state.closed,
        producer,
    }
}

/// A close without messages has no content, and so no type of it.
fn check_content_type(publish: &Publish, stream: &ContentType) -> Result<(), Refusal> {
    match &publish.content_type {
        Some(asked) if !publish.messages.is_empty() && !asked.matches(stream) => {
            Err(Refusal::ContentTypeDiffers { stream: stream.clone() })
        }
        _ => Ok(()),
    }
}

fn check_texts(publish: &Publish) -> Result<(), Refusal> {
    if let Some(seq) = &publish.seq {
        check_text(seq)?;
    }
    match &publish.identity {
        Identity::None => Ok(()),
        Identity::Producer(producer) => check_text(&producer.id),
        Identity::Key { key, .. } => check_text(key),
    }
}
