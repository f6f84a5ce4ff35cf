//! What was measured, in one line: shown as soon as it is known.

use crate::findings::{Publishing, Run};
use crate::number;
use crate::watch::Measured;
use std::fmt;

impl fmt::Display for Measured<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Measured::Publishing(publishing) => write_publishing(publishing, f),
            Measured::Run(run) => write_run(run, f),
        }
    }
}

impl Measured<'_> {
    /// Whether there is something wrong with it: messages are missing, doubled or disordered, or its figures are not the server's.
    pub fn is_doubtful(&self) -> bool {
        match self {
            Measured::Publishing(_) => false,
            Measured::Run(run) => !run.is_whole() || run.bottleneck.is_some(),
        }
    }
}

fn write_publishing(publishing: &Publishing, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let round_trip = &publishing.round_trip;
    let (p50, p99) = (number::duration(round_trip.p50_ms), number::duration(round_trip.p99_ms));
    write!(f, "p50 {p50}, p99 {p99}, {}", number::counted(publishing.published, "message"))
}

fn write_run(run: &Run, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if 0 < run.latency.count {
        let (p50, p99) = (number::duration(run.latency.p50_ms), number::duration(run.latency.p99_ms));
        write!(f, "p50 {p50}, p99 {p99}, ")?;
    }
    if let Some(part) = run.cpu_of_a_core() {
        write!(f, "{} of a core, ", number::percent(part))?;
    }
    if run.way.is_none() {
        return write!(f, "{}", number::counted(run.published, "message"));
    }
    match (run.is_whole(), &run.bottleneck) {
        (false, _) => {
            write!(f, "{} lost, {} repeated, {} out of order", run.lost, run.repeated, run.reordered)
        }
        // What to do against it stands under the table.
        (true, Some(bottleneck)) => {
            write!(f, "not used: {}", bottleneck.split(':').next().unwrap_or_default())
        }
        (true, None) => write!(f, "{}, all in order", deliveries(run.delivered)),
    }
}

fn deliveries(count: u64) -> String {
    if count == 1 { "1 delivery".to_owned() } else { format!("{} deliveries", number::count(count)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::{Distribution, ServerUsage};
    use crate::sample;
    use crate::way::Way;

    fn run() -> Run {
        let latency = Distribution { count: 9, p50_ms: 0.42, p99_ms: 1.3, ..Distribution::default() };
        let server = Some(ServerUsage { cpu_s: 0.019, followers_bytes: 0, memory_bytes: 0 });
        Run { latency, server, delivered: 9, ..sample::run(Some(Way::Sse)) }
    }

    #[test]
    fn a_run_is_told_by_what_matters() {
        let text = Measured::Run(&run()).to_string();
        assert_eq!(text, "p50 420 µs, p99 1.3 ms, 1.9 % of a core, 9 deliveries, all in order");
        let other = Run { latency: Distribution::default(), server: None, ..run() };
        assert_eq!(Measured::Run(&other).to_string(), "9 deliveries, all in order");
    }

    #[test]
    fn what_is_wrong_is_told() {
        let lost = Run { lost: 2, ..run() };
        assert!(Measured::Run(&lost).to_string().ends_with("2 lost, 0 repeated, 0 out of order"));
        let busy = Run { bottleneck: Some("too busy: ask for less".to_owned()), ..run() };
        assert!(Measured::Run(&busy).to_string().ends_with("not used: too busy"));
        assert!(Measured::Run(&lost).is_doubtful() && Measured::Run(&busy).is_doubtful());
        assert!(!Measured::Run(&run()).is_doubtful());
    }
}
