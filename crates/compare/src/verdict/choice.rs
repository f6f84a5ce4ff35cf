//! Which of some runs is the one to choose.

use crate::findings::Run;
use std::cmp::Ordering;

/// Processor times of two runs that differ by less are the same: of four runs of one way on a quiet machine, one differed from another by as
/// much (docs/which-transport.md).
const NOISE_OF_CPU: f64 = 0.4;

/// Round trips that differ by less are the same.
pub(crate) const NOISE_OF_ROUND_TRIPS: f64 = 0.2;

/// So are those that differ by less than this part of a core, whatever their ratio is.
const NOISE_CORES: f64 = 0.000_5;

/// Numbers that are counted, not timed, and differ by less are the same to whoever chooses.
pub(crate) const NOISE_OF_COUNTS: f64 = 0.1;

/// What runs are measured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gauge {
    /// The server's processor time.
    Cpu,
    /// Bytes for each message delivered, where processor time is not known.
    Bytes,
}

/// How one cost stands to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Relation {
    /// Inside the noise.
    Same,
    /// So many times as much.
    More(f64),
    /// That part of it is saved.
    Saved(f64),
}

impl Gauge {
    /// Processor time where all of them have it.
    pub(crate) fn of<'a>(runs: impl IntoIterator<Item = &'a Run>) -> Gauge {
        let is_known = runs.into_iter().all(|run| run.server.is_some());
        if is_known { Gauge::Cpu } else { Gauge::Bytes }
    }

    /// What a run costs: a part of a core, or bytes for each delivery.
    pub(crate) fn cost(self, run: &Run) -> f64 {
        match self {
            Gauge::Cpu => run.cpu_of_a_core().unwrap_or(0.0),
            Gauge::Bytes => bytes_per_delivery(run),
        }
    }

    /// How the cost of a run stands to that of another.
    pub(crate) fn relation(self, run: &Run, to: &Run) -> Relation {
        let (noise, least_difference) = match self {
            Gauge::Cpu => (NOISE_OF_CPU, NOISE_CORES),
            Gauge::Bytes => (NOISE_OF_COUNTS, 1.0),
        };
        relation(self.cost(run), self.cost(to), noise, least_difference)
    }
}

/// Bytes in both directions for each message delivered.
pub(crate) fn bytes_per_delivery(run: &Run) -> f64 {
    run.sent_bytes_per_delivery() + run.received_bytes_per_delivery()
}

/// How a cost stands to another; both are the same when they differ by less than that part of the smaller one, or by less than
/// `least_difference`.
pub(crate) fn relation(cost: f64, to: f64, noise: f64, least_difference: f64) -> Relation {
    let is_same = (cost - to).abs() <= least_difference || (cost - to).abs() <= noise * cost.min(to);
    if is_same {
        Relation::Same
    } else if to < cost {
        Relation::More(cost / to)
    } else {
        Relation::Saved(1.0 - cost / to)
    }
}

/// Whether a run's figures are those of the server.
pub(crate) fn is_judged(run: &Run) -> bool {
    run.way.is_some() && run.bottleneck.is_none()
}

/// Whether 99 % of its deliveries are not late.
pub(crate) fn is_early(run: &Run, late_ms: f64) -> bool {
    0 < run.latency.count && run.latency.p99_ms <= late_ms
}

/// Whether a run may be chosen: it is judged, whole, and early.
pub(crate) fn is_suitable(run: &Run, late_ms: f64) -> bool {
    is_judged(run) && run.is_whole() && 0 < run.delivered && is_early(run, late_ms)
}

/// The index of the cheapest of those whose figures are the server's, that were whole, and of whose deliveries 99 % were not later
/// than `late_ms`. The cost is the server's processor time, or bytes where that is not known. Of those that cost the same (within
/// 40 %, or 0.05 % of a core; bytes within 10 %) it is the simplest: polling, long polling, SSE, WebSocket; of two intervals the shorter.
pub fn cheapest(runs: &[Run], late_ms: f64) -> Option<usize> {
    let suitable: Vec<_> = runs.iter().enumerate().filter(|(_, run)| is_suitable(run, late_ms)).collect();
    let gauge = Gauge::of(suitable.iter().map(|(_, run)| *run));
    let (_, least) =
        suitable.iter().copied().min_by(|(_, one), (_, two)| gauge.cost(one).total_cmp(&gauge.cost(two)))?;
    let equals = suitable.iter().copied().filter(|(_, run)| gauge.relation(run, least) == Relation::Same);
    equals.min_by(|(_, one), (_, two)| simpler(one, two)).map(|(index, _)| index)
}

fn simpler(one: &Run, two: &Run) -> Ordering {
    let simplicity = |run: &Run| run.way.map(crate::way::Way::simplicity);
    simplicity(one).cmp(&simplicity(two)).then(one.latency.p99_ms.total_cmp(&two.latency.p99_ms))
}
