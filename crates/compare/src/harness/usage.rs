//! What processes use: processor time and memory. Where the system does not tell, nothing.

use std::time::Duration;

/// The time of all threads of a process, in the program and in the kernel.
pub(super) fn cpu_of(process: u32) -> Option<Duration> {
    system::cpu_of(process)
}

/// The same of this process.
pub(super) fn own_cpu() -> Option<Duration> {
    system::own_cpu()
}

/// The time of this thread.
pub(super) fn thread_cpu() -> Option<Duration> {
    system::thread_cpu()
}

/// The time that all processors together were busy since the system started.
pub(super) fn cpu_of_all() -> Option<Duration> {
    system::cpu_of_all()
}

/// The memory of a process that is its own: anonymous, and its share of what is shared. Without mapped files, which the system may take
/// back at any time.
pub(super) fn memory_bytes(process: u32) -> Option<u64> {
    system::memory_bytes(process)
}

#[cfg(target_os = "linux")]
mod system {
    use nix::time::ClockId;
    use nix::unistd::Pid;
    use std::fs::read_to_string;
    use std::time::Duration;

    /// To the nanosecond: `/proc` has the same in ticks of ten milliseconds.
    pub(super) fn cpu_of(process: u32) -> Option<Duration> {
        let clock = ClockId::pid_cpu_clock_id(Pid::from_raw(i32::try_from(process).ok()?)).ok()?;
        clock.now().ok().map(Duration::from)
    }

    pub(super) fn own_cpu() -> Option<Duration> {
        ClockId::CLOCK_PROCESS_CPUTIME_ID.now().ok().map(Duration::from)
    }

    pub(super) fn thread_cpu() -> Option<Duration> {
        ClockId::CLOCK_THREAD_CPUTIME_ID.now().ok().map(Duration::from)
    }

    pub(super) fn cpu_of_all() -> Option<Duration> {
        busy(&read_to_string("/proc/stat").ok()?)
    }

    pub(super) fn memory_bytes(process: u32) -> Option<u64> {
        let rollup = read_to_string(format!("/proc/{process}/smaps_rollup")).ok()?;
        Some(kibibytes(&rollup, "Pss_Anon:")? + kibibytes(&rollup, "Pss_Shmem:")?)
    }

    /// All of the first line but its fields 4 and 5, the time without work, and what guests used, which is counted twice.
    fn busy(stat: &str) -> Option<Duration> {
        let fields: Vec<&str> = stat.lines().next()?.split_ascii_whitespace().collect();
        let ticks = |range| {
            fields
                .get(range)
                .map(|of: &[&str]| of.iter().filter_map(|it| it.parse::<u64>().ok()).sum::<u64>())
        };
        let ticks = ticks(1..4)? + ticks(6..9)?;
        Some(Duration::from_millis(ticks * 1_000 / rustix::param::clock_ticks_per_second()))
    }

    fn kibibytes(text: &str, label: &str) -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(label))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kibibytes| kibibytes << 10)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn waiting_is_not_busy() {
            let stat = "cpu  100 0 50 9999 9999 0 25 25 0 0\ncpu0 1 1 1 1\n";
            let ticks = rustix::param::clock_ticks_per_second();
            assert_eq!(busy(stat), Some(Duration::from_millis(200_000 / ticks)));
        }

        #[test]
        fn memory_is_told_in_kibibytes() {
            assert_eq!(kibibytes("Pss:    7 kB\nPss_Anon:   12 kB\n", "Pss_Anon:"), Some(12_288));
            assert_eq!(kibibytes("Name: x\n", "Pss_Anon:"), None);
        }

        #[test]
        fn this_process_uses_something() {
            let own = std::process::id();
            assert!(Duration::ZERO < cpu_of(own).unwrap() && Duration::ZERO < own_cpu().unwrap());
            assert!(Duration::ZERO < thread_cpu().unwrap() && Duration::ZERO < cpu_of_all().unwrap());
            assert!(100_000 < memory_bytes(own).unwrap());
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::time::Duration;

    pub(super) fn cpu_of(_process: u32) -> Option<Duration> {
        None
    }

    pub(super) fn own_cpu() -> Option<Duration> {
        None
    }

    pub(super) fn thread_cpu() -> Option<Duration> {
        None
    }

    pub(super) fn cpu_of_all() -> Option<Duration> {
        None
    }

    pub(super) fn memory_bytes(_process: u32) -> Option<u64> {
        None
    }
}
