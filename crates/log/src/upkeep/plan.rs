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

/// The next task, if there is one. None that may write more than `write_max` bytes: that much was found not to fit.
pub(super) fn next(blocks: &[BlockMeta], write_max: u64, settings: &LogSettings) -> Option<Task> {
    if let Some(at) = blocks.iter().position(|block| block.weight <= block.dead_weight) {
        return Some(Task::Drop { at });
    }
    let mostly_dead = |block: &BlockMeta| {
        block.weight.saturating_mul(DEAD_PERCENT) <= block.dead_weight.saturating_mul(100)
    };
    // That of which least is to be written gives most room for it: on a full disk it may be the only one that fits.
    let rewritable = blocks.iter().enumerate().filter(|(_, block)| mostly_dead(block));
    if let Some((at, block)) = rewritable.min_by_key(|(_, block)| block.live_bytes())
        && block.live_bytes() <= write_max
    {
        return Some(Task::Merge { range: at..at + 1 });
    }
    let sizes: Vec<u32> = blocks.iter().map(|block| size_of_block(block, settings)).collect();
    let largest = sizes.iter().copied().max()?;
    let fits = |task: &Task| match task {
        Task::Drop { .. } => true,
        Task::Merge { range } => {
            blocks[range.clone()].iter().map(BlockMeta::live_bytes).sum::<u64>() <= write_max
        }
    };
    (0..=largest).filter_map(|size| neighbours(&sizes, size, settings.merge_blocks)).find(fits)
}

/// Enough blocks of a size, with none between them but smaller ones, which go along.
fn neighbours(sizes: &[u32], size: u32, count: usize) -> Option<Task> {
    let mut start = 0;
    for run in sizes.split(|it| size < *it) {
        if count <= run.iter().filter(|it| **it == size).count() {
            let length = run.len().min(count * 2);
            return Some(Task::Merge { range: start..start + length });
        }
        start += run.len() + 1;
    }
    None
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

    fn settings() -> LogSettings {
        LogSettings { segment_bytes: SEGMENT, merge_blocks: 4, ..LogSettings::default() }
    }

    fn block(bytes: u64, dead_weight: u64) -> BlockMeta {
        BlockMeta { id: 1, first_segment: 1, last_segment: 1, footer_crc: 0, bytes, weight: 100, dead_weight }
    }

    #[test]
    fn what_is_dead_goes_first() {
        let blocks = [block(1_000, 0), block(1_000, 35), block(1_000, 100)];
        assert_eq!(next(&blocks, u64::MAX, &settings()), Some(Task::Drop { at: 2 }));
        assert_eq!(next(&blocks[..2], u64::MAX, &settings()), Some(Task::Merge { range: 1..2 }));
        assert_eq!(next(&blocks[..1], u64::MAX, &settings()), None);
    }

    #[test]
    fn what_does_not_fit_is_left_and_the_least_comes_first() {
        let blocks = [block(4_000, 40), block(1_000, 40), block(1_000, 0)];
        assert_eq!(next(&blocks, u64::MAX, &settings()), Some(Task::Merge { range: 1..2 }));
        assert_eq!(next(&blocks, 600, &settings()), Some(Task::Merge { range: 1..2 }));
        assert_eq!(next(&blocks, 599, &settings()), None);
    }

    #[test]
    fn enough_neighbours_of_one_size_become_one() {
        let of = |sizes: &[u64]| {
            next(&sizes.iter().map(|bytes| block(*bytes, 0)).collect::<Vec<_>>(), u64::MAX, &settings())
        };
        assert_eq!(of(&[1_000, 500, 1_200]), None);
        assert_eq!(of(&[1_000, 500, 1_200, 1_000]), Some(Task::Merge { range: 0..4 }));
        assert_eq!(of(&[4_500, 1_000, 1_000, 1_000, 1_000]), Some(Task::Merge { range: 1..5 }));
        assert_eq!(of(&[4_500, 4_500, 4_500, 1_000, 4_500]), Some(Task::Merge { range: 0..5 }));
        assert_eq!(of(&[19_000, 4_500, 4_500, 1_000]), None);
    }

    #[test]
    fn blocks_stay_few_and_are_not_written_often() {
        let settings = settings();
        let (mut blocks, mut written) = (Vec::new(), 0);
        for _ in 0..1_000 {
            blocks.push(block(SEGMENT, 0));
            while let Some(Task::Merge { range }) = next(&blocks, u64::MAX, &settings) {
                let bytes = blocks[range.clone()].iter().map(|block| block.bytes).sum();
                written += bytes;
                blocks.splice(range, [block(bytes, 0)]);
            }
            assert!(blocks.len() < 20);
        }
        assert!(written <= 5 * 1_000 * SEGMENT, "{written}");
    }
}
