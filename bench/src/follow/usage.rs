//! What a server uses: processors and memory, of all its processes.

use anyhow::Context;
use nix::time::ClockId;
use nix::unistd::Pid;
use std::fs;
use std::time::Duration;

/// The processes of a server: the one that was started, and its children, which may come later.
pub(super) struct Usage {
    root: u32,
}

/// The memory of a server at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Memory {
    /// Anonymous and shared memory in proportion (`Pss_Anon` and `Pss_Shmem`): what connections can take.
    pub(super) user_bytes: u64,
    /// All that is resident (`VmRSS`).
    pub(super) resident_bytes: u64,
}

impl Usage {
    pub(super) fn of(root: u32) -> Usage {
        Usage { root }
    }

    /// The processes that there are now.
    fn processes(&self) -> anyhow::Result<Vec<u32>> {
        let mut processes = vec![self.root];
        let mut at = 0;
        while let Some(&process) = processes.get(at) {
            processes.extend(children(process)?);
            at += 1;
        }
        Ok(processes)
    }

    /// All of them but the one that was started.
    pub(super) fn children(&self) -> anyhow::Result<Vec<rustix::process::Pid>> {
        let ids = self.processes()?.into_iter().skip(1);
        Ok(ids.filter_map(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?)).collect())
    }

    /// The time of all threads, in the program and in the kernel, to the nanosecond: `/proc` has the same in ticks of
    /// ten milliseconds, too coarse for a slice of a second.
    pub(super) fn cpu(&self) -> anyhow::Result<Duration> {
        self.processes()?.into_iter().map(cpu).sum()
    }

    /// How many sockets they have open.
    pub(super) fn sockets(&self) -> anyhow::Result<usize> {
        let mut count = 0;
        for process in self.processes()? {
            let path = format!("/proc/{process}/fd");
            for entry in fs::read_dir(&path).with_context(|| format!("reading {path}"))? {
                // One that was closed meanwhile is none.
                let target = fs::read_link(entry.with_context(|| format!("reading {path}"))?.path());
                count += usize::from(target.is_ok_and(|it| it.to_string_lossy().starts_with("socket:")));
            }
        }
        Ok(count)
    }

    pub(super) fn memory(&self) -> anyhow::Result<Memory> {
        let mut memory = Memory { user_bytes: 0, resident_bytes: 0 };
        for process in self.processes()? {
            let rollup = read(&format!("/proc/{process}/smaps_rollup"))?;
            memory.user_bytes += kibibytes(&rollup, "Pss_Anon:")? + kibibytes(&rollup, "Pss_Shmem:")?;
            memory.resident_bytes += kibibytes(&read(&format!("/proc/{process}/status"))?, "VmRSS:")?;
        }
        Ok(memory)
    }
}

fn cpu(process: u32) -> anyhow::Result<Duration> {
    let id = i32::try_from(process).context("a process id that is none")?;
    let clock =
        ClockId::pid_cpu_clock_id(Pid::from_raw(id)).context("looking for the clock of the server")?;
    Ok(clock.now().context("asking for the time that the server used")?.into())
}

fn children(process: u32) -> anyhow::Result<Vec<u32>> {
    let text = read(&format!("/proc/{process}/task/{process}/children"))?;
    text.split_ascii_whitespace().map(|id| id.parse().context("reading a process id")).collect()
}

/// What stands behind a label, as bytes.
fn kibibytes(text: &str, label: &str) -> anyhow::Result<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(label));
    let number = line.with_context(|| format!("no {label} of a process"))?.trim().trim_end_matches(" kB");
    Ok(number.parse::<u64>().context("reading the memory of a process")? << 10)
}

fn read(path: &str) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {path}"))
}
