//! Percentiles and medians.

use std::time::Duration;

/// The 99th percentile; the longest there is where nothing was measured, so that silence is no success.
pub(crate) fn p99(mut samples: Vec<Duration>) -> Duration {
    samples.sort_unstable();
    let at = (samples.len() * 99).div_ceil(100).saturating_sub(1);
    samples.get(at).copied().unwrap_or(Duration::from_hours(1))
}

pub(crate) fn median(mut values: Vec<Duration>) -> Duration {
    values.sort_unstable();
    values[values.len() / 2]
}

pub(crate) fn millis(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1_000.0)
}
