//! The columns in which runs are compared, in the terminal and in the report alike.

use crate::findings::Run;
use crate::number::{self, Figure};
use crate::verdict::{as_f64, is_judged};

/// One column: what a run has in it, and how that is written. Less is better in all of them.
pub(crate) struct Column {
    /// What columns beside each other have in common.
    pub(crate) group: &'static str,
    /// Its own name.
    pub(crate) name: &'static str,
    /// The value; none where there is none or it was not measured.
    pub(crate) value: fn(&Run) -> Option<f64>,
    /// The value as it is written.
    pub(crate) figure: fn(f64) -> Figure,
    /// What stands where there is no value.
    pub(crate) absent: &'static str,
}

const NOT_MEASURED: &str = "not measured";
const NONE: &str = "–";

/// All of them, from left to right. Whether a run was whole stands in a last one, which has no number.
pub(crate) const COLUMNS: [Column; 9] = [
    Column { group: "latency", name: "p50", value: p50, figure: number::duration, absent: NOT_MEASURED },
    Column { group: "latency", name: "p99", value: p99, figure: number::duration, absent: NOT_MEASURED },
    Column {
        group: "requests",
        name: "a second",
        value: requests_per_s,
        figure: number::plain,
        absent: NONE,
    },
    Column { group: "requests", name: "empty", value: empty_part, figure: number::percent, absent: NONE },
    Column { group: "bytes", name: "a message", value: bytes, figure: number::size, absent: NONE },
    Column {
        group: "server CPU",
        name: "a message",
        value: cpu_ms,
        figure: number::duration,
        absent: NOT_MEASURED,
    },
    Column {
        group: "server CPU",
        name: "of a core",
        value: Run::cpu_of_a_core,
        figure: number::percent,
        absent: NOT_MEASURED,
    },
    Column { group: "memory", name: "a follower", value: memory, figure: number::size, absent: NOT_MEASURED },
    Column { group: "connections", name: "held", value: held, figure: number::plain, absent: NONE },
];

impl Column {
    /// What a run has in it, as it is written.
    pub(crate) fn text(&self, run: &Run) -> Option<Figure> {
        (self.value)(run).map(self.figure)
    }

    /// The best value of the judged runs, as it is written; none where all have the same, so that it says nothing.
    pub(crate) fn best(&self, runs: &[Run]) -> Option<Figure> {
        let judged = || runs.iter().filter(|run| is_judged(run));
        let values = || judged().filter_map(|run| (self.value)(run));
        let best = (self.figure)(values().min_by(f64::total_cmp)?);
        let is_same = values().all(|value| (self.figure)(value) == best);
        (!is_same).then_some(best)
    }
}

/// What was not whole about a run: `3 lost, 1 again`; none where all is well.
pub(crate) fn wrongs(run: &Run) -> Option<String> {
    let parts = [(run.lost, "lost"), (run.repeated, "again"), (run.reordered, "out of order")];
    let parts = parts.iter().filter(|(count, _)| 0 < *count);
    let parts: Vec<_> = parts.map(|(count, what)| format!("{} {what}", number::count(*count))).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn p50(run: &Run) -> Option<f64> {
    (0 < run.latency.count).then_some(run.latency.p50_ms)
}

fn p99(run: &Run) -> Option<f64> {
    (0 < run.latency.count).then_some(run.latency.p99_ms)
}

pub(crate) fn requests_per_s(run: &Run) -> Option<f64> {
    (0.0 < run.measured_s).then(|| as_f64(run.requests) / run.measured_s)
}

fn empty_part(run: &Run) -> Option<f64> {
    (0 < run.requests).then(|| as_f64(run.empty_requests) / as_f64(run.requests))
}

fn bytes(run: &Run) -> Option<f64> {
    (0 < run.delivered).then(|| run.sent_bytes_per_delivery() + run.received_bytes_per_delivery())
}

fn cpu_ms(run: &Run) -> Option<f64> {
    run.cpu_us_per_delivery().map(|microseconds| microseconds / 1e3)
}

/// A server that gave memory back took none.
pub(crate) fn memory(run: &Run) -> Option<f64> {
    run.bytes_per_follower().map(|bytes| bytes.max(0.0))
}

fn held(run: &Run) -> Option<f64> {
    (0 < run.followers).then_some(run.connections_held)
}
