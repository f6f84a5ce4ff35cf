//! Instruments: what is counted, and in what.
//!
//! Each has one writer, the thread of its worker, so an addition is a load and a store, and nobody waits for anybody.
//! Whoever reads may see one number a moment older than another.

use super::label::Labels;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tidings_engine::Latencies;

/// What a metric is, for whoever reads the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How often something took up to so long.
    Histogram,
}

/// How the numbers of an instrument are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// As they are.
    Whole,
    /// They are microseconds, and written as seconds.
    Seconds,
}

/// How the numbers of several workers become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Merge {
    /// Their sum.
    Sum,
    /// The largest.
    Largest,
}

/// What a table of metrics is made of.
pub(crate) trait Instrument {
    const KIND: Kind;
    const UNIT: Unit = Unit::Whole;
    const MERGE: Merge = Merge::Sum;
    /// What its numbers are told apart by.
    const LABELS: &'static [&'static str] = &[];
    /// How many combinations of labels there are.
    const COUNT: usize = 1;

    /// Its numbers, always as many and in the same order.
    fn read(&self, numbers: &mut Vec<u64>);

    /// The values of the labels of the number at that place.
    fn label_values(_index: usize) -> Vec<&'static str> {
        Vec::new()
    }
}

/// Counts what happens.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// So many more. For the one thread that this belongs to.
    #[inline]
    pub(crate) fn add(&self, count: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(count), Ordering::Relaxed);
    }

    /// One more. For the one thread that this belongs to.
    #[inline]
    pub(crate) fn count(&self) {
        self.add(1);
    }

    /// Was counted elsewhere.
    pub(crate) fn set(&self, count: u64) {
        self.0.store(count, Ordering::Relaxed);
    }
}

impl Instrument for Counter {
    const KIND: Kind = Kind::Counter;

    fn read(&self, numbers: &mut Vec<u64>) {
        numbers.push(self.0.load(Ordering::Relaxed));
    }
}

/// How much there is at the moment.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicU64);

impl Gauge {
    /// One more. For the one thread that this belongs to.
    #[inline]
    pub(crate) fn up(&self) {
        self.set(self.0.load(Ordering::Relaxed).wrapping_add(1));
    }

    /// One less. For the one thread that this belongs to.
    #[inline]
    pub(crate) fn down(&self) {
        self.set(self.0.load(Ordering::Relaxed).wrapping_sub(1));
    }

    /// It is so much now.
    #[inline]
    pub(crate) fn set(&self, amount: u64) {
        self.0.store(amount, Ordering::Relaxed);
    }
}

impl Instrument for Gauge {
    const KIND: Kind = Kind::Gauge;

    fn read(&self, numbers: &mut Vec<u64>) {
        numbers.push(self.0.load(Ordering::Relaxed));
    }
}

/// As [`Gauge`]; of several workers the largest counts.
#[derive(Debug, Default)]
pub(crate) struct Largest(Gauge);

impl Largest {
    /// It is so much now.
    pub(crate) fn set(&self, amount: u64) {
        self.0.set(amount);
    }
}

impl Instrument for Largest {
    const KIND: Kind = Kind::Gauge;
    const MERGE: Merge = Merge::Largest;

    fn read(&self, numbers: &mut Vec<u64>) {
        self.0.read(numbers);
    }
}

/// A number of seconds, kept in microseconds.
#[derive(Debug, Default)]
pub(crate) struct Seconds<I>(I);

impl Seconds<Counter> {
    /// Was counted elsewhere.
    pub(crate) fn set(&self, seconds: Duration) {
        self.0.set(micros(seconds));
    }
}

impl Seconds<Gauge> {
    /// It is so much now.
    pub(crate) fn set(&self, seconds: Duration) {
        self.0.set(micros(seconds));
    }
}

impl<I: Instrument> Instrument for Seconds<I> {
    const KIND: Kind = I::KIND;
    const UNIT: Unit = Unit::Seconds;

    fn read(&self, numbers: &mut Vec<u64>) {
        self.0.read(numbers);
    }
}

/// One instrument for each combination of labels.
#[derive(Debug)]
pub(crate) struct Each<L, I> {
    instruments: Box<[I]>,
    labels: PhantomData<fn(L)>,
}

impl<L: Labels, I: Default> Default for Each<L, I> {
    fn default() -> Each<L, I> {
        Each { instruments: (0..L::COUNT).map(|_| I::default()).collect(), labels: PhantomData }
    }
}

impl<L: Labels, I> Each<L, I> {
    /// That of these labels.
    #[inline]
    pub(crate) fn of(&self, labels: L) -> &I {
        &self.instruments[labels.index()]
    }
}

impl<L: Labels, I: Instrument> Instrument for Each<L, I> {
    const KIND: Kind = I::KIND;
    const UNIT: Unit = I::UNIT;
    const MERGE: Merge = I::MERGE;
    const LABELS: &'static [&'static str] = L::NAMES;
    const COUNT: usize = L::COUNT;

    fn read(&self, numbers: &mut Vec<u64>) {
        self.instruments.iter().for_each(|instrument| instrument.read(numbers));
    }

    fn label_values(index: usize) -> Vec<&'static str> {
        L::values(index)
    }
}

/// How often something took up to so long, and how long all of it took together.
#[derive(Debug, Default)]
pub(crate) struct Histogram(Latencies);

impl Histogram {
    /// The upper bounds of the buckets, in microseconds; above the last one is one more.
    pub(crate) const BOUNDS_US: &'static [u64] = &Latencies::BOUNDS_US;

    /// It took that long. For the one thread that this belongs to.
    pub(crate) fn observe(&self, took: Duration) {
        self.0.observe(took);
    }
}

impl Instrument for Histogram {
    const KIND: Kind = Kind::Histogram;
    const UNIT: Unit = Unit::Seconds;

    /// How many fell into each bucket, by itself; last the sum.
    fn read(&self, numbers: &mut Vec<u64>) {
        numbers.extend(self.0.numbers());
    }
}

/// A histogram that is counted elsewhere.
#[derive(Debug, Default)]
pub(crate) struct HistogramElsewhere(Mutex<Vec<u64>>);

impl HistogramElsewhere {
    /// Its numbers, as [`Latencies::numbers`] gives them.
    pub(crate) fn set(&self, numbers: Vec<u64>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = numbers;
    }
}

impl Instrument for HistogramElsewhere {
    const KIND: Kind = Kind::Histogram;
    const UNIT: Unit = Unit::Seconds;

    fn read(&self, numbers: &mut Vec<u64>) {
        numbers.extend_from_slice(&self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::label::FollowedBy;

    fn read(instrument: &impl Instrument) -> Vec<u64> {
        let mut numbers = Vec::new();
        instrument.read(&mut numbers);
        numbers
    }

    #[test]
    fn each_label_has_its_own_instrument() {
        let followers: Each<FollowedBy, Gauge> = Each::default();
        followers.of(FollowedBy::Sse).up();
        followers.of(FollowedBy::WebSocket).up();
        followers.of(FollowedBy::WebSocket).up();
        followers.of(FollowedBy::Sse).down();
        assert_eq!(read(&followers), [0, 0, 2]);
        assert_eq!(<Each<FollowedBy, Gauge>>::label_values(2), ["websocket"]);
    }
}
