//! Sealed blocks: the messages of a range of segments, sorted by stream, in files that never change.

mod cursor;
mod writer;

pub(crate) use cursor::{BatchInBlock, BlockCursor, Found};
pub(crate) use writer::{BlockWriter, Paced, making_name};

use crate::format::{
    BlockFooter, BlockHeader, BlockMeta, FormatError, IndexEntry, IndexPage, Key, Page, TableEntry,
    TablePage, Top,
};
use crate::storage::{Storage, StorageFile};
use std::io;
use std::sync::Arc;

/// An open block. Its top is in memory, everything else is read when it is asked for.
pub(crate) struct Block {
    pub(crate) meta: BlockMeta,
    pub(crate) footer: BlockFooter,
    top: Top,
    file: Arc<dyn StorageFile>,
}

/// Why a block can't be opened or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BlockError {
    #[error(transparent)]
    Storage(#[from] io::Error),
    /// What is at that position is not what was written.
    #[error("byte {at} of block {id} is not what was written")]
    Damaged { id: u32, at: u64 },
    /// It is sound, but of another version of the format.
    #[error("another version of the format")]
    Version(FormatError),
}

impl Block {
    /// The name of the file of a block.
    pub(crate) fn name(id: u32) -> String {
        format!("{id:08}.block")
    }

    /// Opens the block that the manifest names.
    pub(crate) fn open(storage: &dyn Storage, meta: BlockMeta, log_id: u64) -> Result<Block, BlockError> {
        let damaged = |at| BlockError::Damaged { id: meta.id, at };
        let file = storage.open(&Block::name(meta.id)).map_err(|error| {
            if error.kind() == io::ErrorKind::NotFound { damaged(0) } else { error.into() }
        })?;
        let bytes = file.bytes()?;
        let least = (BlockHeader::BYTES + BlockFooter::BYTES) as u64;
        if bytes != meta.bytes || bytes < least {
            return Err(damaged(0));
        }
        let mut header = vec![0; BlockHeader::BYTES];
        file.read_at(0, &mut header)?;
        match BlockHeader::decode(&header) {
            Ok(header) if header == (BlockHeader { id: meta.id, log_id }) => {}
            Ok(_) | Err(FormatError::Damaged) => return Err(damaged(0)),
            Err(version) => return Err(BlockError::Version(version)),
        }
        let footer_at = bytes - BlockFooter::BYTES as u64;
        let mut footer = [0; BlockFooter::BYTES];
        file.read_at(footer_at, &mut footer)?;
        let footer = match BlockFooter::decode(&footer) {
            Some((footer, crc)) if crc == meta.footer_crc && footer.file_bytes() == Some(bytes) => footer,
            _ => return Err(damaged(footer_at)),
        };
        // What the footer says was checked against the size of the file.
        let mut top = vec![0; usize::try_from(footer.top_bytes).map_err(|_| damaged(footer_at))?];
        file.read_at(footer.top_at, &mut top)?;
        let top = Top::decode(&top).ok_or_else(|| damaged(footer.top_at))?;
        Ok(Block { meta, footer, top, file })
    }

    /// The data page that has a key, if any has, and its place among all pages: the last one that does not begin behind it.
    pub(crate) fn page_of(&self, key: Key) -> Result<Option<(PagePlace, Page)>, BlockError> {
        let Some(index_page) = self.top.index.partition_point(|entry| entry.first <= key).checked_sub(1)
        else {
            return Ok(None);
        };
        let entries = self.index_page(index_page)?;
        let Some(entry) = entries.partition_point(|entry| entry.first <= key).checked_sub(1) else {
            return Err(self.damaged(self.top.index[index_page].at));
        };
        let place = PagePlace { index_page, entry, entries: entries.into() };
        Ok(Some((place.clone(), self.page(place.entries[entry])?)))
    }

    /// The first data page.
    pub(crate) fn first_page(&self) -> Result<Option<(PagePlace, Page)>, BlockError> {
        self.page_at(0, 0)
    }

    /// The data page behind another.
    pub(crate) fn page_after(&self, place: &PagePlace) -> Result<Option<(PagePlace, Page)>, BlockError> {
        match place.entries.get(place.entry + 1) {
            Some(entry) => {
                let next = PagePlace { entry: place.entry + 1, ..place.clone() };
                Ok(Some((next, self.page(*entry)?)))
            }
            None => self.page_at(place.index_page + 1, 0),
        }
    }

    fn page_at(&self, index_page: usize, entry: usize) -> Result<Option<(PagePlace, Page)>, BlockError> {
        if self.top.index.len() <= index_page {
            return Ok(None);
        }
        let entries: Arc<[IndexEntry]> = self.index_page(index_page)?.into();
        match entries.get(entry).copied() {
            Some(found) => Ok(Some((PagePlace { index_page, entry, entries }, self.page(found)?))),
            None => Err(self.damaged(self.top.index[index_page].at)),
        }
    }

    /// The streams of the block, a page of them at a time.
    pub(crate) fn table(&self) -> impl Iterator<Item = Result<Vec<TableEntry>, BlockError>> {
        self.top.table.iter().map(|place| {
            let bytes = self.read(*place)?;
            TablePage::decode(&bytes, self.meta.id).ok_or_else(|| self.damaged(place.at))
        })
    }

    /// All bytes of the block.
    pub(crate) fn file(&self) -> &Arc<dyn StorageFile> {
        &self.file
    }

    /// Where the index and table pages are.
    pub(crate) fn top(&self) -> &Top {
        &self.top
    }

    fn index_page(&self, index_page: usize) -> Result<Vec<IndexEntry>, BlockError> {
        let place = self.top.index[index_page];
        let bytes = self.read(place)?;
        IndexPage::decode(&bytes, self.meta.id).ok_or_else(|| self.damaged(place.at))
    }

    fn page(&self, place: IndexEntry) -> Result<Page, BlockError> {
        let bytes = self.read(place)?;
        Page::decode(&bytes, self.meta.id).ok_or_else(|| self.damaged(place.at))
    }

    fn read(&self, place: IndexEntry) -> Result<Vec<u8>, BlockError> {
        let end = place.at.checked_add(u64::from(place.bytes));
        if end.is_none_or(|end| self.footer.top_at < end) {
            return Err(self.damaged(place.at));
        }
        let mut bytes = vec![0; place.bytes as usize];
        self.file.read_at(place.at, &mut bytes)?;
        Ok(bytes)
    }

    pub(crate) fn damaged(&self, at: u64) -> BlockError {
        BlockError::Damaged { id: self.meta.id, at }
    }
}

/// Where a data page stands among the others. Keeps its index page at hand.
#[derive(Clone)]
pub(crate) struct PagePlace {
    index_page: usize,
    entry: usize,
    entries: Arc<[IndexEntry]>,
}

impl PagePlace {
    /// The position of the page in the file.
    pub(crate) fn at(&self) -> u64 {
        self.entries[self.entry].at
    }

    /// The first message of the page behind this one, where its index page knows.
    pub(crate) fn next_first(&self) -> Option<Key> {
        self.entries.get(self.entry + 1).map(|entry| entry.first)
    }
}
