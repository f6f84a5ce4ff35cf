//! How long appends took.

use anyhow::Context;
use hdrhistogram::Histogram;
use std::time::Duration;

/// Durations from a microsecond to a minute, within half a percent.
pub(crate) struct Latency(Histogram<u64>);

impl Latency {
    const NANOSECONDS_MAX: u64 = 60_000_000_000;

    pub(crate) fn new() -> anyhow::Result<Latency> {
        let histogram = Histogram::new_with_bounds(1_000, Latency::NANOSECONDS_MAX, 3);
        Ok(Latency(histogram.context("making a histogram")?))
    }

    /// `count` appends took that long.
    pub(crate) fn record(&mut self, duration: Duration, count: u64) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.0.saturating_record_n(nanoseconds, count);
    }

    pub(crate) fn add(&mut self, other: &Latency) -> anyhow::Result<()> {
        self.0.add(&other.0).context("adding histograms of the same bounds")
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    /// What that part of all appends was at least as fast as.
    #[expect(clippy::cast_precision_loss, reason = "a minute in nanoseconds fits")]
    pub(crate) fn microseconds_at(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1_000.0
    }
}
