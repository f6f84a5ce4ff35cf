//! What one cell found, the same for a log and for a server.

use crate::clock;
use crate::disk::Disk;
use crate::latency::Latency;
use crate::messages::MESSAGE_BYTES;
use crate::process::{self, Process};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// The figures of one run of one cell.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// Durable appends per second.
    pub(crate) per_second: f64,
    /// Microseconds from submission to completion that half of the appends took at most.
    pub(crate) p50_us: f64,
    /// The same, of 99 of 100.
    pub(crate) p99_us: f64,
    /// The same, of 999 of 1,000.
    pub(crate) p999_us: f64,
    /// Bytes written to disk for each byte of message, where the disk says so.
    pub(crate) write_amplification: Option<f64>,
    /// Microseconds of a processor for each append.
    pub(crate) cpu_us: f64,
    /// How many processors others were using meanwhile. Where that is much, the figures are worth little.
    pub(crate) others_cpus: f64,
    /// How many processors the load generator was using, if it is another process. Where that is a whole one, the
    /// generator is the limit, and only `cpu_us` compares the servers.
    pub(crate) generator_cpus: Option<f64>,
    /// The most memory that the process ever had.
    pub(crate) peak_memory_bytes: u64,
}

/// What was used up to one moment.
#[derive(Clone, Copy)]
pub(crate) struct Moment {
    at: Instant,
    written_bytes: Option<u64>,
    /// By the process that is measured.
    cpu: Duration,
    /// By this one, if that is another.
    generator_cpu: Option<Duration>,
    cpu_of_all: Duration,
}

/// The time in which a cell counts, from end to end.
pub(crate) struct Window {
    pub(crate) began: Moment,
    pub(crate) ended: Moment,
}

impl Moment {
    pub(crate) fn now(process: Process, disk: &Disk) -> anyhow::Result<Moment> {
        let generator_cpu = match process {
            Process::Own => None,
            Process::Child(_) => Some(Process::Own.cpu()?),
        };
        Ok(Moment {
            at: clock::now(),
            written_bytes: disk.written_bytes(),
            cpu: process.cpu()?,
            generator_cpu,
            cpu_of_all: process::cpu_of_all()?,
        })
    }
}

impl Measured {
    #[expect(clippy::cast_precision_loss, reason = "counts of one cell are far below 2^53")]
    pub(crate) fn of(latency: &Latency, window: &Window, process: Process) -> anyhow::Result<Measured> {
        let appends = latency.count();
        anyhow::ensure!(0 < appends, "nothing was appended in the whole time");
        let Window { began, ended } = window;
        let seconds = ended.at.duration_since(began.at).as_secs_f64();
        let used = |of: fn(&Moment) -> Duration| of(ended).saturating_sub(of(began)).as_secs_f64();
        let written = ended.written_bytes.zip(began.written_bytes).map(|(after, before)| after - before);
        let cpu = used(|moment| moment.cpu);
        let generator = ended.generator_cpu.zip(began.generator_cpu);
        let generator = generator.map(|(after, before)| after.saturating_sub(before).as_secs_f64());
        let others = used(|moment| moment.cpu_of_all) - cpu - generator.unwrap_or_default();
        Ok(Measured {
            per_second: appends as f64 / seconds,
            p50_us: latency.microseconds_at(0.5),
            p99_us: latency.microseconds_at(0.99),
            p999_us: latency.microseconds_at(0.999),
            write_amplification: written.map(|bytes| bytes as f64 / (appends * MESSAGE_BYTES as u64) as f64),
            cpu_us: cpu * 1e6 / appends as f64,
            generator_cpus: generator.map(|used| used / seconds),
            others_cpus: others.max(0.0) / seconds,
            peak_memory_bytes: process.peak_memory_bytes()?,
        })
    }
}
