//! Reads every page of a block, and compares what they say with its index, its table and its footer.
//!
//! Pages are read one after another by their lengths. After one that is damaged the index says where the next one is.

use super::super::{Damage, LookError, Meter};
use crate::block::{Block, BlockError};
use crate::format::{
    BlockFooter, BlockHeader, BlockMeta, IndexEntry, IndexPage, Key, PAGE_HEADER_BYTES, Page, TableEntry,
    TablePage, page_bytes,
};
use crate::storage::Storage;
use std::collections::VecDeque;
use std::io;
use tidings_model::Incarnation;

/// Messages of one stream that follow one another in a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) incarnation: Incarnation,
    pub(super) first_index: u64,
    pub(super) end_index: u64,
    /// Where its first page is.
    pub(super) at: u64,
    /// Of its first part.
    pub(super) previous_segment: u32,
}

/// Takes the runs of a block in order; an error is what is wrong with one.
pub(super) type OnRun<'a> = dyn FnMut(Run) -> Result<(), String> + 'a;

/// Reads a block. Returns how many pages it has.
pub(super) fn verify_block(
    storage: &dyn Storage,
    (meta, log_id): (BlockMeta, u64),
    on_run: &mut OnRun<'_>,
    damage: &mut Vec<Damage>,
    meter: &mut Meter<'_>,
) -> Result<u64, LookError> {
    let name = Block::name(meta.id);
    let block = match Block::open(storage, meta, log_id) {
        Ok(block) => block,
        Err(error) => {
            meter.add(meta.bytes);
            damage.push(damage_of(&name, error)?);
            return Ok(0);
        }
    };
    let mut check = Check {
        block: &block,
        name,
        damage,
        on_run,
        whole: true,
        totals: Totals::default(),
        last: None,
        run: None,
        stream: None,
        streams: VecDeque::new(),
        table: VecDeque::new(),
        data: Vec::new(),
        index_pages: 0,
        table_pages: 0,
    };
    check.read(meter)?;
    check.finish();
    Ok(check.totals.pages)
}

fn damage_of(name: &str, error: BlockError) -> Result<Damage, LookError> {
    match error {
        BlockError::Storage(error) => Err(error.into()),
        BlockError::Damaged { at, .. } => {
            Ok(Damage::new(name, at, "it is not what was written; no message of this block can be read"))
        }
        BlockError::Version(_) => Ok(Damage::new(name, 0, "it is of another version of the format")),
    }
}

#[derive(Default)]
struct Totals {
    pages: u64,
    streams: u64,
    messages: u64,
    message_bytes: u64,
}

/// A block that is read.
struct Check<'a> {
    block: &'a Block,
    name: String,
    damage: &'a mut Vec<Damage>,
    on_run: &'a mut OnRun<'a>,
    /// Every page so far was sound, so that they can be compared with one another.
    whole: bool,
    totals: Totals,
    /// Behind the last message.
    last: Option<Key>,
    run: Option<Run>,
    /// The stream of the last part, as the table should have it.
    stream: Option<TableEntry>,
    /// Streams that the table did not name yet, and the other way round.
    streams: VecDeque<TableEntry>,
    table: VecDeque<TableEntry>,
    /// Data pages since the last index page.
    data: Vec<IndexEntry>,
    index_pages: usize,
    table_pages: usize,
}

impl Check<'_> {
    fn read(&mut self, meter: &mut Meter<'_>) -> io::Result<()> {
        let (mut at, end) = (BlockHeader::BYTES as u64, self.block.footer.top_at);
        meter.add(self.block.meta.bytes - (end - at));
        while at < end {
            let next = match self.page(at, end)? {
                Some(bytes) => at + bytes,
                None => {
                    self.fail(at, "the page is not what was written; its messages are lost");
                    self.next_known(at)?.unwrap_or(end)
                }
            };
            meter.add(next - at);
            at = next;
        }
        Ok(())
    }

    /// Reads the page at a position. `None` where there is no sound one.
    fn page(&mut self, at: u64, end: u64) -> io::Result<Option<u64>> {
        let file = self.block.file();
        let mut header = [0; PAGE_HEADER_BYTES];
        if end - at < header.len() as u64 {
            return Ok(None);
        }
        file.read_at(at, &mut header)?;
        let length = page_bytes(&header) as u64;
        if end - at < length {
            return Ok(None);
        }
        let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
        file.read_at(at, &mut bytes)?;
        self.totals.pages += 1;
        let id = self.block.meta.id;
        let entry = |first| IndexEntry { first, at, bytes: u32::try_from(length).unwrap_or(u32::MAX) };
        if let Some(page) = Page::decode(&bytes, id) {
            if let Some(first) = self.data_page(at, &page) {
                self.data.push(entry(first));
            }
            return Ok(Some(length));
        }
        if let Some(entries) = IndexPage::decode(&bytes, id) {
            let place = entries.first().map(|first| entry(first.first));
            let named = self.block.top().index.get(self.index_pages).copied();
            self.index_pages += 1;
            if self.whole && (entries != self.data || place != named) {
                self.contradict(at, "the index does not name the pages that are there");
            }
            self.data.clear();
            return Ok(Some(length));
        }
        let Some(entries) = TablePage::decode(&bytes, id) else { return Ok(None) };
        let place = entries.first().map(|first| entry(first.first));
        let named = self.block.top().table.get(self.table_pages).copied();
        self.table_pages += 1;
        if self.whole && place != named {
            self.contradict(at, "the top does not name the table page that is there");
        }
        self.table.extend(entries);
        self.compare_table(at);
        Ok(Some(length))
    }

    /// Where the index knows the next page behind a damaged one.
    fn next_known(&self, at: u64) -> io::Result<Option<u64>> {
        let top = self.block.top();
        let behind = |entry: &IndexEntry| Some(entry.at).filter(|it| at < *it);
        let table = top.table.iter().find_map(behind);
        let mut next = top.index.iter().find_map(behind).into_iter().chain(table).min();
        if let Some(place) = top.index.iter().find(|entry| at < entry.at) {
            let mut bytes = vec![0; place.bytes as usize];
            self.block.file().read_at(place.at, &mut bytes)?;
            let entries = IndexPage::decode(&bytes, self.block.meta.id).unwrap_or_default();
            next = entries.iter().find_map(behind).into_iter().chain(next).min();
        }
        Ok(next)
    }

    /// Reads every batch of a page. Returns the key of its first message.
    fn data_page(&mut self, at: u64, page: &Page) -> Option<Key> {
        let mut first = None;
        for part in page.parts() {
            let batches = part.as_ref().and_then(|part| {
                let bytes = page.batches(part).map(|batch| batch.map(|it| it.message_bytes()));
                bytes.sum::<Option<u64>>()
            });
            let (Some(part), Some(bytes)) = (part, batches) else {
                self.fail(at, "its checksum is right, but no page says this");
                return first;
            };
            let incarnation = part.stream.incarnation;
            let key = |index| Key { incarnation: incarnation.to_bits(), index };
            first.get_or_insert(key(part.first_index));
            if self.last.is_some_and(|last| key(part.first_index) < last) {
                self.contradict(at, "messages are not in the order of streams and indexes");
            }
            self.last = Some(key(part.end_index()));
            let count = u64::from(part.messages_count);
            self.totals.messages += count;
            self.totals.message_bytes += bytes;
            self.count(key(part.first_index), count, bytes);
            let goes_on = |run: &Run| run.incarnation == incarnation && run.end_index == part.first_index;
            match self.run.as_mut().filter(|run| goes_on(run)) {
                Some(run) => run.end_index = part.end_index(),
                None => {
                    self.end_run();
                    self.run = Some(Run {
                        incarnation,
                        first_index: part.first_index,
                        end_index: part.end_index(),
                        at,
                        previous_segment: part.stream.previous_segment,
                    });
                }
            }
        }
        self.compare_table(at);
        first
    }

    fn count(&mut self, first: Key, messages_count: u64, message_bytes: u64) {
        match self.stream.as_mut().filter(|stream| stream.first.incarnation == first.incarnation) {
            Some(stream) => {
                stream.messages_count += messages_count;
                stream.message_bytes += message_bytes;
            }
            None => {
                self.totals.streams += 1;
                self.streams.extend(self.stream.take());
                self.stream = Some(TableEntry { first, messages_count, message_bytes });
            }
        }
    }

    fn end_run(&mut self) {
        if let Some(run) = self.run.take()
            && self.whole
            && let Err(what) = (self.on_run)(run)
        {
            self.damage.push(Damage::new(&*self.name, run.at, what));
        }
    }

    fn compare_table(&mut self, at: u64) {
        while let (Some(stream), Some(entry)) = (self.streams.front(), self.table.front()) {
            if stream != entry {
                self.contradict(at, "the table does not name the streams that are there");
                return;
            }
            self.streams.pop_front();
            self.table.pop_front();
        }
    }

    fn finish(&mut self) {
        self.end_run();
        self.streams.extend(self.stream.take());
        let top_at = self.block.footer.top_at;
        self.compare_table(top_at);
        let BlockFooter { id, log_id, streams_count, messages_count, message_bytes, .. } = self.block.footer;
        let BlockFooter { first_segment, last_segment, .. } = self.block.footer;
        let (meta, top) = (self.block.meta, self.block.top());
        let counted = self.streams.is_empty()
            && self.table.is_empty()
            && self.data.is_empty()
            && (self.index_pages, self.table_pages) == (top.index.len(), top.table.len());
        if self.whole && !counted {
            self.contradict(top_at, "the top does not name all pages, or the table not all streams");
        }
        let Totals { streams, messages, message_bytes: bytes, .. } = self.totals;
        let right = (streams, messages, bytes) == (streams_count, messages_count, message_bytes)
            && (first_segment, last_segment) == (meta.first_segment, meta.last_segment)
            && meta.weight == message_bytes + messages_count * BlockMeta::MESSAGE_WEIGHT
            && id == meta.id;
        if self.whole && !(right && log_id != 0) {
            let footer_at = meta.bytes - BlockFooter::BYTES as u64;
            self.contradict(
                footer_at,
                "the footer does not count what is there, or not as the manifest does",
            );
        }
    }

    /// Something can't be read. The rest can't be compared with it.
    fn fail(&mut self, at: u64, what: &str) {
        self.whole = false;
        self.damage.push(Damage::new(&*self.name, at, what));
    }

    /// Checksums are right, but two parts of the block say different things. Told once.
    fn contradict(&mut self, at: u64, what: &str) {
        if self.whole {
            self.fail(at, what);
        }
    }
}
