//! Whether latencies are spread evenly over an interval: a test of Kolmogorov and Smirnov.

use crate::findings::Distribution;

/// The largest distance between the distribution and the even one from 0 to `interval_ms`.
///
/// A distribution is known at each half percent, so that the distance is up to half a percent more than what this finds.
pub(super) fn distance(found: &Distribution, interval_ms: f64) -> f64 {
    let halves = found.quantiles_ms[..201].iter().enumerate();
    let distances = halves.map(|(half, value_ms)| {
        let part = f64::from(u32::try_from(half).unwrap()) / 200.0;
        (value_ms / interval_ms - part).abs()
    });
    distances.fold(0.0, f64::max)
}

/// What the distance of so many independent latencies exceeds once in a thousand times: `1.949 / √n`.
///
/// The phases of a run are drawn from a fixed seed, so chance is not what fails a test. What the network adds moves all latencies by one
/// or two thousandths of the interval; on a busy machine by a few more. For 1,000 of them the limit is 0.062: a mean delay of some
/// 30 ms would be needed.
pub(super) fn critical(count: usize) -> f64 {
    1.949 / f64::from(u32::try_from(count).unwrap()).sqrt()
}
