//! All streams, as the entries that were staged so far leave them: the directory, and what of it the next commit
//! changes.
//!
//! [`Streams::apply`] is the only place where an entry changes a stream: staging and recovery both go through it,
//! so that what a restart finds is what was there.

use crate::contents::Contents;
use crate::directory::{Directory, Record, StreamId};
use crate::format::{Body, Entry, Location};
use crate::pending::Pending;
use crate::{Identity, LogSettings, Remembered, RememberedKey};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::{Arc, RwLockReadGuard};
use tidings_model::{Batch, Incarnation, Offset, StreamConfig, StreamName, Timestamp};

/// All streams, with what is staged.
pub(crate) struct Streams {
    contents: Arc<Contents>,
    /// The streams that the next commit changes, as it leaves them. The directory still has them as they are committed.
    staged: HashMap<StreamId, State>,
}

/// What changes in the life of a stream, apart from what was accepted with an identity.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct State {
    pub(crate) earliest_index: u64,
    pub(crate) tail_index: u64,
    /// Bytes of the messages that are kept.
    pub(crate) bytes: u64,
    pub(crate) closed: bool,
    /// The last entry with messages.
    pub(crate) last: Option<Location>,
}

/// The streams as what is staged leaves them, to be looked at.
#[derive(Clone, Copy)]
pub(crate) struct Staged<'a> {
    directory: &'a Directory,
    staged: &'a HashMap<StreamId, State>,
}

/// One stream, with all that later operations are checked against.
pub(crate) struct Stream<'a> {
    pub(crate) id: StreamId,
    /// What does not change, and what was accepted with an identity.
    pub(crate) record: &'a Record,
    pub(crate) state: State,
}

/// A stream that was looked up, so that it need not be again: in a million of them each look is a miss of the cache.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    id: StreamId,
    state: State,
}

impl Place {
    /// The last entry with messages.
    pub(crate) fn last(&self) -> Option<Location> {
        self.state.last
    }
}

/// An entry contradicts those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Contradiction;

impl Streams {
    pub(crate) fn new(contents: Arc<Contents>) -> Streams {
        Streams { contents, staged: HashMap::new() }
    }

    /// Lets `look` look at the streams as what is staged leaves them.
    pub(crate) fn look<T>(&self, look: impl FnOnce(Staged<'_>) -> T) -> T {
        let directory: RwLockReadGuard<'_, Directory> = self.contents.directory();
        look(Staged { directory: &directory, staged: &self.staged })
    }

    /// Changes what the entry at `location` changes, and adds to `pending` what becomes visible by it. Returns the stream as
    /// the entry leaves it, unless it is gone.
    pub(crate) fn apply(
        &mut self,
        entry: Entry,
        stream: Option<Place>,
        location: Location,
        settings: &LogSettings,
        pending: &mut Vec<Pending>,
    ) -> Result<Option<Place>, Contradiction> {
        let Entry { incarnation, time, body } = entry;
        if let Body::Create { name, config } = body {
            let id = self.create(incarnation, time, name, config)?;
            pending.push(Pending::Created { id });
            return Ok(Some(Place { id, state: State::default() }));
        }
        let Place { id, mut state } = match stream {
            Some(place) => place,
            None => self
                .look(|streams| streams.stream(incarnation).map(|stream| stream.place()))
                .ok_or(Contradiction)?,
        };
        match body {
            Body::Create { .. } => return Err(Contradiction),
            Body::Append { first_index, messages, identity, seq, close } => {
                state.append(first_index, &messages, location)?;
                self.accept(id, identity, seq, state.tail_index, time, settings);
                if !messages.is_empty() {
                    let batch = Arc::new(Batch { first_index, time, messages });
                    pending.push(Pending::Appended { id, incarnation, batch, location });
                }
                if close {
                    state.closed = true;
                    pending.push(Pending::Closed { id, incarnation });
                }
                self.staged.insert(id, state);
            }
            Body::Delete => {
                self.staged.remove(&id);
                self.contents.directory_mut().doom(id);
                pending.push(Pending::Deleted { id, incarnation });
                return Ok(None);
            }
            Body::Restore { first_index, remembered } => {
                let fits = state.tail_index <= first_index && first_index <= Offset::INDEX_MAX;
                if state.closed || state.last.is_some() || !fits {
                    return Err(Contradiction);
                }
                (state.earliest_index, state.tail_index) = (first_index, first_index);
                self.staged.insert(id, state);
                self.remember(id, remembered);
                pending.push(Pending::Restored { id, first_index });
            }
            Body::Trim { earliest_index, kept_bytes, oldest } => {
                if earliest_index < state.earliest_index || state.tail_index < earliest_index {
                    return Err(Contradiction);
                }
                (state.earliest_index, state.bytes) = (earliest_index, kept_bytes);
                self.staged.insert(id, state);
                pending.push(Pending::Trimmed { id, incarnation, earliest_index, kept_bytes, oldest });
            }
        }
        Ok(Some(Place { id, state }))
    }

    /// All that was staged is committed and shown.
    pub(crate) fn on_shown(&mut self) {
        self.staged.clear();
    }

    fn create(
        &self,
        incarnation: Incarnation,
        created: Timestamp,
        name: StreamName,
        config: StreamConfig,
    ) -> Result<StreamId, Contradiction> {
        let mut directory = self.contents.directory_mut();
        if directory.named(name.as_str()).is_some() || directory.of(incarnation).is_some() {
            return Err(Contradiction);
        }
        let config = directory.share_config(config);
        Ok(directory.insert(Record {
            name,
            incarnation,
            config,
            created,
            earliest_index: 0,
            tail_index: 0,
            bytes: 0,
            oldest: Timestamp(0),
            last: None,
            closed: false,
            visible: false,
            doomed: false,
            since_checkpoint: 0,
            rare: None,
        }))
    }

    /// Takes note of identities that another log had accepted.
    fn remember(&self, id: StreamId, remembered: Remembered) {
        if remembered.is_empty() {
            return;
        }
        let mut directory = self.contents.directory_mut();
        let rare = directory.record_mut(id).rare.get_or_insert_default();
        if remembered.seq.is_some() {
            rare.seq = remembered.seq;
        }
        if remembered.producers.is_empty() && remembered.keys.is_empty() {
            return;
        }
        let identities = rare.identities.get_or_insert_default();
        for producer in remembered.producers {
            let slots = producer.slots();
            identities.producers.put(producer.id, producer.epoch, producer.seq, slots);
        }
        for RememberedKey { key, body_hash, end_index, time } in remembered.keys {
            identities.keys.put(key, body_hash, end_index, time);
        }
    }

    /// Takes note of an identity. Only the owner of the log looks at it, so it may run ahead of the commit: when that
    /// fails nothing is accepted any more.
    fn accept(
        &self,
        id: StreamId,
        identity: Identity,
        seq: Option<Arc<str>>,
        end_index: u64,
        time: Timestamp,
        settings: &LogSettings,
    ) {
        if matches!(identity, Identity::None) && seq.is_none() {
            return;
        }
        let mut directory = self.contents.directory_mut();
        let rare = directory.record_mut(id).rare.get_or_insert_default();
        if seq.is_some() {
            rare.seq = seq;
        }
        match identity {
            Identity::None => {}
            Identity::Producer(producer) => {
                rare.identities.get_or_insert_default().producers.accept(&producer, end_index);
            }
            Identity::Key { key, body_hash } => {
                let keys = &mut rare.identities.get_or_insert_default().keys;
                keys.accept(&key, body_hash, end_index, time, settings);
            }
        }
    }
}

impl<'a> Staged<'a> {
    /// How many there are.
    pub(crate) fn count(self) -> usize {
        self.directory.count()
    }

    /// The stream that has a name.
    pub(crate) fn named(self, name: &str) -> Option<Stream<'a>> {
        self.directory.named(name).map(|id| self.of(id))
    }

    /// The stream of an incarnation, unless its deletion is staged.
    pub(crate) fn stream(self, incarnation: Incarnation) -> Option<Stream<'a>> {
        self.directory.of(incarnation).map(|id| self.of(id)).filter(|stream| !stream.record.doomed)
    }

    /// Whether any stream has an incarnation, also one whose deletion is staged.
    pub(crate) fn has(self, incarnation: Incarnation) -> bool {
        self.directory.of(incarnation).is_some()
    }

    fn of(self, id: StreamId) -> Stream<'a> {
        let record = self.directory.record(id);
        let committed = || State {
            earliest_index: record.earliest_index,
            tail_index: record.tail_index,
            bytes: record.bytes,
            closed: record.closed,
            last: record.last,
        };
        let state = if self.staged.is_empty() { None } else { self.staged.get(&id).copied() };
        Stream { id, record, state: state.unwrap_or_else(committed) }
    }
}

impl Stream<'_> {
    /// What need not be looked up again.
    pub(crate) fn place(&self) -> Place {
        Place { id: self.id, state: self.state }
    }

    /// The offset at the tail.
    pub(crate) fn tail(&self) -> Offset {
        Offset { incarnation: self.record.incarnation, index: self.state.tail_index }
    }
}

impl State {
    fn append(
        &mut self,
        first_index: u64,
        messages: &[Bytes],
        location: Location,
    ) -> Result<(), Contradiction> {
        if self.closed || first_index != self.tail_index {
            return Err(Contradiction);
        }
        let end_index =
            first_index.checked_add(messages.len() as u64).filter(|end| *end <= Offset::INDEX_MAX);
        self.tail_index = end_index.ok_or(Contradiction)?;
        let bytes = messages.iter().map(|message| message.len() as u64).sum();
        self.bytes = self.bytes.saturating_add(bytes);
        if !messages.is_empty() {
            self.last = Some(location);
        }
        Ok(())
    }
}
