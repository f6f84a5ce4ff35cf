//! The directory: one small record for each stream, found by name or by incarnation.
//!
//! A million streams are a matter of a hundred and sixty megabytes, so a record has no map, no lock and no channel of
//! its own. The owner of the log writes; everybody else reads under one lock that is held for a moment at a time.

mod copying;
mod name_order;
mod record;

pub(crate) use copying::CopiedChunk;
pub(crate) use record::{Identities, Rare, Record, remembered};

use crate::LogSettings;
use crate::streams::Contradiction;
use copying::Copying;
use hashbrown::HashTable;
use name_order::NameOrder;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use tidings_model::{Incarnation, StreamConfig};

/// The place of a stream in the directory. Used again after the stream is gone: the incarnation tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct StreamId(pub(crate) u32);

/// All streams, also those whose creation is staged, and those whose deletion is.
#[derive(Default)]
pub(crate) struct Directory {
    /// Pages of a fixed length, so that growing never moves a record or leaves half of the memory unused.
    pages: Vec<Vec<Option<Record>>>,
    free: Vec<u32>,
    names: HashTable<u32>,
    incarnations: HashTable<u32>,
    /// Absent while a log is being recovered: then all names are sorted at once in the end.
    order: Option<NameOrder>,
    hasher: RandomState,
    /// Those that are not doomed.
    count: usize,
    /// The config of the stream that was made last: most streams of a server have the same, and share it.
    recent_config: Option<Arc<StreamConfig>>,
    copying: Option<Copying>,
}

/// How many names are looked ahead for at once: more than a core fetches side by side, few enough for its cache.
pub(crate) const LOOK_AHEAD: usize = 64;

/// Streams on one page.
const PAGE_RECORDS: usize = 1024;

impl Directory {
    /// How many streams there are once everything staged is committed.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The stream that has a name once everything staged is committed.
    pub(crate) fn named(&self, name: &str) -> Option<StreamId> {
        self.find(name, |record| !record.doomed)
    }

    /// The stream that has a name by what is committed.
    pub(crate) fn visible_named(&self, name: &str) -> Option<StreamId> {
        self.find(name, |record| record.visible)
    }

    /// The stream of an incarnation, by what is staged or committed.
    pub(crate) fn of(&self, incarnation: Incarnation) -> Option<StreamId> {
        let found = self
            .incarnations
            .find(incarnation_hash(incarnation), |id| self.record(StreamId(*id)).incarnation == incarnation);
        found.map(|id| StreamId(*id))
    }

    /// The record of a stream that is there.
    pub(crate) fn record(&self, id: StreamId) -> &Record {
        let (page, at) = place(id.0);
        self.pages[page][at].as_ref().expect("whoever has the id of a stream knows that it is there")
    }

    /// The record at a place, if it is still of that incarnation.
    pub(crate) fn record_of(&self, id: StreamId, incarnation: Incarnation) -> Option<&Record> {
        let (page, at) = place(id.0);
        self.pages.get(page)?.get(at)?.as_ref().filter(|record| record.incarnation == incarnation)
    }

    /// The record, to be changed. A copy that is being made gets it as it was.
    pub(crate) fn record_mut(&mut self, id: StreamId) -> &mut Record {
        let (page, at) = place(id.0);
        let record =
            self.pages[page][at].as_mut().expect("whoever has the id of a stream knows that it is there");
        if let Some(copying) = &mut self.copying {
            copying.save(id.0, Some(record));
        }
        record
    }

    /// Adds a stream. Neither its name nor its incarnation may be in use.
    pub(crate) fn insert(&mut self, record: Record) -> StreamId {
        let id = self.free.pop().unwrap_or_else(|| self.grow());
        if let Some(copying) = &mut self.copying {
            copying.save(id, None);
        }
        if !record.doomed {
            self.count += 1;
        }
        let (name_hash, incarnation) = (self.hasher.hash_one(record.name.as_str()), record.incarnation);
        let (page, at) = place(id);
        self.pages[page][at] = Some(record);
        let Directory { pages, names, incarnations, hasher, order, .. } = self;
        let of = |id: u32| {
            let (page, at) = place(id);
            pages[page][at].as_ref().expect("the tables hold streams that are there")
        };
        names.insert_unique(name_hash, id, |id| hasher.hash_one(of(*id).name.as_str()));
        incarnations
            .insert_unique(incarnation_hash(incarnation), id, |id| incarnation_hash(of(*id).incarnation));
        if let Some(order) = order {
            order.insert(id, |id| of(id).name.as_str());
        }
        StreamId(id)
    }

    /// The stream is going to be deleted: its name is free for what is staged next. Until then readers see it.
    pub(crate) fn doom(&mut self, id: StreamId) {
        self.record_mut(id).doomed = true;
        self.count -= 1;
    }

    /// Removes a stream.
    pub(crate) fn remove(&mut self, id: StreamId) {
        let (page, at) = place(id.0);
        if let Some(copying) = &mut self.copying {
            copying.save(id.0, self.pages[page][at].as_ref());
        }
        if let Some(order) = &mut self.order {
            let pages = &self.pages;
            order.remove(id.0, |id| {
                let (page, at) = place(id);
                pages[page][at].as_ref().expect("the order holds streams that are there").name.as_str()
            });
        }
        let Some(record) = self.pages[page][at].take() else { return };
        let name_hash = self.hasher.hash_one(record.name.as_str());
        if let Ok(entry) = self.names.find_entry(name_hash, |other| *other == id.0) {
            entry.remove();
        }
        if let Ok(entry) =
            self.incarnations.find_entry(incarnation_hash(record.incarnation), |other| *other == id.0)
        {
            entry.remove();
        }
        if !record.doomed {
            self.count -= 1;
        }
        self.free.push(id.0);
    }

    /// Fetches the records of these names into the cache of this core. Reads that don't depend on each other are made side by
    /// side, so that among a million streams ten names cost little more than one. Returns how many streams have them.
    pub(crate) fn look_ahead<'a>(&self, names: impl Iterator<Item = &'a str>) -> usize {
        // Others may have the same few bits of the hash: then their records are fetched in vain.
        let mut ids = [0; 2 * LOOK_AHEAD];
        let (mut count, mut visible) = (0, 0);
        for name in names.take(LOOK_AHEAD) {
            let _none = self.names.find(self.hasher.hash_one(name), |id| {
                if let Some(place) = ids.get_mut(count) {
                    (*place, count) = (*id, count + 1);
                }
                false
            });
        }
        for id in &ids[..count] {
            let (page, at) = place(*id);
            if let Some(record) = &self.pages[page][at] {
                // Something on each of its two lines.
                visible += usize::from(record.visible) & usize::from(record.tail_index != u64::MAX);
                visible += usize::from(record.name.as_str().is_empty());
            }
        }
        visible
    }

    /// Where streams begin, by incarnation; `None` for those that are gone. Side by side, likewise.
    pub(crate) fn earliest_indexes(&self, incarnations: &[Incarnation]) -> Vec<Option<u64>> {
        // Which ids may be meant, then what their records say: no read waits for the one before it.
        let mut maybe: Vec<(usize, u32)> = Vec::with_capacity(incarnations.len() * 2);
        for (asked, incarnation) in incarnations.iter().enumerate() {
            let _none = self.incarnations.find(incarnation_hash(*incarnation), |id| {
                maybe.push((asked, *id));
                false
            });
        }
        let mut earliest = vec![None; incarnations.len()];
        for (asked, id) in maybe {
            let record = self.record(StreamId(id));
            if record.incarnation == incarnations[asked] {
                earliest[asked] = Some(record.earliest_index);
            }
        }
        earliest
    }

    /// All streams that are committed.
    pub(crate) fn visible(&self) -> impl Iterator<Item = (StreamId, &Record)> {
        (0..).map_while(|page| self.page(page)).flatten()
    }

    /// Those of one page; `None` behind the last one.
    pub(crate) fn page(&self, page: usize) -> Option<impl Iterator<Item = (StreamId, &Record)>> {
        let records = self.pages.get(page)?;
        let first = u32::try_from(page * PAGE_RECORDS).expect("ids have 32 bits");
        let numbered = (first..).zip(records);
        let some = numbered.filter_map(|(id, record)| Some((StreamId(id), record.as_ref()?)));
        Some(some.filter(|(_, record)| record.visible))
    }

    /// Up to `limit` committed streams whose names begin with `prefix`, after the name `after`, by name.
    pub(crate) fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Vec<StreamId> {
        let Some(order) = &self.order else { return Vec::new() };
        let name_of = |id: u32| -> &str { self.record(StreamId(id)).name.as_str() };
        let place = match after {
            Some(after) if prefix <= after => order.after(after, name_of),
            _ => order.from(prefix, name_of),
        };
        order
            .iter_from(place)
            .take_while(|id| name_of(*id).starts_with(prefix))
            .map(StreamId)
            .filter(|id| self.record(*id).visible)
            .take(limit)
            .collect()
    }

    /// The same config as that of the stream before, if it is: most are.
    pub(crate) fn share_config(&mut self, config: StreamConfig) -> Arc<StreamConfig> {
        match &self.recent_config {
            Some(recent) if **recent == config => Arc::clone(recent),
            _ => Arc::clone(self.recent_config.insert(Arc::new(config))),
        }
    }

    /// Puts all names in order, from here on.
    pub(crate) fn begin_order(&mut self) {
        let mut ids: Vec<u32> = self.visible().map(|(id, _)| id.0).collect();
        ids.sort_unstable_by(|a, b| self.record(StreamId(*a)).name.cmp(&self.record(StreamId(*b)).name));
        self.order = Some(NameOrder::from_sorted(&ids));
    }

    /// Checks what recovery has put together: no name twice.
    pub(crate) fn add_recovered(&mut self, record: Record) -> Result<(), Contradiction> {
        if self.named(record.name.as_str()).is_some() || self.of(record.incarnation).is_some() {
            return Err(Contradiction);
        }
        self.insert(record);
        Ok(())
    }

    /// Begins a copy of the directory as it is now. Nothing may be staged.
    pub(crate) fn begin_copy(&mut self, settings: &LogSettings) {
        let places = u32::try_from(self.pages.len() * PAGE_RECORDS).expect("ids have 32 bits");
        self.copying = Some(Copying::new(places, settings));
    }

    /// Copies a few more streams, as they were when the copy began; `None` when all are copied.
    pub(crate) fn copy_chunk(&mut self) -> Option<CopiedChunk> {
        let copying = self.copying.as_mut()?;
        let pages = &self.pages;
        let chunk = copying.next_chunk(|id| {
            let (page, at) = place(id);
            pages[page][at].as_ref()
        });
        if chunk.is_none() {
            self.copying = None;
        }
        chunk
    }

    /// Gives up a copy.
    pub(crate) fn end_copy(&mut self) {
        self.copying = None;
    }

    /// Forgets where entries in segments up to `sealed` are: those are read from blocks. Looks at one page of streams.
    pub(crate) fn forget_sealed(&mut self, page: usize, sealed: u32) -> bool {
        let Some(records) = self.pages.get_mut(page) else { return false };
        for record in records.iter_mut().flatten() {
            record.forget_sealed(sealed);
        }
        true
    }

    fn find(&self, name: &str, which: impl Fn(&Record) -> bool) -> Option<StreamId> {
        let found = self.names.find(self.hasher.hash_one(name), |id| {
            let record = self.record(StreamId(*id));
            record.name.as_str() == name && which(record)
        });
        found.map(|id| StreamId(*id))
    }

    /// Adds a page of free places, and takes the first of them.
    fn grow(&mut self) -> u32 {
        let first = u32::try_from(self.pages.len() * PAGE_RECORDS).expect("ids have 32 bits");
        let mut page = Vec::with_capacity(PAGE_RECORDS);
        page.resize_with(PAGE_RECORDS, || None);
        self.pages.push(page);
        let end = first + u32::try_from(PAGE_RECORDS).expect("a page is small");
        self.free.extend((first + 1..end).rev());
        first
    }
}

/// The bits of an incarnation are random, but in memory half of them are the same for a whole process.
fn incarnation_hash(incarnation: Incarnation) -> u64 {
    incarnation.to_bits().wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Page and place on it.
fn place(id: u32) -> (usize, usize) {
    let id = id as usize;
    (id / PAGE_RECORDS, id % PAGE_RECORDS)
}
