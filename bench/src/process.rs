//! What the kernel says about a process, and about all of them.

use anyhow::Context;
use std::fs;
use std::time::Duration;

/// A process to ask about.
#[derive(Clone, Copy)]
pub(crate) enum Process {
    /// This one.
    Own,
    /// A child of this one.
    Child(u32),
}

impl Process {
    /// The time of all its threads on a processor, in the program and in the kernel.
    pub(crate) fn cpu(self) -> anyhow::Result<Duration> {
        cpu_of(&self.read("stat")?)
    }

    /// The most memory it ever had.
    pub(crate) fn peak_memory_bytes(self) -> anyhow::Result<u64> {
        memory(&self.read("status")?, "VmHWM:")
    }

    /// The memory it has now.
    pub(crate) fn memory_bytes(self) -> anyhow::Result<u64> {
        memory(&self.read("status")?, "VmRSS:")
    }

    /// How many files it has open, apart from sockets.
    pub(crate) fn open_files(self) -> anyhow::Result<usize> {
        let path = self.path("fd");
        let mut count = 0;
        for entry in fs::read_dir(&path).with_context(|| format!("reading {path}"))? {
            let entry = entry.with_context(|| format!("reading {path}"))?;
            // One that was closed meanwhile is none.
            let target = fs::read_link(entry.path());
            count += usize::from(target.is_ok_and(|it| !it.to_string_lossy().starts_with("socket:")));
        }
        Ok(count)
    }

    fn path(self, name: &str) -> String {
        match self {
            Process::Own => format!("/proc/self/{name}"),
            Process::Child(id) => format!("/proc/{id}/{name}"),
        }
    }

    fn read(self, name: &str) -> anyhow::Result<String> {
        let path = self.path(name);
        fs::read_to_string(&path).with_context(|| format!("reading {path}"))
    }
}

/// A figure of a `status` file, which is in kibibytes.
fn memory(status: &str, label: &str) -> anyhow::Result<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(label));
    let text = line.with_context(|| format!("no {label} of a process"))?;
    let kibibytes: u64 = text.trim().trim_end_matches(" kB").parse().context("reading its memory")?;
    Ok(kibibytes << 10)
}

/// The time that all processors together were busy since the machine started.
pub(crate) fn cpu_of_all() -> anyhow::Result<Duration> {
    busy(&fs::read_to_string("/proc/stat").context("reading /proc/stat")?)
}

/// The user and system time of a `stat` file, its fields 14 and 15.
fn cpu_of(stat: &str) -> anyhow::Result<Duration> {
    // The name in field 2 may hold spaces; it ends with the last bracket.
    let (_, after_name) = stat.rsplit_once(')').context("a stat file without a name")?;
    let fields: Vec<&str> = after_name.split_ascii_whitespace().skip(11).take(2).collect();
    sum(&fields)
}

/// All of the first line but its fields 4 and 5, the time without work.
fn busy(stat: &str) -> anyhow::Result<Duration> {
    let fields: Vec<&str> = stat.lines().next().unwrap_or_default().split_ascii_whitespace().collect();
    anyhow::ensure!(9 <= fields.len(), "a short line of all processors");
    sum(&[&fields[1..4], &fields[6..9]].concat())
}

fn sum(ticks: &[&str]) -> anyhow::Result<Duration> {
    let mut all = 0;
    for text in ticks {
        all += text.parse::<u64>().with_context(|| format!("not a number of ticks: {text}"))?;
    }
    Ok(Duration::from_millis(all * 1_000 / rustix::param::clock_ticks_per_second()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_brackets_is_skipped() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 1 0";
        assert_eq!(cpu_of(stat).unwrap(), Duration::from_secs(2));
    }

    #[test]
    fn memory_is_told_in_kibibytes() {
        assert_eq!(memory("VmHWM:\t      12 kB\nVmRSS:\t   3 kB\n", "VmRSS:").unwrap(), 3_072);
        assert!(memory("Name:\tx\n", "VmRSS:").is_err());
    }

    #[test]
    fn waiting_is_not_busy() {
        let stat = "cpu  100 0 50 9999 9999 0 25 25 0 0\ncpu0 1 1 1 1\n";
        assert_eq!(busy(stat).unwrap(), Duration::from_secs(2));
    }
}
