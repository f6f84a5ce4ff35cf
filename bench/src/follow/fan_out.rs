//! What a delivery costs the server: every target under every pace, in rounds.
//!
//! All servers run all the time, each with its followers; one at a time has something to do. So a round is short, and
//! what else happens on the machine falls on all of them alike.

use super::crowd::{Crowd, Pace, Slice};
use super::target::Target;
use crate::spread::Spread;
use anyhow::Context;
use std::io::{self, Write};
use std::time::Duration;

/// The paces of the comparison, and what they are called.
pub(super) const PACES: [(&str, Pace); 3] = [
    ("as fast as delivered", Pace::AsDelivered { at_once: 1 }),
    ("20 a second", Pace::Every(Duration::from_millis(50))),
    ("ten at once", Pace::AsDelivered { at_once: 10 }),
];

/// How it is measured.
pub(super) struct FanOut {
    pub(super) followers: usize,
    pub(super) rounds: u32,
    pub(super) time: Duration,
}

/// By target and pace, one figure for each round.
pub(super) struct Costs {
    titles: Vec<String>,
    /// Microseconds of the server for each delivery.
    cpu_us: Vec<[Vec<f64>; PACES.len()]>,
    /// Deliveries a second.
    per_second: Vec<[Vec<f64>; PACES.len()]>,
    p99_us: Vec<[Vec<f64>; PACES.len()]>,
}

impl FanOut {
    pub(super) fn run(&self, targets: &[Box<dyn Target>]) -> anyhow::Result<Costs> {
        let mut crowds = Vec::new();
        for target in targets {
            let crowd = Crowd::start(target.as_ref(), self.followers).with_context(|| target.title())?;
            crowds.push(crowd);
        }
        let mut costs = Costs {
            titles: targets.iter().map(|target| target.title()).collect(),
            cpu_us: vec![Default::default(); targets.len()],
            per_second: vec![Default::default(); targets.len()],
            p99_us: vec![Default::default(); targets.len()],
        };
        for round in 0..=self.rounds {
            for (pace, (_, how)) in PACES.iter().enumerate() {
                for at in 0..crowds.len() {
                    // Others answer their pings meanwhile.
                    for crowd in &mut crowds {
                        crowd.turn(Duration::ZERO)?;
                    }
                    let slice = crowds[at].run(*how, self.time)?;
                    // The first round warms up.
                    if 0 < round {
                        costs.add(at, pace, &slice)?;
                    }
                }
            }
        }
        Ok(costs)
    }
}

impl Costs {
    #[expect(clippy::cast_precision_loss, reason = "counts of one slice are far below 2^53")]
    fn add(&mut self, target: usize, pace: usize, slice: &Slice) -> anyhow::Result<()> {
        let tally = slice.tally;
        anyhow::ensure!(
            tally.lost == 0 && tally.repeated == 0,
            "{}: {} messages were lost, {} came again",
            self.titles[target],
            tally.lost,
            tally.repeated
        );
        self.cpu_us[target][pace].push(slice.cpu.as_secs_f64() * 1e6 / tally.delivered as f64);
        self.per_second[target][pace].push(tally.delivered as f64 / slice.seconds);
        self.p99_us[target][pace].push(slice.latency.microseconds_at(0.99));
        Ok(())
    }

    /// The medians of the rounds, and of the ratios within each round to the first target.
    pub(super) fn print(&self, mut to: impl Write) -> io::Result<()> {
        let median = |values: &[f64]| Spread::of(values.iter().copied()).map_or(f64::NAN, |it| it.median);
        for (pace, (name, _)) in PACES.iter().enumerate() {
            writeln!(to, "\n{name}")?;
            writeln!(
                to,
                "{:40} {:>9} {:>7}  {:>15} {:>11} {:>9}",
                "", "µs CPU", "ratio", "(least, most)", "per second", "p99 µs"
            )?;
            for (target, title) in self.titles.iter().enumerate() {
                let cpu = &self.cpu_us[target][pace];
                let ratios = cpu.iter().zip(&self.cpu_us[0][pace]).map(|(own, bare)| own / bare);
                let ratios =
                    Spread::of(ratios).unwrap_or(Spread { median: f64::NAN, min: f64::NAN, max: f64::NAN });
                writeln!(
                    to,
                    "{title:40} {:9.3} {:7.3}  ({:.3}, {:.3}) {:11.0} {:9.0}",
                    median(cpu),
                    ratios.median,
                    ratios.min,
                    ratios.max,
                    median(&self.per_second[target][pace]),
                    median(&self.p99_us[target][pace]),
                )?;
            }
        }
        Ok(())
    }
}
