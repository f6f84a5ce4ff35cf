//! A copy of the directory as it was at one moment, made a little at a time while the log goes on.
//!
//! Whoever changes a record that is not copied yet saves it here first, as bytes. So a copy is exactly what was there
//! when it began, and nobody waits for it.

use super::Record;
use crate::format::encode_record;
use crate::{LogSettings, PlantedBug};
use std::collections::HashMap;

/// A copy under way.
pub(super) struct Copying {
    /// Places before this one are copied.
    next: u32,
    /// How many places there were.
    places: u32,
    /// Places that were changed before they were copied, as they were.
    saved: HashMap<u32, Copied>,
    /// Mistakes that a test plants.
    forgets_saving: bool,
    forgets_identities: bool,
}

/// A stream as bytes; `None` where there was none.
type Copied = Option<Box<[u8]>>;

/// Some streams, one after another.
#[derive(Default)]
pub(crate) struct CopiedChunk {
    pub(crate) streams_count: u32,
    pub(crate) bytes: Vec<u8>,
}

impl Copying {
    /// How many places are looked at, or bytes taken, at once: the lock is held for some 30 µs.
    const PLACES: u32 = 512;
    const BYTES: usize = 48 << 10;

    pub(super) fn new(places: u32, settings: &LogSettings) -> Copying {
        Copying {
            next: 0,
            places,
            saved: HashMap::new(),
            forgets_saving: settings.has(PlantedBug::CopyWithoutSaving),
            forgets_identities: settings.has(PlantedBug::SnapshotWithoutIdentities),
        }
    }

    /// The record at a place is about to change.
    pub(super) fn save(&mut self, id: u32, record: Option<&Record>) {
        if self.next <= id && id < self.places && !self.forgets_saving {
            self.saved.entry(id).or_insert_with(|| {
                record.map(|record| {
                    let mut bytes = Vec::new();
                    encode_record(record, &mut bytes);
                    bytes.into_boxed_slice()
                })
            });
        }
    }

    /// The next streams; `None` at the end. May be empty before that.
    pub(super) fn next_chunk<'a>(
        &mut self,
        record: impl Fn(u32) -> Option<&'a Record>,
    ) -> Option<CopiedChunk> {
        if self.places <= self.next {
            return None;
        }
        let mut chunk = CopiedChunk::default();
        let end = self.places.min(self.next + Copying::PLACES);
        while self.next < end && chunk.bytes.len() < Copying::BYTES {
            let saved = if self.saved.is_empty() { None } else { self.saved.remove(&self.next) };
            let found = match saved {
                Some(saved) => saved.is_some_and(|bytes| {
                    chunk.bytes.extend_from_slice(&bytes);
                    true
                }),
                None => record(self.next).is_some_and(|record| {
                    if self.forgets_identities {
                        crate::format::encode_record_in_part(record, &mut chunk.bytes);
                    } else {
                        encode_record(record, &mut chunk.bytes);
                    }
                    true
                }),
            };
            chunk.streams_count += u32::from(found);
            self.next += 1;
        }
        Some(chunk)
    }
}
