//! What the system knows of this process. Linux tells all of it; elsewhere a part is zero.

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Processor time since the process began.
pub(super) fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.unwrap_or_default(), nanos.unwrap_or_default())
}

/// Bytes that are in RAM.
pub(super) fn resident_bytes() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or_default();
    pages * rustix::param::page_size() as u64
}

/// File descriptors that are open.
pub(super) fn descriptors() -> u64 {
    // Kernels since 6.2 say how many there are; before that they have to be counted, which many connections make slow.
    let counted = || fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as u64);
    match fs::metadata("/proc/self/fd") {
        Ok(folder) if folder.len() != 0 => folder.len(),
        Ok(_) | Err(_) => counted(),
    }
}

/// File descriptors that may be open.
pub(super) fn descriptors_max() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Bytes that this process may still write to the disk of a folder; 0 when the system can't tell.
pub(super) fn disk_free_bytes(folder: &Path) -> u64 {
    rustix::fs::statvfs(folder).map_or(0, |disk| disk.f_bavail.saturating_mul(disk.f_frsize))
}
