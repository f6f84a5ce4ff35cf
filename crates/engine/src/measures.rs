//! What the engine measures of itself, as plain numbers: whoever shows them gives them names.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tidings_log::LogSize;

/// How often something took up to so long. One thread at a time writes to it; any may read.
#[derive(Debug, Default)]
pub struct Latencies {
    counts: [AtomicU64; Latencies::BUCKETS],
    sum_us: AtomicU64,
}

impl Latencies {
    /// The upper bounds of the buckets, in microseconds; above the last one is one more.
    pub const BOUNDS_US: [u64; Latencies::BUCKETS - 1] =
        [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 2_500_000];
    const BUCKETS: usize = 13;

    /// It took that long.
    pub fn observe(&self, took: Duration) {
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = Latencies::BOUNDS_US.partition_point(|bound_us| *bound_us < took_us);
        add(&self.counts[bucket], 1);
        add(&self.sum_us, took_us);
    }

    /// How many fell into each bucket, by itself; last the sum, in microseconds.
    pub fn numbers(&self) -> Vec<u64> {
        self.counts.iter().chain([&self.sum_us]).map(|number| number.load(Ordering::Relaxed)).collect()
    }
}

/// What the owner of the order of things counts. It has one owner at a time.
#[derive(Debug, Default)]
pub(crate) struct Measures {
    /// One write and one sync of the disk's log.
    pub(crate) commits: Latencies,
    pub(crate) operations: AtomicU64,
    pub(crate) messages: AtomicU64,
    pub(crate) message_bytes: AtomicU64,
    pub(crate) tail_cache_bytes: AtomicU64,
}

impl Measures {
    /// So many messages are visible now.
    pub(crate) fn on_appended(&self, messages: usize, bytes: usize) {
        add(&self.messages, messages as u64);
        add(&self.message_bytes, bytes as u64);
    }

    /// So many operations were answered.
    pub(crate) fn on_answered(&self, operations: usize) {
        add(&self.operations, operations as u64);
    }
}

/// Without the price of an addition that many threads make at once.
fn add(number: &AtomicU64, more: u64) {
    number.store(number.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
}

/// The engine in numbers, at one moment.
#[derive(Clone, Debug)]
pub struct Measured {
    /// What one write and sync of the disk's log took: see [`Latencies::numbers`].
    pub commits: Vec<u64>,
    /// Operations that were answered since the start, refused ones too.
    pub operations: u64,
    /// Messages that were stored since the start.
    pub messages: u64,
    /// Their bytes.
    pub message_bytes: u64,
    /// What the tail cache takes.
    pub tail_cache_bytes: u64,
    /// Streams, in use or not.
    pub streams: u64,
    /// The log of the disk.
    pub disk: LogSize,
    /// That of `memory` streams.
    pub memory: LogSize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_took_as_long_as_a_bound_is_in_its_bucket() {
        let latencies = Latencies::default();
        for us in [0, 100, 101, 2_500_000, 2_500_001] {
            latencies.observe(Duration::from_micros(us));
        }
        let numbers = latencies.numbers();
        assert_eq!((numbers[0], numbers[1], numbers[11], numbers[12]), (2, 1, 1, 1));
        assert_eq!(numbers[13..], [5_000_202]);
    }
}
