//! Operations as chance has them.

use crate::dice::Dice;
use crate::model::{Model, ModelStream};
use bytes::Bytes;
use std::sync::Arc;
use tidings_log::{Identity, Operation, Producer, Publish, Trim};
use tidings_model::{ContentType, Incarnation, Lifetime, Retention, StreamConfig, StreamName};

/// Where operations come from.
#[derive(Clone)]
pub(crate) struct Workload {
    pub(crate) dice: Dice,
    /// Only publishes of one size: then a frame has the same length as one that was cut in its place.
    pub(crate) uniform: bool,
    /// Makes every message another one.
    pub(crate) published_count: u64,
}

pub(crate) fn config() -> StreamConfig {
    StreamConfig {
        content_type: ContentType::text(),
        lifetime: Lifetime::Forever,
        retention: Retention::default(),
        durability: None,
    }
}

pub(crate) fn name(text: &str) -> StreamName {
    StreamName::parse(text).expect("a good name")
}

/// The hash of a body; all publishes with one key have the same body here.
pub(crate) const BODY_HASH: [u8; 16] = [7; 16];

impl Workload {
    /// The next operation for a log that holds this.
    pub(crate) fn operation(&mut self, model: &Model) -> Operation {
        let name = name(["a", "b", "c/d", "e"][usize::try_from(self.dice.roll(4)).unwrap_or(0)]);
        let stream = model.get(name.as_str());
        let Some(stream) = stream.filter(|_| !self.uniform) else {
            return Operation::Publish(self.publish(name, stream));
        };
        match self.dice.roll(100) {
            0..6 => {
                Operation::Delete { name, incarnation: self.dice.percent(50).then_some(stream.incarnation) }
            }
            6..10 => Operation::Close { name, producer: None },
            10..20 => Operation::Trim(Trim {
                incarnation: stream.incarnation,
                earliest_index: self.dice.roll(stream.tail_index() + 2),
                freed_bytes: 0,
                oldest: None,
            }),
            20..25 => {
                let first = (0..self.dice.roll(3)).map(|_| self.message()).collect();
                Operation::Create { name, config: config(), first, close: self.dice.percent(20) }
            }
            _ => Operation::Publish(self.publish(name, Some(stream))),
        }
    }

    /// Now and then a stream that comes from another log, if its name is free.
    pub(crate) fn restored(&mut self, model: &Model) -> Option<(StreamName, ModelStream)> {
        let name = name("b");
        if self.uniform || model.contains_key(name.as_str()) || !self.dice.percent(25) {
            return None;
        }
        let mut stream = ModelStream::restored(Incarnation::of_disk(self.dice.next()), self.dice.roll(50));
        let ends = (0..=self.dice.roll(12)).map(|end| stream.earliest_index.saturating_sub(end)).rev();
        stream.producers.insert("p".into(), (self.dice.roll(3), ends.collect()));
        stream.keys.insert(format!("k{}", self.dice.roll(20)), stream.earliest_index);
        stream.seq = self.dice.percent(50).then(|| "0".into());
        Some((name, stream))
    }

    fn publish(&mut self, name: StreamName, stream: Option<&ModelStream>) -> Publish {
        let count = if self.uniform { 1 } else { 1 + self.dice.roll(3) };
        let messages = (0..count).map(|_| self.message()).collect();
        let mut publish = Publish {
            name,
            incarnation: None,
            create: Some(config()),
            content_type: Some(ContentType::text()),
            messages,
            seq: None,
            identity: Identity::None,
            close: false,
        };
        if !self.uniform {
            publish.identity = self.identity(stream);
            publish.close = self.dice.percent(4);
            let seq = self.dice.percent(20).then(|| format!("{:08}", self.published_count));
            publish.seq = seq.map(Arc::from);
        }
        publish
    }

    fn identity(&mut self, stream: Option<&ModelStream>) -> Identity {
        match self.dice.roll(4) {
            0 | 1 => {
                let id = if self.dice.percent(50) { "p" } else { "q" };
                let known = stream.and_then(|stream| stream.producers.get(id));
                let (epoch, next) = known.map_or((0, 0), |(epoch, ends)| (*epoch, ends.len() as u64));
                let (epoch, seq) = match self.dice.roll(10) {
                    0 => (epoch + 1, 0),
                    1 | 2 => (epoch, next.saturating_sub(1)),
                    3 => (epoch, next + 1),
                    _ => (epoch, next),
                };
                Identity::Producer(Producer { id: id.into(), epoch, seq })
            }
            2 => Identity::Key { key: format!("k{}", self.dice.roll(20)).into(), body_hash: BODY_HASH },
            _ => Identity::None,
        }
    }

    fn message(&mut self) -> Bytes {
        self.published_count += 1;
        let bytes = match self.dice.roll(100) {
            _ if self.uniform => 40,
            0..60 => 40,
            60..95 => self.dice.roll(300),
            _ => 1_000 + self.dice.roll(2_000),
        };
        // Bytes that don't compress, so that blocks have a size.
        let mut dice = Dice(self.published_count);
        let bytes = usize::try_from(bytes).unwrap_or(0);
        let words = std::iter::repeat_with(|| dice.next().to_le_bytes()).take(bytes.div_ceil(8));
        let mut message: Vec<u8> = words.flatten().collect();
        message.truncate(bytes);
        message.into()
    }
}
