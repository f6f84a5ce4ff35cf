//! What a server uses: the time of its processes on a processor.

use anyhow::Context;
use nix::time::ClockId;
use nix::unistd::Pid;
use std::fs;
use std::time::Duration;

/// All processes of a server: the one that was started, and its children.
pub(super) struct Usage {
    processes: Vec<u32>,
}

impl Usage {
    /// Of the processes that there are now.
    pub(super) fn of(process: u32) -> anyhow::Result<Usage> {
        let mut processes = vec![process];
        let mut at = 0;
        while let Some(&process) = processes.get(at) {
            processes.extend(children(process)?);
            at += 1;
        }
        Ok(Usage { processes })
    }

    /// The time of all threads, in the program and in the kernel, to the nanosecond: `/proc` has the same in ticks of
    /// ten milliseconds, too coarse for a slice of a second.
    pub(super) fn cpu(&self) -> anyhow::Result<Duration> {
        self.processes.iter().map(|&process| cpu(process)).sum()
    }
}

fn cpu(process: u32) -> anyhow::Result<Duration> {
    let id = i32::try_from(process).context("a process id that is none")?;
    let clock =
        ClockId::pid_cpu_clock_id(Pid::from_raw(id)).context("looking for the clock of the server")?;
    Ok(clock.now().context("asking for the time that the server used")?.into())
}

fn children(process: u32) -> anyhow::Result<Vec<u32>> {
    let path = format!("/proc/{process}/task/{process}/children");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    text.split_ascii_whitespace().map(|id| id.parse().context("reading a process id")).collect()
}
