//! What publishers and owners of streams ask for.

use super::World;
use crate::asked::{Asked, By, What};
use crate::producer::Keyed;
use bytes::Bytes;
use std::time::Duration;
use tidings_engine::{Identity, Operation, Publish};
use tidings_model::{ContentType, Durability, Lifetime, Retention, StreamConfig, StreamName};

impl World {
    /// Somebody publishes: for the first time, or again.
    pub(super) fn publish(&mut self) {
        match self.dice.roll(10) {
            0..4 => {
                let name = self.name();
                let messages = self.messages(&name);
                self.submit_publish(name, messages, Identity::None, By::Nobody);
            }
            4..8 => {
                let index = self.dice.index(self.producers.len());
                self.publish_as_producer(index);
            }
            _ => self.publish_with_key(),
        }
    }

    /// Creates, closes or deletes a stream.
    pub(super) fn change_a_stream(&mut self) {
        let name = self.name();
        let (operation, what) = match self.dice.roll(10) {
            0..6 => {
                let config = self.config();
                let first = if self.dice.percent(50) { Vec::new() } else { self.messages(&name) };
                let what = What::Create { first: first.clone(), config: config.clone() };
                (Operation::Create { name: name.clone(), config, first, close: false }, what)
            }
            6 => (Operation::Close { name: name.clone(), producer: None }, What::Close),
            _ => (Operation::Delete { name: name.clone(), incarnation: None }, What::Delete),
        };
        self.submit(operation, Asked { name, what, after_failure: false });
    }

    fn publish_as_producer(&mut self, index: usize) {
        let repeats = self.dice.percent(20);
        let name = self.producers[index].name.clone();
        let fresh = self.messages(&name);
        let producer = &mut self.producers[index];
        if repeats && let Some(last) = &producer.last {
            let (messages, identity) = (last.clone(), producer.identity(producer.next - 1));
            self.submit_publish(name, messages, identity, By::ProducerAgain);
        } else if !producer.in_flight {
            let messages = producer.unanswered.get_or_insert(fresh).clone();
            let identity = producer.identity(producer.next);
            let taken = self.submit_publish(name, messages, identity, By::Producer(index));
            self.producers[index].in_flight = taken;
        }
    }

    fn publish_with_key(&mut self) {
        const KEYS: usize = 12;
        let index = if self.keyed.is_empty() || (self.keyed.len() < KEYS && self.dice.percent(40)) {
            let name = self.name();
            let messages = self.messages(&name);
            let key = format!("k{}", self.published_count).into();
            self.keyed.push(Keyed { name, key, messages });
            self.keyed.len() - 1
        } else {
            self.dice.index(self.keyed.len())
        };
        let Keyed { name, messages, .. } = &self.keyed[index];
        let (name, messages, identity) = (name.clone(), messages.clone(), self.keyed[index].identity());
        self.submit_publish(name, messages, identity, By::Key(index));
    }

    fn submit_publish(&mut self, name: StreamName, messages: Vec<Bytes>, identity: Identity, by: By) -> bool {
        let config = self.dice.percent(60).then(|| self.config());
        let close = by == By::Nobody && self.dice.percent(2);
        if close {
            self.truth.on_close_asked(&name);
        }
        let publish = Publish {
            name: name.clone(),
            incarnation: None,
            create: config.clone(),
            content_type: None,
            messages: messages.clone(),
            seq: None,
            identity,
            close,
        };
        let what = What::Publish { messages, by, config };
        self.submit(Operation::Publish(publish), Asked { name, what, after_failure: false })
    }

    /// Whether the engine has taken it.
    fn submit(&mut self, operation: Operation, asked: Asked) -> bool {
        let token = self.next_token;
        let worker = self.dice.index(self.node.workers.len());
        let worker = self.node.workers[worker].inbox.worker();
        if self.node.engine.submit(operation, worker, token).is_err() {
            return false;
        }
        match asked.what {
            What::Delete => self.truth.on_delete_asked(&asked.name),
            What::Close => self.truth.on_close_asked(&asked.name),
            What::Create { .. } | What::Publish { .. } => {}
        }
        self.next_token += 1;
        self.asked.insert(token, Asked { after_failure: self.node.has_failed(), ..asked });
        true
    }

    fn name(&mut self) -> StreamName {
        self.names[self.dice.index(self.names.len())].clone()
    }

    /// Each message is unique. Those of one publish are of one length, so that a part of them has its part of the bytes.
    fn messages(&mut self, name: &StreamName) -> Vec<Bytes> {
        let count = 1 + self.dice.roll(4);
        let padding = if self.dice.percent(5) { 700 } else { self.dice.index(20) };
        let message = |number: u64| Bytes::from(format!("{name} {number:06} {}", "x".repeat(padding)));
        let first = self.published_count;
        self.published_count += count;
        (first..first + count).map(message).collect()
    }

    fn config(&mut self) -> StreamConfig {
        let lifetime = match self.dice.roll(8) {
            0 => Lifetime::Ttl { seconds: 1 + self.dice.roll(4) },
            1 => {
                let at = self.now.after(Duration::from_millis(self.dice.roll(5_000)));
                Lifetime::Until { at, text: at.0.to_string().into() }
            }
            _ => Lifetime::Forever,
        };
        let retention = match self.dice.roll(6) {
            0 => Retention { age: Some(Duration::from_secs(1)), ..Retention::default() },
            1 => Retention { bytes: Some(100), ..Retention::default() },
            2 => Retention { count: Some(1 + self.dice.roll(6)), ..Retention::default() },
            _ => Retention::default(),
        };
        let durability = match self.dice.roll(6) {
            0 => Some(Durability::Memory),
            1 => Some(Durability::Disk),
            _ => None,
        };
        StreamConfig { content_type: ContentType::text(), lifetime, retention, durability }
    }
}
