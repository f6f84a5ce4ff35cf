//! Writes a block, in order, once.

use super::Block;
use crate::format::{
    BlockFooter, BlockHeader, BlockMeta, Entries, IndexEntry, IndexPage, Key, PageBuilder, PagedBatch,
    PartStream, TableEntry, TablePage, Top,
};
use crate::storage::{Storage, StorageFile};
use std::io;
use std::sync::Arc;
use tidings_model::Timestamp;

/// Lets whoever works beside the commits go slowly.
pub(crate) trait Paced {
    /// So many bytes were written and synced.
    fn wrote(&mut self, bytes: usize);
}

/// A block that is being written under a name that means nothing.
pub(crate) struct BlockWriter {
    storage: Arc<dyn Storage>,
    /// So much is written and synced at a time.
    write_bytes: usize,
    /// What was written since somebody asked.
    written: usize,
    file: Arc<dyn StorageFile>,
    footer: BlockFooter,
    /// What is in the file.
    at: u64,
    /// What comes behind that.
    buffer: Vec<u8>,
    page: PageBuilder,
    index: Vec<IndexEntry>,
    table: Vec<TableEntry>,
    top: Top,
    /// Always, but in a test that plants a mistake.
    synced: bool,
}

impl BlockWriter {
    /// So much is written and synced at a time: what waits in the page cache would hold up the sync of a commit.
    const WRITE_BYTES: u64 = 1 << 20;

    pub(crate) fn create(
        storage: Arc<dyn Storage>,
        header: BlockHeader,
        segments: (u32, u32),
        segment_bytes: u64,
    ) -> io::Result<BlockWriter> {
        let file = storage.create(&making_name(header.id), 0)?;
        let footer = BlockFooter {
            id: header.id,
            log_id: header.log_id,
            top_at: 0,
            top_bytes: 0,
            streams_count: 0,
            messages_count: 0,
            message_bytes: 0,
            first_segment: segments.0,
            last_segment: segments.1,
        };
        let write_bytes = usize::try_from(BlockWriter::WRITE_BYTES.min(segment_bytes / 4));
        Ok(BlockWriter {
            storage,
            write_bytes: write_bytes.unwrap_or(usize::MAX),
            written: 0,
            file,
            footer,
            at: 0,
            buffer: header.encode(),
            page: PageBuilder::default(),
            index: Vec::new(),
            table: Vec::new(),
            top: Top::default(),
            synced: true,
        })
    }

    /// Leaves out every sync: a mistake that a test plants.
    pub(crate) fn without_sync(self) -> BlockWriter {
        BlockWriter { synced: false, ..self }
    }

    /// Whether nothing was added.
    pub(crate) fn is_empty(&self) -> bool {
        self.footer.messages_count == 0
    }

    /// What was written and synced since the last time that this was asked.
    pub(crate) fn take_written(&mut self) -> usize {
        std::mem::take(&mut self.written)
    }

    /// Bytes of the messages so far.
    pub(crate) fn message_bytes(&self) -> u64 {
        self.footer.message_bytes
    }

    /// Adds the next batch. Batches come in the order of their keys.
    pub(crate) fn push<'m>(
        &mut self,
        stream: PartStream,
        first_index: u64,
        time: Timestamp,
        messages: impl ExactSizeIterator<Item = &'m [u8]> + Clone,
    ) -> io::Result<()> {
        let bytes = messages.clone().map(<[u8]>::len).sum::<usize>() as u64;
        self.count(stream, first_index, messages.len() as u64, bytes)?;
        self.page.push(stream, first_index, time, messages);
        self.end_batch()
    }

    /// Adds the next batch, from another block.
    pub(crate) fn push_paged(&mut self, stream: PartStream, batch: &PagedBatch<'_>) -> io::Result<()> {
        self.count(stream, batch.first_index, u64::from(batch.count), batch.message_bytes())?;
        self.page.push_paged(stream, batch);
        self.end_batch()
    }

    /// Writes the rest, syncs all of it, and gives the file its name. The directory is not synced.
    pub(crate) fn finish(mut self) -> io::Result<BlockMeta> {
        self.end_page()?;
        self.end_table_page();
        self.end_index_page();
        let top = self.top.encode();
        self.footer.top_at = self.at + self.buffer.len() as u64;
        self.footer.top_bytes = top.len() as u64;
        let footer = self.footer.encode();
        let footer_crc = footer.last_chunk::<4>().copied().map_or(0, u32::from_le_bytes);
        self.buffer.extend_from_slice(&top);
        self.buffer.extend_from_slice(&footer);
        self.flush()?;
        let BlockFooter { id, first_segment, last_segment, message_bytes, messages_count, .. } = self.footer;
        self.storage.rename(&making_name(id), &Block::name(id))?;
        Ok(BlockMeta {
            id,
            first_segment,
            last_segment,
            footer_crc,
            bytes: self.at,
            weight: message_bytes + messages_count * BlockMeta::MESSAGE_WEIGHT,
            dead_weight: 0,
        })
    }

    fn count(&mut self, stream: PartStream, first_index: u64, messages: u64, bytes: u64) -> io::Result<()> {
        self.footer.messages_count += messages;
        self.footer.message_bytes += bytes;
        let incarnation = stream.incarnation.to_bits();
        match self.table.last_mut().filter(|last| last.first.incarnation == incarnation) {
            Some(last) => {
                last.messages_count += messages;
                last.message_bytes += bytes;
            }
            None => {
                if self.table.len() == Entries::COUNT_MAX {
                    self.end_table_page();
                    self.flush_if_large()?;
                }
                let first = Key { incarnation, index: first_index };
                self.table.push(TableEntry { first, messages_count: messages, message_bytes: bytes });
                self.footer.streams_count += 1;
            }
        }
        Ok(())
    }

    fn end_batch(&mut self) -> io::Result<()> {
        if self.page.is_full() { self.end_page() } else { Ok(()) }
    }

    fn end_page(&mut self) -> io::Result<()> {
        let Some((first, bytes)) = self.page.finish(self.footer.id) else { return Ok(()) };
        let entry = self.place(first, &bytes);
        self.index.push(entry);
        if self.index.len() == Entries::COUNT_MAX {
            self.end_index_page();
        }
        self.flush_if_large()
    }

    fn end_index_page(&mut self) {
        if let Some(first) = self.index.first().map(|entry| entry.first) {
            let entry = self.place(first, &IndexPage::encode(&self.index, self.footer.id));
            self.top.index.push(entry);
            self.index.clear();
        }
    }

    fn end_table_page(&mut self) {
        if let Some(first) = self.table.first().map(|entry| entry.first) {
            let entry = self.place(first, &TablePage::encode(&self.table, self.footer.id));
            self.top.table.push(entry);
            self.table.clear();
        }
    }

    fn place(&mut self, first: Key, page: &[u8]) -> IndexEntry {
        let at = self.at + self.buffer.len() as u64;
        self.buffer.extend_from_slice(page);
        let bytes = u32::try_from(page.len()).expect("a page is smaller than a segment and a page");
        IndexEntry { first, at, bytes }
    }

    fn flush_if_large(&mut self) -> io::Result<()> {
        if self.write_bytes <= self.buffer.len() { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_at(self.at, &self.buffer)?;
        if self.synced {
            self.file.sync()?;
        }
        self.written += self.buffer.len();
        self.at += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

/// The name of a block or snapshot that is not finished.
pub(crate) fn making_name(id: u32) -> String {
    format!("{id:08}.making")
}
