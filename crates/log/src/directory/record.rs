//! What is known of one stream.

use crate::format::Location;
use crate::index::{CHECKPOINT_EVERY, Checkpoint, Index};
use crate::keys::Keys;
use crate::producers::Producers;
use crate::{Remembered, RememberedKey, RememberedProducer};
use std::sync::Arc;
use tidings_model::{Incarnation, StreamConfig, StreamName, Timestamp};

/// One stream: what is committed of it, and what decides whether a publish is taken. Its size is what a stream costs: two lines
/// of the cache, fetched together, with a name of up to 23 bytes in them.
#[repr(align(128))]
pub(crate) struct Record {
    pub(crate) name: StreamName,
    pub(crate) incarnation: Incarnation,
    pub(crate) config: Arc<StreamConfig>,
    pub(crate) created: Timestamp,
    pub(crate) earliest_index: u64,
    pub(crate) tail_index: u64,
    /// Bytes of the messages that are kept.
    pub(crate) bytes: u64,
    /// When the oldest kept message was stored; 0 where it is not known or there is none.
    pub(crate) oldest: Timestamp,
    /// The last entry with messages.
    pub(crate) last: Option<Location>,
    pub(crate) closed: bool,
    /// Its creation is committed.
    pub(crate) visible: bool,
    /// Its deletion is staged.
    pub(crate) doomed: bool,
    /// Entries since the last checkpoint.
    pub(crate) since_checkpoint: u8,
    /// Absent for most streams.
    pub(crate) rare: Option<Box<Rare>>,
}

const _: () = assert!(size_of::<Option<Record>>() == 128, "a million streams have a budget");

/// What few streams have.
#[derive(Default)]
pub(crate) struct Rare {
    /// What was accepted with an identity, also by what is staged: only the owner of the log looks at it.
    pub(crate) identities: Option<Box<Identities>>,
    /// The last `Stream-Seq`, likewise.
    pub(crate) seq: Option<Arc<str>>,
    /// Where entries in segments that are not sealed are.
    pub(crate) index: Index,
}

/// What was accepted with an identity.
#[derive(Default)]
pub(crate) struct Identities {
    pub(crate) producers: Producers,
    pub(crate) keys: Keys,
}

impl Record {
    /// What was accepted with an identity, if anything was.
    pub(crate) fn identities(&self) -> Option<&Identities> {
        self.rare.as_deref()?.identities.as_deref()
    }

    /// The last `Stream-Seq`.
    pub(crate) fn seq(&self) -> Option<&Arc<str>> {
        self.rare.as_deref()?.seq.as_ref()
    }

    /// All that is remembered of publishes.
    pub(crate) fn remembered(&self) -> Remembered {
        remembered(self.identities(), self.seq())
    }

    /// Adds the next entry with messages.
    pub(crate) fn on_entry(&mut self, entry: Checkpoint) {
        self.last = Some(entry.location);
        self.on_known_entry(entry);
    }

    /// Takes note of where an entry is.
    pub(crate) fn on_known_entry(&mut self, entry: Checkpoint) {
        self.since_checkpoint += 1;
        if self.since_checkpoint == CHECKPOINT_EVERY {
            self.since_checkpoint = 0;
            self.rare.get_or_insert_default().index.push(entry);
        }
    }

    /// The nearest entry whose place is known from which walking back leads to the one that holds `index`.
    pub(crate) fn known_after(&self, index: u64) -> Option<Location> {
        let checkpoint = self.rare.as_deref().and_then(|rare| rare.index.known_after(index));
        checkpoint.map(|checkpoint| checkpoint.location).or(self.last)
    }

    /// Forgets where entries in segments up to `sealed` are.
    pub(crate) fn forget_sealed(&mut self, sealed: u32) {
        let Some(rare) = &mut self.rare else { return };
        rare.index.forget_to(sealed);
        if rare.index.is_empty() && rare.seq.is_none() && rare.identities.is_none() {
            self.rare = None;
        }
    }
}

/// The same as plain data.
pub(crate) fn remembered(identities: Option<&Identities>, seq: Option<&Arc<str>>) -> Remembered {
    let mut remembered = Remembered { seq: seq.cloned(), ..Remembered::default() };
    let Some(Identities { producers, keys }) = identities else { return remembered };
    for (id, epoch, seq, slots) in producers.iter() {
        remembered.producers.push(RememberedProducer::from_slots(id.into(), epoch, seq, slots));
    }
    remembered.producers.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    for (key, body_hash, end_index, time) in keys.iter() {
        remembered.keys.push(RememberedKey { key: key.into(), body_hash: *body_hash, end_index, time });
    }
    remembered
}
