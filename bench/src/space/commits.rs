//! What the upkeep costs the commits beside it: the same load with it and without, by turns.

use super::Space;
use super::load::Load;
use crate::aims::{Figure, Unit};
use crate::clock;
use crate::latency::Latency;
use crate::progress::Progress;
use crate::rig::Rig;
use std::time::Duration;

/// Times commits. Each time begins when the upkeep has nothing left to do, so that no time pays for another.
pub(super) fn compare(
    space: Space,
    rig: &mut Rig,
    load: &mut Load,
    progress: &Progress,
) -> anyhow::Result<Vec<Figure>> {
    let seconds = Duration::try_from_secs_f64(space.seconds)?;
    let (mut with, mut without) = (Latency::new()?, Latency::new()?);
    for round in 1..=space.rounds {
        for (on, latency) in [(true, &mut with), (false, &mut without)] {
            progress.begin(&format!("round {round} {} upkeep", if on { "with" } else { "without" }));
            rig.finish()?;
            rustix::fs::sync();
            rig.tidy(on);
            load.time(rig, clock::now() + seconds, latency)?;
        }
    }
    rig.finish()?;
    let quantiles = [("p50", 0.5), ("p99", 0.99)];
    let mut figures = Figure::quantiles("Commit with upkeep beside it", &with, &quantiles);
    figures.extend(Figure::quantiles("Commit without", &without, &quantiles));
    let ratio = with.microseconds_at(0.99) / without.microseconds_at(0.99);
    figures.push(Figure::new("p99 with upkeep, of that without", ratio, Unit::Ratio));
    Ok(figures)
}
