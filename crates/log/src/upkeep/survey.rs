//! Finds out how much of each block is dead, from its table of streams and the directory.

use super::{Trouble, Upkeep};
use crate::block::Block;
use crate::contents::Contents;
use crate::format::{BlockMeta, TableEntry};
use tidings_model::Incarnation;

impl Upkeep {
    /// Looks through all blocks when enough was trimmed or deleted since the last time. What is found is only kept in
    /// memory until the next manifest.
    pub(super) fn survey_if_due(&mut self) -> Result<(), Trouble> {
        let freed = self.contents.freed_weight();
        let blocks = &self.manifest.current().blocks;
        let live: u64 = blocks.iter().map(|block| block.weight).sum();
        // A sixteenth of all: disk use stays near what lives, and the tables are read for a good reason.
        let enough = (live / 16).min(self.settings.segment_bytes * 4);
        // Where publishers wait for room, much less is worth it.
        let enough =
            if self.supply.is_full() { enough.min(self.settings.segment_bytes / 16) } else { enough };
        let due = match self.surveyed {
            // What died before the start is not counted.
            None => !blocks.is_empty(),
            Some(before) => enough < freed - before,
        };
        if !due {
            return Ok(());
        }
        let files = self.contents.files();
        let mut dead = Vec::with_capacity(files.blocks.len());
        for block in &files.blocks {
            dead.push((block.meta.id, dead_weight(block, &self.contents)?));
        }
        self.manifest.set_dead(|block: &BlockMeta| {
            dead.iter().find(|(id, _)| *id == block.id).map_or(block.dead_weight, |(_, weight)| *weight)
        });
        self.surveyed = Some(freed);
        Ok(())
    }
}

/// The weight of the messages in a block that are trimmed or deleted. Where a trim cuts a run, in proportion.
fn dead_weight(block: &Block, contents: &Contents) -> Result<u64, Trouble> {
    let mut dead = 0;
    for entries in block.table() {
        let entries = entries?;
        let directory = contents.directory();
        for TableEntry { first, messages_count, message_bytes } in entries {
            let earliest = Incarnation::from_bits(first.incarnation)
                .and_then(|incarnation| directory.of(incarnation))
                .map(|id| directory.record(id).earliest_index);
            let gone = match earliest {
                None => messages_count,
                Some(earliest) => earliest.saturating_sub(first.index).min(messages_count),
            };
            dead = u64::saturating_add(dead, gone.saturating_mul(BlockMeta::MESSAGE_WEIGHT));
            dead = dead.saturating_add(match gone {
                0 => 0,
                gone if gone == messages_count => message_bytes,
                gone => share(message_bytes, gone, messages_count),
            });
        }
    }
    Ok(dead)
}

fn share(bytes: u64, part: u64, whole: u64) -> u64 {
    let share = u128::from(bytes) * u128::from(part) / u128::from(whole.max(1));
    u64::try_from(share).unwrap_or(bytes)
}
