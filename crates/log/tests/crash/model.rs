//! What a log should hold, as plain lists.

use crate::run::NOW;
use crate::workload::BODY_HASH;
use bytes::Bytes;
use std::collections::BTreeMap;
use tidings_log::{
    Identity, Log, Operation, Outcome, Publish, ReadLimit, Remembered, RememberedKey, RememberedProducer,
    Trim,
};
use tidings_model::{Incarnation, Offset};

/// All streams by name.
pub(crate) type Model = BTreeMap<String, ModelStream>;

/// One stream.
#[derive(Clone, Debug)]
pub(crate) struct ModelStream {
    pub(crate) incarnation: Incarnation,
    pub(crate) messages: Vec<Bytes>,
    pub(crate) earliest_index: u64,
    pub(crate) closed: bool,
    pub(crate) seq: Option<String>,
    /// Epoch, and the index after each accepted sequence.
    pub(crate) producers: BTreeMap<String, (u64, Vec<u64>)>,
    pub(crate) keys: BTreeMap<String, u64>,
}

impl ModelStream {
    fn new(incarnation: Incarnation) -> ModelStream {
        ModelStream {
            incarnation,
            messages: Vec::new(),
            earliest_index: 0,
            closed: false,
            seq: None,
            producers: BTreeMap::new(),
            keys: BTreeMap::new(),
        }
    }

    /// One that goes on where it was in another log, and remembers nothing.
    pub(crate) fn restored(incarnation: Incarnation, first_index: u64) -> ModelStream {
        let gone = usize::try_from(first_index).unwrap_or(0);
        let messages = vec![Bytes::new(); gone];
        ModelStream { messages, earliest_index: first_index, ..ModelStream::new(incarnation) }
    }

    /// What it remembers of publishes, for another log.
    pub(crate) fn remembered(&self) -> Remembered {
        let producers = self.producers.iter().map(|(id, (epoch, ends))| RememberedProducer {
            id: id.as_str().into(),
            epoch: *epoch,
            seq: ends.len() as u64 - 1,
            end_indexes: ends.clone(),
        });
        let keys = self.keys.iter().map(|(key, end_index)| RememberedKey {
            key: key.as_str().into(),
            body_hash: BODY_HASH,
            end_index: *end_index,
            time: NOW,
        });
        let seq = self.seq.as_deref().map(Into::into);
        Remembered { producers: producers.collect(), keys: keys.collect(), seq }
    }

    pub(crate) fn tail_index(&self) -> u64 {
        self.messages.len() as u64
    }

    /// What a reader can tell.
    fn visible(&self) -> (Incarnation, &[Bytes], u64, bool) {
        let kept = usize::try_from(self.earliest_index).unwrap_or(usize::MAX);
        let messages = self.messages.get(kept..).unwrap_or_default();
        (self.incarnation, messages, self.earliest_index, self.closed)
    }

    fn publish(&mut self, publish: &Publish) {
        self.messages.extend(publish.messages.iter().cloned());
        self.closed |= publish.close;
        if let Some(seq) = &publish.seq {
            self.seq = Some(seq.to_string());
        }
        let end_index = self.tail_index();
        match &publish.identity {
            Identity::None => {}
            Identity::Producer(producer) => {
                let known = self.producers.entry(producer.id.to_string()).or_default();
                if known.0 != producer.epoch {
                    *known = (producer.epoch, Vec::new());
                }
                known.1.push(end_index);
            }
            Identity::Key { key, .. } => {
                self.keys.insert(key.to_string(), end_index);
            }
        }
    }

    /// The index after what this identity was accepted with.
    fn accepted(&self, identity: &Identity) -> Option<u64> {
        match identity {
            Identity::None => None,
            Identity::Producer(producer) => {
                let (epoch, ends) = self.producers.get(&*producer.id)?;
                let seq = usize::try_from(producer.seq).ok()?;
                ends.get(seq).filter(|_| *epoch == producer.epoch).copied()
            }
            Identity::Key { key, .. } => self.keys.get(&**key).copied(),
        }
    }
}

/// Changes the model as the log says that it changed, if that can be.
pub(crate) fn apply(model: &mut Model, operation: &Operation, outcome: &Outcome) -> Result<(), String> {
    let wrong = || format!("{operation:?} gave {outcome:?}");
    match (operation, outcome) {
        (Operation::Create { name, first, close, .. }, Outcome::Created { incarnation, tail, closed }) => {
            let mut stream = ModelStream::new(*incarnation);
            stream.messages.clone_from(first);
            stream.closed = *close;
            let right = *tail == Offset { incarnation: *incarnation, index: stream.tail_index() };
            let new = model.insert(name.to_string(), stream).is_none();
            if new && right && closed == close { Ok(()) } else { Err(wrong()) }
        }
        (Operation::Create { name, .. }, Outcome::Existed { tail, .. }) => {
            let right = model.get(name.as_str()).is_some_and(|stream| stream.tail_index() == tail.index);
            if right { Ok(()) } else { Err(wrong()) }
        }
        (Operation::Publish(publish), Outcome::Published { tail, duplicate, created, .. }) => {
            let tail = tail.ok_or_else(wrong)?;
            if *created == model.contains_key(publish.name.as_str()) {
                return Err(wrong());
            }
            let new = || ModelStream::new(tail.incarnation);
            let stream = model.entry(publish.name.to_string()).or_insert_with(new);
            let before = stream.accepted(&publish.identity);
            if *duplicate {
                return if before == Some(tail.index) { Ok(()) } else { Err(wrong()) };
            }
            let fresh = before.is_none() && !stream.closed;
            stream.publish(publish);
            if fresh && stream.tail_index() == tail.index { Ok(()) } else { Err(wrong()) }
        }
        (Operation::Close { name, .. }, Outcome::Closed { already, .. }) => {
            let stream = model.get_mut(name.as_str()).ok_or_else(wrong)?;
            let right = stream.closed == *already;
            stream.closed = true;
            if right { Ok(()) } else { Err(wrong()) }
        }
        (Operation::Delete { name, .. }, Outcome::Deleted { incarnation }) => {
            match model.remove(name.as_str()) {
                Some(stream) if stream.incarnation == *incarnation => Ok(()),
                _ => Err(wrong()),
            }
        }
        (Operation::Trim(Trim { incarnation, earliest_index, .. }), Outcome::Trimmed) => {
            let stream =
                model.values_mut().find(|stream| stream.incarnation == *incarnation).ok_or_else(wrong)?;
            let earliest_index = (*earliest_index).min(stream.tail_index());
            stream.earliest_index = stream.earliest_index.max(earliest_index);
            Ok(())
        }
        _ => Err(wrong()),
    }
}

/// What a reader finds in a log; identities are not visible and stay empty.
pub(crate) fn observe(log: &Log) -> Result<Model, String> {
    let all = ReadLimit { bytes: usize::MAX, messages: u64::MAX };
    let mut model = Model::new();
    for view in log.catalog().list("", None, usize::MAX) {
        let mut stream = ModelStream::new(view.incarnation);
        // What is trimmed can't be read; a model has something else in its place.
        let trimmed = usize::try_from(view.earliest_index).map_err(|error| error.to_string())?;
        stream.messages.resize(trimmed, Bytes::new());
        let batches = view
            .stored
            .read(view.earliest_index, view.tail_index, all)
            .map_err(|error| format!("reading: {error}"))?;
        for batch in batches {
            if batch.first_index != stream.tail_index() {
                return Err(format!("{}: messages at {} are missing", view.name, stream.tail_index()));
            }
            stream.messages.extend(batch.messages);
        }
        stream.earliest_index = view.earliest_index;
        stream.closed = view.closed;
        let found = log.find(view.name.as_str()).is_some_and(|found| found.incarnation == view.incarnation);
        if stream.tail_index() != view.tail_index || !found {
            return Err(format!("{} ends before its tail", view.name));
        }
        model.insert(view.name.to_string(), stream);
    }
    Ok(model)
}

/// Whether a reader can't tell two models apart.
pub(crate) fn looks_like(one: &Model, other: &Model) -> bool {
    one.len() == other.len()
        && one.iter().all(|(name, stream)| other.get(name).is_some_and(|it| it.visible() == stream.visible()))
}

/// A model in a few words, for who reads that a test failed.
pub(crate) fn summary(model: &Model) -> String {
    let stream = |(name, stream): (&String, &ModelStream)| {
        let closed = if stream.closed { " closed" } else { "" };
        format!("{name} {} [{}..{}]{closed}", stream.incarnation, stream.earliest_index, stream.tail_index())
    };
    model.iter().map(stream).collect::<Vec<_>>().join(", ")
}
