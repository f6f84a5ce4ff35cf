//! Which blocks are merged, rewritten or dropped next.
//!
//! A block of the first size holds one segment; one of the next size holds [`merge_blocks`](LogSettings::merge_blocks)
//! times as much, and so on. So many neighbours of one size or less become one of the next. A message is written once when
//! it is sealed, and once for each size; blocks are few, whatever the number of streams.

use crate::LogSettings;
use crate::format::BlockMeta;
use std::ops::Range;

/// What is to be done with blocks, by their places among all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// Nothing in it lives.
    Drop { at: usize },
    /// One block instead of several neighbours, or of one that is mostly dead.
    Merge { range: Range<usize> },
}

/// A block is rewritten when so many percent of it are dead. What is rewritten is the rest.
const DEAD_PERCENT: u64 = 35;

/// The same while publishers wait for room: it costs eight bytes written for each that comes back, and they have no other.
const DEAD_PERCENT_WHEN_FULL: u64 = 12;

/// So many blocks at least are worth being merged to one that is as large as one may be.
const NEIGHBOURS_MIN: usize = 4;

/// What a task is bounded by at the moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// More than this was found not to fit.
    pub(super) write_max: u64,
    /// Whether there is no room for a segment.
    pub(super) is_full: bool,
}

/// The next task, if there is one.
pub(super) fn next(blocks: &[BlockMeta], bounds: Bounds, settings: &LogSettings) -> Option<Task> {
    if let Some(at) = blocks.iter().position(|block| block.weight <= block.dead_weight) {
        return Some(Task::Drop { at });
    }
    let dead_percent = if bounds.is_full { DEAD_PERCENT_WHEN_FULL } else { DEAD_PERCENT };
    let mostly_dead = |block: &BlockMeta| {
        block.weight.saturating_mul(dead_percent) <= block.dead_weight.saturating_mul(100)
    };
    // That of which least is to be written gives most room for it: on a full disk it may be the only one that fits.
    let rewritable = blocks.iter().enumerate().filter(|(_, block)| mostly_dead(block));
    if let Some((at, block)) = rewritable.min_by_key(|(_, block)| block.live_bytes())
        && block.live_bytes() <= bounds.write_max
    {
        return Some(Task::Merge { range: at..at + 1 });
    }
    let merge = Merge {
        sizes: blocks.iter().map(|block| size_of_block(block, settings)).collect(),
        live_bytes: blocks.iter().map(BlockMeta::live_bytes).collect(),
        count: settings.merge_blocks,
        bytes_max: bounds.write_max.min(settings.merge_bytes_max),
        block_bytes_max: settings.merge_bytes_max,
    };
    let largest = merge.sizes.iter().copied().max()?;
    (0..=largest).find_map(|size| merge.neighbours(size)).map(|range| Task::Merge { range })
}

/// What is known when neighbours are looked for.
struct Merge {
    sizes: Vec<u32>,
    live_bytes: Vec<u64>,
    /// So many of one size are enough.
    count: usize,
    /// No more than that is written.
    bytes_max: u64,
    /// What no block should exceed.
    block_bytes_max: u64,
}

impl Merge {
    /// Enough blocks of a size, with none between them but smaller ones, which go along.
    fn neighbours(&self, size: u32) -> Option<Range<usize>> {
        (0..self.sizes.len())
            .filter_map(|start| self.run_from(start, size))
            .find(|run| self.is_enough(run, size))
    }

    /// As many neighbours from there on as may go into one block.
    fn run_from(&self, start: usize, size: u32) -> Option<Range<usize>> {
        let mut bytes: u64 = 0;
        let fits = |at: &usize| {
            bytes = bytes.saturating_add(self.live_bytes[*at]);
            self.sizes[*at] <= size && bytes <= self.bytes_max
        };
        let length = (start..self.sizes.len()).take(self.count * 2).take_while(fits).count();
        (0 < length).then_some(start..start + length)
    }

    fn is_enough(&self, run: &Range<usize>, size: u32) -> bool {
        if self.count <= self.sizes[run.clone()].iter().filter(|it| **it == size).count() {
            return true;
        }
        // Fewer of them, where another would be too much for any block: not one large block again and again with a little beside it.
        let live_bytes = &self.live_bytes[run.clone()];
        let (sum, largest) = (live_bytes.iter().sum::<u64>(), live_bytes.iter().copied().max().unwrap_or(0));
        let next = self.live_bytes.get(run.end).copied().unwrap_or(0);
        NEIGHBOURS_MIN <= run.len() && largest <= sum / 2 && self.block_bytes_max < sum.saturating_add(next)
    }
}

/// 0 for a block of one segment.
fn size_of_block(block: &BlockMeta, settings: &LogSettings) -> u32 {
    // A sealed segment is hardly larger than the segment, if its messages do not compress.
    let mut size = 0;
    let mut most = settings.segment_bytes + settings.segment_bytes / 4;
    while most < block.bytes {
        size += 1;
        most = most.saturating_mul(settings.merge_blocks as u64);
    }
    size
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEGMENT: u64 = 1_000;
    const ROOM: Bounds = Bounds { write_max: u64::MAX, is_full: false };

    fn settings() -> LogSettings {
        LogSettings { segment_bytes: SEGMENT, merge_blocks: 4, ..LogSettings::default() }
    }

    fn block(bytes: u64, dead_weight: u64) -> BlockMeta {
        BlockMeta { id: 1, first_segment: 1, last_segment: 1, footer_crc: 0, bytes, weight: 100, dead_weight }
    }

    #[test]
    fn what_is_dead_goes_first() {
        let blocks = [block(1_000, 0), block(1_000, 35), block(1_000, 100)];
        assert_eq!(next(&blocks, ROOM, &settings()), Some(Task::Drop { at: 2 }));
        assert_eq!(next(&blocks[..2], ROOM, &settings()), Some(Task::Merge { range: 1..2 }));
        assert_eq!(next(&blocks[..1], ROOM, &settings()), None);
    }

    #[test]
    fn what_does_not_fit_is_left_and_the_least_comes_first() {
        let blocks = [block(4_000, 40), block(1_000, 40), block(1_000, 0)];
        assert_eq!(next(&blocks, ROOM, &settings()), Some(Task::Merge { range: 1..2 }));
        assert_eq!(
            next(&blocks, Bounds { write_max: 600, ..ROOM }, &settings()),
            Some(Task::Merge { range: 1..2 })
        );
        assert_eq!(next(&blocks, Bounds { write_max: 599, ..ROOM }, &settings()), None);
    }

    #[test]
    fn enough_neighbours_of_one_size_become_one() {
        let of = |sizes: &[u64]| {
            next(&sizes.iter().map(|bytes| block(*bytes, 0)).collect::<Vec<_>>(), ROOM, &settings())
        };
        assert_eq!(of(&[1_000, 500, 1_200]), None);
        assert_eq!(of(&[1_000, 500, 1_200, 1_000]), Some(Task::Merge { range: 0..4 }));
        assert_eq!(of(&[4_500, 1_000, 1_000, 1_000, 1_000]), Some(Task::Merge { range: 1..5 }));
        assert_eq!(of(&[4_500, 4_500, 4_500, 1_000, 4_500]), Some(Task::Merge { range: 0..5 }));
        assert_eq!(of(&[19_000, 4_500, 4_500, 1_000]), None);
    }

    #[test]
    fn no_block_gets_larger_by_merging_than_it_may() {
        let settings = LogSettings { merge_bytes_max: 1_000, ..settings() };
        let next = |sizes: &[u64]| {
            next(&sizes.iter().map(|bytes| block(*bytes, 0)).collect::<Vec<_>>(), ROOM, &settings)
        };
        assert_eq!(next(&[1_000, 1_000, 1_000, 1_000, 1_000]), None);
        assert_eq!(next(&[1_000, 250, 250, 250, 250]), Some(Task::Merge { range: 1..5 }));
        // What is small is closed up, but no large block is written for a little beside it.
        assert_eq!(next(&[300, 300, 300, 300]), None);
        let closing_up = LogSettings { merge_blocks: 16, ..settings.clone() };
        let next = |sizes: &[u64]| {
            super::next(&sizes.iter().map(|bytes| block(*bytes, 0)).collect::<Vec<_>>(), ROOM, &closing_up)
        };
        assert_eq!(next(&[200; 5]), None);
        assert_eq!(next(&[200; 6]), Some(Task::Merge { range: 0..5 }));
        assert_eq!(next(&[700, 100, 100, 50, 100]), None);
    }

    #[test]
    fn where_there_is_no_room_less_that_is_dead_is_worth_it() {
        let blocks = [block(1_000, 12)];
        assert_eq!(next(&blocks, ROOM, &settings()), None);
        let full = Bounds { is_full: true, ..ROOM };
        assert_eq!(next(&blocks, full, &settings()), Some(Task::Merge { range: 0..1 }));
        assert_eq!(next(&[block(1_000, 11)], full, &settings()), None);
    }

    #[test]
    fn blocks_stay_few_and_are_not_written_often() {
        let settings = settings();
        let (mut blocks, mut written) = (Vec::new(), 0);
        for _ in 0..1_000 {
            blocks.push(block(SEGMENT, 0));
            while let Some(Task::Merge { range }) = next(&blocks, ROOM, &settings) {
                let bytes = blocks[range.clone()].iter().map(|block| block.bytes).sum();
                written += bytes;
                blocks.splice(range, [block(bytes, 0)]);
            }
            assert!(blocks.len() < 20);
        }
        assert!(written <= 5 * 1_000 * SEGMENT, "{written}");
    }
}
