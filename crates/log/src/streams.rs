//! All streams, as the entries that were staged so far leave them.
//!
//! [`Streams::apply`] is the only place where an entry changes a stream: staging and recovery both go through it,
//! so that what a restart finds is what was there.

use crate::format::{Body, Entry, Location};
use crate::keys::Keys;
use crate::pending::Pending;
use crate::producers::Producers;
use crate::stored::{Committed, Stored};
use crate::{Identity, LogSettings};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tidings_model::{Batch, Incarnation, Offset, StreamConfig, StreamName, Timestamp};

/// All streams, also those whose creation is not committed yet.
#[derive(Default)]
pub(crate) struct Streams {
    names: HashMap<StreamName, Incarnation>,
    by_incarnation: HashMap<Incarnation, Stream>,
    /// The config of the stream that was made last: most streams of a server have the same, and share it.
    recent_config: Option<Arc<StreamConfig>>,
}

/// One stream with all that later operations are checked against. May be ahead of what is committed.
pub(crate) struct Stream {
    /// Its name and config, and what readers see of it.
    pub(crate) stored: Arc<Stored>,
    pub(crate) earliest_index: u64,
    pub(crate) tail_index: u64,
    pub(crate) closed: bool,
    /// The last `Stream-Seq`.
    pub(crate) seq: Option<Arc<str>>,
    /// The last entry with messages.
    pub(crate) last: Option<Location>,
    /// Absent until the first publish that has one: most streams never do.
    identities: Option<Box<Identities>>,
}

/// What was accepted with an identity.
#[derive(Default)]
pub(crate) struct Identities {
    pub(crate) producers: Producers,
    pub(crate) keys: Keys,
}

/// An entry contradicts those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Contradiction;

impl Streams {
    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.by_incarnation.len()
    }

    /// The stream that has a name.
    pub(crate) fn named(&self, name: &str) -> Option<&Stream> {
        self.by_incarnation.get(self.names.get(name)?)
    }

    /// The stream of an incarnation.
    pub(crate) fn stream(&self, incarnation: Incarnation) -> Option<&Stream> {
        self.by_incarnation.get(&incarnation)
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Stream> {
        self.by_incarnation.values()
    }

    /// Changes what the entry at `location` changes, and adds to `pending` what becomes visible by it.
    pub(crate) fn apply(
        &mut self,
        entry: Entry,
        location: Location,
        settings: &LogSettings,
        pending: &mut Vec<Pending>,
    ) -> Result<(), Contradiction> {
        let Entry { incarnation, time, body } = entry;
        if let Body::Create { name, config } = body {
            let stored = self.create(incarnation, time, name, config)?;
            pending.push(Pending::Created(stored));
            return Ok(());
        }
        let stream = self.by_incarnation.get_mut(&incarnation).ok_or(Contradiction)?;
        let stored = Arc::clone(&stream.stored);
        match body {
            Body::Create { .. } => return Err(Contradiction),
            Body::Append { first_index, messages, identity, seq, close } => {
                let count = messages.len() as u64;
                stream.append(first_index, count, location)?;
                stream.accept(identity, time, settings);
                stream.seq = seq.or(stream.seq.take());
                if !messages.is_empty() {
                    pending.push(appended(&stored, Batch { first_index, time, messages }, location));
                }
                if close {
                    stream.closed = true;
                    pending.push(Pending::Closed(stored));
                }
            }
            Body::Delete => {
                self.by_incarnation.remove(&incarnation);
                self.names.remove(&stored.name);
                pending.push(Pending::Deleted(stored));
            }
            Body::Trim { earliest_index } => {
                if earliest_index < stream.earliest_index || stream.tail_index < earliest_index {
                    return Err(Contradiction);
                }
                stream.earliest_index = earliest_index;
                pending.push(Pending::Trimmed { stored, earliest_index });
            }
        }
        Ok(())
    }

    fn create(
        &mut self,
        incarnation: Incarnation,
        created: Timestamp,
        name: StreamName,
        config: StreamConfig,
    ) -> Result<Arc<Stored>, Contradiction> {
        if self.names.contains_key(&name) || self.by_incarnation.contains_key(&incarnation) {
            return Err(Contradiction);
        }
        let config = match &self.recent_config {
            Some(recent) if **recent == config => Arc::clone(recent),
            _ => Arc::clone(self.recent_config.insert(Arc::new(config))),
        };
        let committed = Mutex::new(Committed::default());
        let stored = Arc::new(Stored { name: name.clone(), incarnation, config, created, committed });
        let stream = Stream {
            stored: Arc::clone(&stored),
            earliest_index: 0,
            tail_index: 0,
            closed: false,
            seq: None,
            last: None,
            identities: None,
        };
        self.names.insert(name, incarnation);
        self.by_incarnation.insert(incarnation, stream);
        Ok(stored)
    }
}

impl Stream {
    /// The offset at the tail.
    pub(crate) fn tail(&self) -> Offset {
        Offset { incarnation: self.stored.incarnation, index: self.tail_index }
    }

    /// What was accepted with an identity, if anything was.
    pub(crate) fn identities(&self) -> Option<&Identities> {
        self.identities.as_deref()
    }

    fn append(&mut self, first_index: u64, count: u64, location: Location) -> Result<(), Contradiction> {
        if self.closed || first_index != self.tail_index {
            return Err(Contradiction);
        }
        let end_index = first_index.checked_add(count).filter(|end| *end <= Offset::INDEX_MAX);
        self.tail_index = end_index.ok_or(Contradiction)?;
        if 0 < count {
            self.last = Some(location);
        }
        Ok(())
    }

    fn accept(&mut self, identity: Identity, time: Timestamp, settings: &LogSettings) {
        let end_index = self.tail_index;
        match identity {
            Identity::None => {}
            Identity::Producer(producer) => {
                self.identities.get_or_insert_default().producers.accept(&producer, end_index);
            }
            Identity::Key { key, body_hash } => {
                let keys = &mut self.identities.get_or_insert_default().keys;
                keys.accept(&key, body_hash, end_index, time, settings);
            }
        }
    }
}

/// Messages may be parts of a larger buffer, such as a request or a frame; whoever keeps the batch keeps that.
fn appended(stored: &Arc<Stored>, batch: Batch, location: Location) -> Pending {
    let bytes = batch.messages.iter().map(|message: &Bytes| message.len() as u64).sum();
    Pending::Appended { stored: Arc::clone(stored), batch: Arc::new(batch), bytes, location }
}
