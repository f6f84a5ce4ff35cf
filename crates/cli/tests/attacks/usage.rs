//! Processor time: of processes, and of everybody on this machine.

use std::fs;
use std::path::Path;
use std::time::Duration;

/// What the whole machine has used since its start, but for interrupts.
pub(crate) fn of_machine() -> Duration {
    /// Ticks of `/proc/stat`, on every Linux there is.
    const TICK: Duration = Duration::from_millis(10);
    let stat = fs::read_to_string("/proc/stat").expect("Linux has it");
    let all = stat.lines().next().unwrap_or_default();
    // Of users, of those who are nice, and of the system.
    let ticks: u32 =
        all.split_whitespace().skip(1).take(3).filter_map(|ticks| ticks.parse::<u32>().ok()).sum();
    TICK * ticks
}

/// What a process has used, in all of its threads that are there.
pub(crate) fn of_process(id: u32) -> Duration {
    let tasks = fs::read_dir(Path::new("/proc").join(id.to_string()).join("task"));
    let of_task = |task: fs::DirEntry| {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    };
    Duration::from_nanos(tasks.into_iter().flatten().flatten().filter_map(of_task).sum())
}
