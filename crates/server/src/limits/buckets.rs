//! What was done lately, by key: a bucket that each act takes from, and that fills with time.
//!
//! A bucket is one number, the time at which it will be full again. So it needs no clock of its own, and one that is full need not
//! be remembered.

use super::key::{Key, KeyHasher};
use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How a bucket fills, and how much it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate {
    per_second: u64,
    burst_ns: u64,
}

impl Rate {
    /// So much a second, and what comes in that time at once; `None` for 0.
    pub(super) fn new(per_second: u64, burst: Duration) -> Option<Rate> {
        let burst_ns = u64::try_from(burst.as_nanos()).unwrap_or(u64::MAX);
        (per_second != 0).then_some(Rate { per_second, burst_ns })
    }

    /// How long it takes to fill in again what that many take.
    fn cost_ns(self, count: u64) -> u64 {
        let cost = (u128::from(count) * 1_000_000_000).div_ceil(u128::from(self.per_second));
        u64::try_from(cost).unwrap_or(u64::MAX)
    }
}

/// The time at which it is full, in nanoseconds of the worker's clock. The clocks of workers differ by what lies between their starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bucket {
    full_at_ns: u64,
}

impl Bucket {
    /// Takes, or says how long to wait. What is more than it ever holds is given by a full one, and is waited for afterwards.
    fn take(&mut self, count: u64, rate: Rate, now_ns: u64) -> Result<(), Duration> {
        let cost_ns = rate.cost_ns(count);
        let missing_ns = self.full_at_ns.saturating_sub(now_ns);
        let fits = missing_ns.saturating_add(cost_ns) <= rate.burst_ns;
        if !fits && missing_ns != 0 {
            let held_ns = rate.burst_ns.max(cost_ns);
            return Err(Duration::from_nanos(missing_ns.saturating_add(cost_ns) - held_ns));
        }
        self.full_at_ns = self.full_at_ns.max(now_ns).saturating_add(cost_ns);
        Ok(())
    }
}

type Table = HashMap<Key, Bucket, BuildHasherDefault<KeyHasher>>;

/// The buckets of those who did something lately. When there is no room for more of them, those that were used longest ago are forgotten,
/// as if they were full: so who comes from very many addresses is limited less, and memory stays as it is.
pub(super) struct Buckets {
    parts: Vec<Mutex<Part>>,
    /// How many keys one of the two tables of a part may have.
    half_max: usize,
}

/// A part, in two tables: who is used goes to the fresh one, and when that is full the other one is forgotten.
#[derive(Default)]
struct Part {
    fresh: Table,
    stale: Table,
    turned_ns: u64,
}

impl Buckets {
    const PARTS: usize = 16;
    /// However few there are: after that time those which are full are forgotten.
    const TURN_NS: u64 = 60_000_000_000;

    /// For so many at most.
    pub(super) fn new(count_max: usize) -> Buckets {
        let parts = std::iter::repeat_with(Mutex::default).take(Buckets::PARTS).collect();
        Buckets { parts, half_max: (count_max / Buckets::PARTS / 2).max(1) }
    }

    /// Takes so much, or says how long to wait; then nothing was taken.
    pub(super) fn take(&self, key: Key, count: u64, rate: Rate, now_ms: u64) -> Result<(), Duration> {
        let now_ns = now_ms.saturating_mul(1_000_000);
        let mut part = self.part(key);
        part.forget(self.half_max, now_ns);
        let part = &mut *part;
        let bucket = match part.stale.remove(&key) {
            Some(bucket) => part.fresh.entry(key).or_insert(bucket),
            None => part.fresh.entry(key).or_default(),
        };
        bucket.take(count, rate, now_ns)
    }

    /// As if that much had not been taken.
    pub(super) fn give_back(&self, key: Key, count: u64, rate: Rate) {
        if let Some(bucket) = self.part(key).fresh.get_mut(&key) {
            bucket.full_at_ns = bucket.full_at_ns.saturating_sub(rate.cost_ns(count));
        }
    }

    fn part(&self, key: Key) -> MutexGuard<'_, Part> {
        self.parts[key.part(Buckets::PARTS)].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.parts
            .iter()
            .map(|part| part.lock().unwrap())
            .map(|part| part.fresh.len() + part.stale.len())
            .sum()
    }
}

impl Part {
    /// Makes room for one more.
    fn forget(&mut self, half_max: usize, now_ns: u64) {
        if half_max <= self.fresh.len() {
            self.stale = std::mem::take(&mut self.fresh);
            self.turned_ns = now_ns;
        } else if self.turned_ns.saturating_add(Buckets::TURN_NS) <= now_ns {
            self.stale.retain(|_, bucket| now_ns < bucket.full_at_ns);
            self.fresh.retain(|_, bucket| now_ns < bucket.full_at_ns);
            self.stale.shrink_to_fit();
            self.fresh.shrink_to_fit();
            self.turned_ns = now_ns;
        }
    }
}
