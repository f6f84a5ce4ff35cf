//! Waits until the rest of the machine is quiet: a benchmark beside a compiler measures the compiler.

use crate::clock;
use crate::process::{self, Process};
use std::thread;
use std::time::{Duration, Instant};

/// A cell during which others used more processors than that is worth little.
pub(crate) const OTHERS_CPUS_MAX: f64 = 0.8;

const SAMPLE: Duration = Duration::from_millis(250);

/// Returns when others use little, or after `limit`.
pub(crate) fn wait(limit: Duration) -> anyhow::Result<()> {
    let began = clock::now();
    while OTHERS_CPUS_MAX / 2.0 < cpus_in_use()? && clock::now().duration_since(began) < limit {}
    Ok(())
}

/// How many processors are in use, while this process sleeps.
fn cpus_in_use() -> anyhow::Result<f64> {
    let before = process::cpu_of_all()?;
    thread::sleep(SAMPLE);
    Ok(process::cpu_of_all()?.saturating_sub(before).as_secs_f64() / SAMPLE.as_secs_f64())
}

/// Watches how much others use meanwhile.
pub(crate) struct Watch {
    began: Instant,
    cpu_of_all: Duration,
    /// Of the processes that are measured, or measure.
    cpu_of_ours: Duration,
}

impl Watch {
    pub(crate) fn begin(ours: &[Process]) -> anyhow::Result<Watch> {
        Ok(Watch { began: clock::now(), cpu_of_all: process::cpu_of_all()?, cpu_of_ours: cpu_of(ours)? })
    }

    /// How many processors others used since then. The work of the kernel on behalf of all counts as others' too.
    pub(crate) fn others_cpus(&self, ours: &[Process]) -> anyhow::Result<f64> {
        let used = process::cpu_of_all()?.saturating_sub(self.cpu_of_all);
        let others = used.saturating_sub(cpu_of(ours)?.saturating_sub(self.cpu_of_ours));
        Ok(others.as_secs_f64() / clock::now().duration_since(self.began).as_secs_f64())
    }
}

fn cpu_of(ours: &[Process]) -> anyhow::Result<Duration> {
    ours.iter().map(|process| process.cpu()).sum()
}
