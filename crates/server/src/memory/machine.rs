//! How much memory the machine has for this process: all of it, or what its control group may use.

use std::path::{Path, PathBuf};

/// Bytes; `None` where the system does not say.
pub(crate) fn memory_bytes() -> Option<usize> {
    available(|path| std::fs::read_to_string(path).ok())
}

fn available(read: impl Fn(&Path) -> Option<String>) -> Option<usize> {
    let machine = read(Path::new("/proc/meminfo")).and_then(|text| total(&text));
    let groups = read(Path::new("/proc/self/cgroup")).unwrap_or_default();
    let limits = groups.lines().flat_map(limit_files).filter_map(|path| read(&path)?.trim().parse().ok());
    machine.into_iter().chain(limits).min()
}

/// `MemTotal:       16384256 kB`
fn total(meminfo: &str) -> Option<usize> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1 << 10)
}

/// The files that may limit the members of a group, `0::/system.slice/tidings.service` or, in the older form, `4:memory:/docker/…`: its own,
/// and those of the groups around it. One without a limit says `max`, or a number that no machine has.
fn limit_files(group: &str) -> Vec<PathBuf> {
    let mut parts = group.splitn(3, ':').skip(1);
    let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { return Vec::new() };
    let (root, file) = match controllers {
        "" => ("/sys/fs/cgroup", "memory.max"),
        _ if controllers.split(',').any(|it| it == "memory") => {
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
        }
        _ => return Vec::new(),
    };
    let inside = Path::new(path.trim_start_matches('/'));
    inside.ancestors().map(|group| Path::new(root).join(group).join(file)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &[(&str, &str)]) -> Option<usize> {
        available(|path| {
            let found = files.iter().find(|(name, _)| Path::new(name) == path);
            found.map(|(_, text)| (*text).to_owned())
        })
    }

    const MEMINFO: (&str, &str) = ("/proc/meminfo", "MemTotal:       16384256 kB\nMemFree:         1 kB\n");

    #[test]
    fn without_a_group_it_is_the_machine() {
        assert_eq!(of(&[MEMINFO]), Some(16_384_256 << 10));
        assert_eq!(of(&[]), None);
        assert!(!cfg!(target_os = "linux") || memory_bytes().is_some());
    }

    #[test]
    fn the_smallest_limit_around_the_process_counts() {
        let group = ("/proc/self/cgroup", "0::/system.slice/tidings.service\n");
        let own = ("/sys/fs/cgroup/system.slice/tidings.service/memory.max", "max\n");
        let around = ("/sys/fs/cgroup/system.slice/memory.max", "536870912\n");
        assert_eq!(of(&[MEMINFO, group, own, around]), Some(512 << 20));
        let inside =
            [MEMINFO, ("/proc/self/cgroup", "0::/\n"), ("/sys/fs/cgroup/memory.max", "1073741824\n")];
        assert_eq!(of(&inside), Some(1 << 30));
    }

    #[test]
    fn groups_of_the_older_form_count_too() {
        let group = ("/proc/self/cgroup", "5:cpu,cpuacct:/a\n4:memory:/a/b\n");
        let own = ("/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "268435456\n");
        let all = ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        assert_eq!(of(&[MEMINFO, group, own, all]), Some(256 << 20));
    }
}
