//! Reads the messages of one stream in a block, from one of them on.

use super::{Block, BlockError, PagePlace};
use crate::format::{Key, Page, Part};
use std::sync::Arc;
use tidings_model::{Batch, Incarnation};

/// A place in a block, in front of a batch of one stream.
pub(crate) struct BlockCursor {
    block: Arc<Block>,
    place: PagePlace,
    page: Page,
    part: Part,
}

/// What a block has of a stream.
pub(crate) enum Found {
    /// The batch that holds the index is in it, or the first one behind the index, if the block begins later.
    Cursor(BlockCursor),
    /// Nothing from that index on.
    Nothing,
}

impl BlockCursor {
    /// In front of the batch that holds `index`, or of the first one behind it.
    pub(crate) fn find(
        block: &Arc<Block>,
        incarnation: Incarnation,
        index: u64,
    ) -> Result<Found, BlockError> {
        let key = Key { incarnation: incarnation.to_bits(), index };
        // Where the block begins behind the key, the stream may still come later in its first page.
        let found = match block.page_of(key)? {
            Some(found) => Some(found),
            None => block.first_page()?,
        };
        let Some((mut place, mut page)) = found else { return Ok(Found::Nothing) };
        loop {
            if let Some(part) = part_of(block, &place, &page, key)? {
                let block = Arc::clone(block);
                return Ok(Found::Cursor(BlockCursor { block, place, page, part }));
            }
            // A stream that begins exactly with the next page, behind the index that was asked for.
            match block.page_after(&place)? {
                Some((next_place, next_page)) if next_place_may_have(&place, key) => {
                    (place, page) = (next_place, next_page);
                }
                _ => return Ok(Found::Nothing),
            }
        }
    }

    /// The segment with the messages of this stream that lie before those of this block; 0 for none.
    pub(crate) fn previous_segment(&self) -> u32 {
        self.part.stream.previous_segment
    }

    /// The number of the block, and the position of the page.
    pub(crate) fn place(&self) -> (u32, u64) {
        (self.block.meta.id, self.place.at())
    }

    /// The index of the first message of the part that the cursor stands in.
    pub(crate) fn part_first_index(&self) -> u64 {
        self.part.first_index
    }

    /// Hands over the batches that come next and end behind `index`, to the end of the stream in this block or until `take`
    /// wants no more.
    pub(crate) fn next_batches(
        &mut self,
        index: u64,
        mut take: impl FnMut(BatchInBlock<'_>) -> bool,
    ) -> Result<(), BlockError> {
        loop {
            for batch in self.page.batches(&self.part) {
                let batch = batch.ok_or_else(|| self.block.damaged(self.place.at()))?;
                if index < batch.end_index() && !take(BatchInBlock { page: &self.page, batch }) {
                    return Ok(());
                }
            }
            if !self.go_on()? {
                return Ok(());
            }
        }
    }

    /// To the next part of the stream, which is the first one of the next page.
    fn go_on(&mut self) -> Result<bool, BlockError> {
        let key = Key { incarnation: self.part.stream.incarnation.to_bits(), index: self.part.end_index() };
        if let Some(part) = part_of(&self.block, &self.place, &self.page, key)? {
            self.part = part;
            return Ok(true);
        }
        if self.place.next_first().is_some_and(|first| first.incarnation != key.incarnation) {
            return Ok(false);
        }
        let Some((place, page)) = self.block.page_after(&self.place)? else { return Ok(false) };
        match part_of(&self.block, &place, &page, key)? {
            Some(part) => {
                (self.place, self.page, self.part) = (place, page, part);
                Ok(true)
            }
            None => Ok(false),
        }
    }
}

/// A batch that is still a part of its page.
pub(crate) struct BatchInBlock<'a> {
    page: &'a Page,
    batch: crate::format::PagedBatch<'a>,
}

impl BatchInBlock<'_> {
    /// Sizes and time, without the messages.
    pub(crate) fn size(&self) -> crate::BatchSize {
        crate::BatchSize {
            first_index: self.batch.first_index,
            count: self.batch.count,
            bytes: self.batch.message_bytes(),
            time: self.batch.time,
        }
    }

    /// The messages, as parts of the page.
    pub(crate) fn batch(&self) -> Batch {
        self.page.batch(&self.batch)
    }
}

/// The first part of the key's stream in a page that ends behind the key's index.
fn part_of(block: &Block, place: &PagePlace, page: &Page, key: Key) -> Result<Option<Part>, BlockError> {
    for part in page.parts() {
        let part = part.ok_or_else(|| block.damaged(place.at()))?;
        let incarnation = part.stream.incarnation.to_bits();
        if incarnation == key.incarnation && key.index < part.end_index() {
            return Ok(Some(part));
        }
        if key.incarnation < incarnation {
            break;
        }
    }
    Ok(None)
}

/// Whether the page behind this one may begin with the key's stream.
fn next_place_may_have(place: &PagePlace, key: Key) -> bool {
    place.next_first().is_none_or(|first| first.incarnation == key.incarnation)
}
