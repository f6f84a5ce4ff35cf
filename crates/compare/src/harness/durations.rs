//! Many durations, and what is said of them.

use crate::clock::milliseconds;
use crate::findings::Distribution;
use anyhow::Context as _;
use hdrhistogram::Histogram;

/// Durations from a microsecond to an hour, within a tenth of a percent.
#[derive(Clone, Debug)]
pub(super) struct Durations(Histogram<u64>);

impl Durations {
    const NS_MIN: u64 = 1_000;
    const NS_MAX: u64 = 3_600_000_000_000;

    pub(super) fn new() -> anyhow::Result<Durations> {
        let histogram = Histogram::new_with_bounds(Durations::NS_MIN, Durations::NS_MAX, 3);
        Ok(Durations(histogram.context("making a histogram")?))
    }

    pub(super) fn record_ns(&mut self, ns: u64) {
        self.0.saturating_record(ns);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// What that part of all were at most, in milliseconds; 0 where there are none.
    pub(super) fn at_ms(&self, quantile: f64) -> f64 {
        milliseconds(self.0.value_at_quantile(quantile))
    }

    pub(super) fn distribution(&self) -> Distribution {
        if self.0.is_empty() {
            return Distribution::default();
        }
        let steps = (0..=200).map(|step| f64::from(step) / 200.0);
        Distribution {
            count: self.0.len(),
            mean_ms: self.0.mean() / 1e6,
            p50_ms: self.at_ms(0.5),
            p90_ms: self.at_ms(0.9),
            p99_ms: self.at_ms(0.99),
            max_ms: milliseconds(self.0.max()),
            quantiles_ms: steps.chain([0.995, 0.999]).map(|quantile| self.at_ms(quantile)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distribution_says_what_was_recorded() {
        let mut durations = Durations::new().unwrap();
        assert_eq!(durations.distribution(), Distribution::default());
        for ms in 1..=1_000_u64 {
            durations.record_ns(ms * 1_000_000);
        }
        let found = durations.distribution();
        let near = |value: f64, expected: f64| (value - expected).abs() < 0.002 * expected;
        assert_eq!((found.count, found.quantiles_ms.len()), (1_000, 203));
        assert!(near(found.mean_ms, 500.5) && near(found.p50_ms, 500.0), "{found:?}");
        assert!(near(found.p99_ms, 990.0) && near(found.max_ms, 1_000.0), "{found:?}");
        assert!(near(found.quantiles_ms[50], 250.0) && near(found.quantiles_ms[202], 999.0), "{found:?}");
    }
}
