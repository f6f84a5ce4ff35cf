//! What is to be compared: everything that was asked for, checked.

use crate::findings::{Machine, Workload};
use crate::harness::{Elsewhere, Program};
use crate::way::Way;
use std::fmt;
use std::time::Duration;

/// What is to be compared.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The server that is measured.
    pub target: Target,
    /// What everybody does in each run. A sweep replaces the number of followers and the rate.
    pub workload: Workload,
    /// The ways, in any order.
    pub ways: Vec<Way>,
    /// Which latency is late.
    pub late: Duration,
    /// How much is measured.
    pub scope: Scope,
    /// The command line that repeats it, for the findings.
    pub command: String,
    /// When it began, in RFC 3339, for the findings.
    pub taken: String,
    /// Where it runs, for the findings.
    pub machine: Machine,
    /// The version of the program that measures.
    pub version: String,
}

/// A server.
#[derive(Clone, Debug)]
pub enum Target {
    /// A child process for each run, over a folder that is removed afterwards.
    Own(Program),
    /// One that runs already. Its processor time and its memory are not measured.
    Elsewhere(Elsewhere),
}

/// How much is measured.
#[derive(Clone, Debug, PartialEq)]
pub enum Scope {
    /// Each way, with the workload and with other numbers of followers and other rates; and publishing.
    Whole,
    /// Each way with the workload, and publishing.
    Quick,
    /// Each way in each cell of a grid.
    Sweep(Grid),
}

/// The grid of a sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    /// The columns.
    pub followers: Vec<usize>,
    /// The rows, in messages a second.
    pub messages_per_s: Vec<f64>,
}

/// What a plan may ask for.
pub mod limits {
    use std::ops::RangeInclusive;
    use std::time::Duration;

    /// How many follow. Open files may allow fewer.
    pub const FOLLOWERS: RangeInclusive<usize> = 1..=50_000;
    /// Over how many streams.
    pub const STREAMS: RangeInclusive<usize> = 1..=1_000;
    /// Messages a second.
    pub const MESSAGES_PER_S: RangeInclusive<f64> = 0.01..=10_000.0;
    /// The size of a message: it holds its number and its time.
    pub const MESSAGE_BYTES: RangeInclusive<usize> = 100..=65_536;
    /// For how long messages are published in a run.
    pub const DURATION: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(1);
    /// How often is polled.
    pub const POLL_EVERY: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_mins(10);
    /// How many intervals of polling are compared.
    pub const POLL_INTERVALS_MAX: usize = 5;
    /// Which latency is late.
    pub const LATE: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_hours(1);
    /// The round trip that the proxy adds.
    pub const RTT: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(5);
    /// The chance of a piece of data to be lost with its connection.
    pub const LOSS: RangeInclusive<f64> = 0.0..=0.5;
    /// How many cells a sweep has.
    pub const CELLS_MAX: usize = 64;
    /// How long all of it may take, as estimated before.
    pub const TOTAL: Duration = Duration::from_hours(6);
}

/// Why a plan can't be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidPlan(pub(crate) String);

impl fmt::Display for InvalidPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidPlan {}
