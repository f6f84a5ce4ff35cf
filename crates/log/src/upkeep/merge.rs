//! Writes one block in place of several neighbours, without what is dead.

use super::{Obsolete, Pace, Trouble, Upkeep, Worked};
use crate::block::{Block, BlockError, BlockWriter, Paced, PagePlace, making_name};
use crate::format::{Page, Part};
use std::ops::Range;
use std::sync::Arc;
use tidings_model::Incarnation;

impl Upkeep {
    /// Merges the blocks in a range of places.
    pub(super) fn merge(&mut self, range: Range<usize>, pace: &mut Pace<'_>) -> Result<(), Trouble> {
        let blocks: Vec<Arc<Block>> = self.contents.files().blocks[range].to_vec();
        let (Some(first), Some(last)) = (blocks.first(), blocks.last()) else { return Ok(()) };
        let segments = (first.meta.first_segment, last.meta.last_segment);
        let live_bytes = blocks.iter().map(|block| block.meta.live_bytes()).sum::<u64>();
        self.merging = Some(live_bytes);
        let old: Vec<u32> = blocks.iter().map(|block| block.meta.id).collect();
        let mut inputs = blocks.into_iter().map(Input::open).collect::<Result<Vec<_>, _>>()?;
        let id = self.take_id();
        let mut writer = self.writer(id, segments)?;
        while let Some(incarnation) = inputs.iter().filter_map(Input::incarnation).min() {
            for input in &mut inputs {
                self.merge_stream(incarnation, input, &mut writer, pace)?;
            }
        }
        let merged = if writer.is_empty() {
            drop(writer);
            self.storage.remove(&making_name(id))?;
            None
        } else {
            Some(writer.finish()?)
        };
        // Blocks may have come behind these meanwhile, but these are where they were.
        let mut next = self.next_manifest();
        let start = next.blocks.iter().position(|block| old.first() == Some(&block.id));
        let start = start.expect("only a merge takes blocks away");
        next.written.merged_blocks += merged.map_or(0, |block| block.bytes);
        next.blocks.splice(start..start + old.len(), merged);
        self.install(next, &Obsolete { blocks: old, ..Obsolete::default() })?;
        self.merging = None;
        Ok(())
    }

    /// The parts of one stream in one block. What can't wait is done in between.
    fn merge_stream(
        &mut self,
        incarnation: Incarnation,
        input: &mut Input,
        writer: &mut BlockWriter,
        pace: &mut Pace<'_>,
    ) -> Result<(), Trouble> {
        while let Some(part) = input.part().filter(|part| part.stream.incarnation == incarnation) {
            let earliest_index = self.earliest_index(incarnation).unwrap_or(u64::MAX);
            if earliest_index < part.end_index() {
                for batch in input.page.batches(part) {
                    let batch = batch.ok_or_else(|| input.damaged())?;
                    if earliest_index < batch.end_index() {
                        writer.push_paged(part.stream, &batch)?;
                    }
                }
            }
            input.next()?;
            let written = writer.take_written();
            if 0 < written {
                pace.wrote(written);
                while self.work_beside_merge(pace)? == Worked::Something {}
            }
        }
        Ok(())
    }
}

/// A block that is read from its first part to its last.
struct Input {
    block: Arc<Block>,
    place: Option<PagePlace>,
    page: Page,
    /// The parts of the page, the next one last.
    parts: Vec<Part>,
}

impl Input {
    fn open(block: Arc<Block>) -> Result<Input, BlockError> {
        let Some((place, page)) = block.first_page()? else { return Err(block.damaged(0)) };
        let mut input = Input { block, place: Some(place), page, parts: Vec::new() };
        input.read_parts()?;
        Ok(input)
    }

    fn part(&self) -> Option<&Part> {
        self.parts.last()
    }

    fn incarnation(&self) -> Option<Incarnation> {
        self.part().map(|part| part.stream.incarnation)
    }

    /// To the next part, perhaps on the next page.
    fn next(&mut self) -> Result<(), BlockError> {
        self.parts.pop();
        while self.parts.is_empty()
            && let Some(place) = self.place.take()
            && let Some((place, page)) = self.block.page_after(&place)?
        {
            (self.place, self.page) = (Some(place), page);
            self.read_parts()?;
        }
        Ok(())
    }

    fn read_parts(&mut self) -> Result<(), BlockError> {
        let parts: Option<Vec<Part>> = self.page.parts().collect();
        self.parts = parts.ok_or_else(|| self.damaged())?;
        self.parts.reverse();
        Ok(())
    }

    fn damaged(&self) -> BlockError {
        self.block.damaged(self.place.as_ref().map_or(0, PagePlace::at))
    }
}
