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

/// What all processors together have done since the system started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OfAll {
    /// The time in which they were busy.
    pub(super) busy: Duration,
    /// The part of it in which they ran programs, or another machine's where this one is virtual. Interrupts are nobody's: many of them
    /// are the network of the very run.
    pub(super) programs: Duration,
    /// How many processors there are. In a container those of the machine, as the times are.
    pub(super) processors: usize,
}

/// What all processors have done.
pub(super) fn cpu_of_all() -> Option<OfAll> {
    system::cpu_of_all()
}

/// The memory of a process that is its own: anonymous, and its share of what is shared. Without mapped files, which the system may take
/// back at any time.
pub(super) fn memory_bytes(process: u32) -> Option<u64> {
    system::memory_bytes(process)
}

#[cfg(target_os = "linux")]
mod system {
    use super::OfAll;
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

    pub(super) fn cpu_of_all() -> Option<OfAll> {
        of_all(&read_to_string("/proc/stat").ok()?)
    }

    pub(super) fn memory_bytes(process: u32) -> Option<u64> {
        let rollup = read_to_string(format!("/proc/{process}/smaps_rollup")).ok()?;
        Some(kibibytes(&rollup, "Pss_Anon:")? + kibibytes(&rollup, "Pss_Shmem:")?)
    }

    /// Of the first line: programs in their own code, nice, and in the kernel; then without work, for two reasons; interrupts of two kinds; what
    /// another machine took. What guests used is counted among the first.
    fn of_all(stat: &str) -> Option<OfAll> {
        let fields: Vec<u64> =
            stat.lines().next()?.split_ascii_whitespace().skip(1).map_while(|it| it.parse().ok()).collect();
        let &[user, nice, system, _idle, _waiting, interrupts, soft_interrupts, stolen, ..] = &fields[..]
        else {
            return None;
        };
        let time =
            |ticks: u64| Duration::from_millis(ticks * 1_000 / rustix::param::clock_ticks_per_second());
        let programs = user + nice + system + stolen;
        let processors = stat.lines().skip(1).take_while(|line| line.starts_with("cpu")).count().max(1);
        Some(OfAll {
            busy: time(programs + interrupts + soft_interrupts),
            programs: time(programs),
            processors,
        })
    }

    fn kibibytes(text: &str, label: &str) -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(label))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kibibytes| kibibytes << 10)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn waiting_is_not_busy_and_interrupts_are_no_program() {
            let stat = "cpu  100 0 50 9999 9999 5 20 25 0 0\ncpu0 1 1 1 1\ncpu1 1 1 1 1\nintr 1\n";
            let ticks = rustix::param::clock_ticks_per_second();
            let time = |count: u64| Duration::from_millis(count * 1_000 / ticks);
            let expected = OfAll { busy: time(200), programs: time(175), processors: 2 };
            assert_eq!(of_all(stat), Some(expected));
            assert_eq!(of_all("cpu  1 2\n"), None);
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
            assert!(Duration::ZERO < thread_cpu().unwrap() && Duration::ZERO < cpu_of_all().unwrap().busy);
            assert!(100_000 < memory_bytes(own).unwrap());
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::OfAll;
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

    pub(super) fn cpu_of_all() -> Option<OfAll> {
        None
    }

    pub(super) fn memory_bytes(_process: u32) -> Option<u64> {
        None
    }
}
