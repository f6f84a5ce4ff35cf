//! What is known of each stream, from whatever is left of the snapshot and of the frames.

use super::Piece;
use super::frames::{FoundEntry, Place};
use crate::directory::{Identities, Record, remembered};
use crate::format::Body;
use crate::{Identity, LogSettings, Remembered};
use std::collections::HashMap;
use std::sync::Arc;
use tidings_model::{Incarnation, StreamConfig, StreamName, Timestamp};

/// One stream.
#[derive(Default)]
pub(super) struct Life {
    /// Its name, config and creation, where they are known.
    pub(super) creation: Option<(StreamName, Arc<StreamConfig>, Timestamp)>,
    pub(super) earliest_index: u64,
    /// Whether it is known that nothing before `earliest_index` is missing.
    pub(super) begin_known: bool,
    /// The greatest that anything speaks of.
    pub(super) tail_index: u64,
    pub(super) closed: bool,
    pub(super) deleted: bool,
    identities: Identities,
    seq: Option<Arc<str>>,
    pub(super) pieces: Vec<Piece>,
}

impl Life {
    /// What it remembers of publishes.
    pub(super) fn remembered(&self) -> Remembered {
        remembered(Some(&self.identities), self.seq.as_ref())
    }

    /// Messages were found.
    pub(super) fn add(&mut self, piece: Piece) {
        self.tail_index = self.tail_index.max(piece.end_index);
        self.pieces.push(piece);
    }
}

/// All streams.
#[derive(Default)]
pub(super) struct Lives {
    pub(super) of: HashMap<Incarnation, Life>,
    /// Who has a name.
    names: HashMap<StreamName, Incarnation>,
}

impl Lives {
    /// The streams are as the records of a snapshot say. If those are all of them, the others are gone.
    pub(super) fn set(&mut self, records: Vec<Record>, all: bool) {
        if all {
            self.of.values_mut().for_each(|life| life.deleted = true);
            self.names.clear();
        }
        for record in records {
            let name = record.name.clone();
            self.name(record.incarnation, &name);
            let life = self.of.entry(record.incarnation).or_default();
            life.creation = Some((name, record.config, record.created));
            (life.earliest_index, life.begin_known) = (record.earliest_index, true);
            life.tail_index = life.tail_index.max(record.tail_index);
            (life.closed, life.deleted) = (record.closed, false);
            let rare = record.rare.map(|rare| *rare).unwrap_or_default();
            life.identities = rare.identities.map(|it| *it).unwrap_or_default();
            life.seq = rare.seq;
        }
    }

    /// The next entry. `begin_known`: nothing that is missing can have come before it in its stream.
    pub(super) fn apply(&mut self, entry: &FoundEntry, begin_known: bool, settings: &LogSettings) {
        let Some(decoded) = entry.header.entry(&entry.body) else { return };
        let incarnation = decoded.incarnation;
        if let Body::Create { name, config } = decoded.body {
            self.name(incarnation, &name);
            let life = self.of.entry(incarnation).or_default();
            life.begin_known |= begin_known;
            life.creation.get_or_insert((name, Arc::new(config), decoded.time));
            return;
        }
        let life = self.of.entry(incarnation).or_default();
        match decoded.body {
            Body::Create { .. } => {}
            Body::Append { first_index, messages, identity, seq, close } => {
                let end_index = first_index + messages.len() as u64;
                life.tail_index = life.tail_index.max(end_index);
                life.closed |= close;
                life.accept(identity, seq, end_index, decoded.time, settings);
                if !messages.is_empty() {
                    life.add(Piece::of_entry(first_index, end_index, entry.place));
                }
            }
            Body::Delete => {
                life.deleted = true;
                self.names.retain(|_, other| *other != incarnation);
            }
            Body::Trim { earliest_index, .. } => life.begin_at(earliest_index),
            Body::Restore { first_index, remembered } => {
                life.begin_at(first_index);
                life.remember(remembered);
            }
        }
    }

    /// A name means one stream at a time: whoever had it before is gone.
    fn name(&mut self, incarnation: Incarnation, name: &StreamName) {
        if let Some(before) = self.names.insert(name.clone(), incarnation)
            && before != incarnation
            && let Some(life) = self.of.get_mut(&before)
        {
            life.deleted = true;
        }
    }
}

impl Life {
    fn begin_at(&mut self, earliest_index: u64) {
        self.earliest_index = self.earliest_index.max(earliest_index);
        self.tail_index = self.tail_index.max(earliest_index);
    }

    fn accept(
        &mut self,
        identity: Identity,
        seq: Option<Arc<str>>,
        end_index: u64,
        time: Timestamp,
        settings: &LogSettings,
    ) {
        if seq.is_some() {
            self.seq = seq;
        }
        match identity {
            Identity::None => {}
            Identity::Producer(producer) => self.identities.producers.accept(&producer, end_index),
            Identity::Key { key, body_hash } => {
                self.identities.keys.accept(&key, body_hash, end_index, time, settings);
            }
        }
    }

    fn remember(&mut self, remembered: Remembered) {
        if remembered.seq.is_some() {
            self.seq = remembered.seq;
        }
        for producer in remembered.producers {
            let slots = producer.slots();
            self.identities.producers.put(producer.id, producer.epoch, producer.seq, slots);
        }
        for key in remembered.keys {
            self.identities.keys.put(key.key, key.body_hash, key.end_index, key.time);
        }
    }
}

impl Piece {
    fn of_entry(first_index: u64, end_index: u64, place: Place) -> Piece {
        Piece { first_index, end_index, source: super::Source::Entry(place) }
    }
}
