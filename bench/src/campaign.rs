//! Runs all cells of a comparison, interleaved, and keeps what they found.
//!
//! Interleaved: every round has each cell once, and the rivals at the same load follow one upon the other. So what
//! the machine does beside the benchmark, and how its disk ages, falls on all of them alike.

use crate::calm;
use crate::measured::Measured;
use crate::progress::Progress;
use crate::spread::Spread;
use std::fmt;
use std::time::Duration;

/// The load of a cell: a row of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    /// How many streams are published to, each message to any of them.
    pub(crate) streams: u32,
    /// How many publishers there are, each waiting for one append at a time.
    pub(crate) in_flight: u32,
}

/// The cells of a comparison: each column under each load, some times.
pub(crate) struct Campaign<C> {
    pub(crate) loads: Vec<Load>,
    /// Who is compared.
    pub(crate) columns: Vec<C>,
    pub(crate) rounds: u32,
    /// How long to wait for a quiet machine before each cell.
    pub(crate) calm: Duration,
}

/// One of the compared.
pub(crate) trait Column {
    /// What it is called in tables.
    fn name(&self) -> &str;

    /// Whether it makes sense under that load.
    fn fits(&self, load: Load) -> bool;
}

/// What was found, by load and column.
pub(crate) struct Findings {
    pub(crate) loads: Vec<Load>,
    pub(crate) columns: Vec<String>,
    /// A list for each load, with the runs of each column.
    cells: Vec<Vec<Runs>>,
}

/// The runs of one cell. Those that failed are missing; why was told when it happened.
pub(crate) type Runs = Vec<Measured>;

impl Load {
    /// Every combination.
    pub(crate) fn all(streams: &[u32], in_flight: &[u32]) -> Vec<Load> {
        let with = |&streams: &u32| in_flight.iter().map(move |&in_flight| Load { streams, in_flight });
        streams.iter().flat_map(with).collect()
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} streams, {} in flight", grouped(self.streams), grouped(self.in_flight))
    }
}

impl<C: Column> Campaign<C> {
    /// Runs every cell by `run`. A cell that fails does not end the others.
    pub(crate) fn run(&self, mut run: impl FnMut(&C, Load) -> anyhow::Result<Measured>) -> Findings {
        let mut findings = Findings {
            loads: self.loads.clone(),
            columns: self.columns.iter().map(|column| column.name().to_owned()).collect(),
            cells: vec![vec![Runs::new(); self.columns.len()]; self.loads.len()],
        };
        let progress = Progress::new(u64::from(self.rounds) * self.cells_count(), "cells");
        for round in 1..=self.rounds {
            for (&load, cells) in self.loads.iter().zip(&mut findings.cells) {
                for (column, runs) in self.columns.iter().zip(cells) {
                    if column.fits(load) {
                        let cell = format!("round {round}: {}, {load}", column.name());
                        progress.begin(&cell);
                        let found = self.run_in_calm(|| run(column, load));
                        progress.end(&cell, &found);
                        runs.extend(found.ok());
                    }
                }
            }
        }
        progress.finish();
        findings.leave_out_disturbed();
        findings
    }

    /// Runs a cell when the machine is quiet, and once more if it did not stay so. The quieter run counts.
    fn run_in_calm(&self, mut run: impl FnMut() -> anyhow::Result<Measured>) -> anyhow::Result<Measured> {
        calm::wait(self.calm)?;
        let first = run()?;
        if first.others_cpus < calm::OTHERS_CPUS_MAX {
            return Ok(first);
        }
        calm::wait(self.calm)?;
        let second = run()?;
        Ok(if second.others_cpus < first.others_cpus { second } else { first })
    }

    fn cells_count(&self) -> u64 {
        let fitting = |load: &Load| self.columns.iter().filter(|column| column.fits(*load)).count() as u64;
        self.loads.iter().map(fitting).sum()
    }
}

impl Findings {
    pub(crate) fn runs(&self, load: usize, column: usize) -> &Runs {
        &self.cells[load][column]
    }

    /// Where a cell has runs in a quiet machine, only those count. The rule looks at others only, not at the figures.
    fn leave_out_disturbed(&mut self) {
        let quiet = |run: &Measured| run.others_cpus < calm::OTHERS_CPUS_MAX;
        for runs in self.cells.iter_mut().flatten() {
            if runs.iter().any(quiet) {
                runs.retain(quiet);
            }
        }
    }

    /// Whether any run is of that kind.
    pub(crate) fn any(&self, kind: impl Fn(&Measured) -> bool) -> bool {
        self.cells.iter().flatten().flatten().any(kind)
    }

    /// The spread of one figure over the runs of a cell, if one of them succeeded.
    pub(crate) fn spread(
        &self,
        load: usize,
        column: usize,
        figure: impl Fn(&Measured) -> f64,
    ) -> Option<Spread> {
        Spread::of(self.runs(load, column).iter().map(figure))
    }

    /// Takes a column away, and where it was faster than another its runs count for that one.
    pub(crate) fn merge_into(&mut self, kept: &str, other: &str) {
        let place = |name| self.columns.iter().position(|column| column == name);
        let (Some(kept), Some(other)) = (place(kept), place(other)) else { return };
        let median =
            |runs: &Runs| Spread::of(runs.iter().map(|run| run.per_second)).map_or(0.0, |it| it.median);
        for cells in &mut self.cells {
            if median(&cells[kept]) < median(&cells[other]) {
                cells.swap(kept, other);
            }
            cells.remove(other);
        }
        self.columns.remove(other);
    }
}

/// A number with a comma between thousands.
pub(crate) fn grouped(number: impl Into<u64>) -> String {
    let digits = number.into().to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if 0 < at && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Named(&'static str, f64);

    impl Column for Named {
        fn name(&self) -> &str {
            self.0
        }

        fn fits(&self, load: Load) -> bool {
            self.0 != "b2" || 1 < load.in_flight
        }
    }

    #[test]
    fn disturbed_runs_count_only_where_there_are_no_others() {
        let run = |others_cpus| Measured { others_cpus, ..measured(1.0) };
        let mut findings = Findings {
            loads: Load::all(&[10], &[1]),
            columns: vec!["a".to_owned(), "b".to_owned()],
            cells: vec![vec![vec![run(0.1), run(1.5), run(0.2)], vec![run(1.5), run(1.6)]]],
        };
        findings.leave_out_disturbed();
        assert_eq!((findings.runs(0, 0).len(), findings.runs(0, 1).len()), (2, 2));
    }

    fn measured(per_second: f64) -> Measured {
        Measured {
            per_second,
            p50_us: 1.0,
            p99_us: 2.0,
            p999_us: 3.0,
            write_amplification: None,
            others_cpus: 0.0,
            generator_cpus: None,
            cpu_us: 1.0,
            peak_memory_bytes: 1,
        }
    }

    #[test]
    fn thousands_are_told_apart() {
        assert_eq!([0_u32, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn the_faster_of_two_ways_counts_and_failures_are_left_out() {
        let columns = vec![Named("a", 5.0), Named("b", 10.0), Named("b2", 20.0)];
        let campaign =
            Campaign { loads: Load::all(&[10], &[1, 64]), columns, rounds: 2, calm: Duration::ZERO };
        let mut order = Vec::new();
        let mut findings = campaign.run(|column, load| {
            order.push((column.0, load.in_flight));
            anyhow::ensure!(column.0 != "a", "it is broken");
            Ok(measured(column.1))
        });
        let round = [("a", 1), ("b", 1), ("a", 64), ("b", 64), ("b2", 64)];
        assert_eq!(order, [round, round].concat());
        findings.merge_into("b", "b2");
        assert_eq!(findings.columns, ["a", "b"]);
        let medians = |load| findings.spread(load, 1, |run| run.per_second).unwrap().median;
        assert!(findings.spread(0, 0, |run| run.per_second).is_none());
        assert_eq!((medians(0), medians(1)), (10.0, 20.0));
    }
}
