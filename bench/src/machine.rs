//! What everything ran on.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The facts of the machine as lines of text.
pub(crate) fn facts(folder: &Path) -> Vec<String> {
    let cpu_info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = value(&cpu_info, "model name").unwrap_or("unknown processor").to_owned();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kibibytes =
        value(&memory, "MemTotal").and_then(|text| text.trim_end_matches(" kB").parse::<u64>().ok());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    vec![
        format!("Machine: {model}, {cores} cores, {} GiB of memory", kibibytes.unwrap_or_default() >> 20),
        format!("Kernel: Linux {}", kernel.trim()),
        format!("File system: {}", file_system(folder).unwrap_or_else(|| "unknown".to_owned())),
        format!("Commit of tidings: {}", commit().unwrap_or_else(|| "unknown".to_owned())),
    ]
}

/// The version of a crate that this program was built with.
pub(crate) fn crate_version(name: &str) -> &'static str {
    let lock = include_str!("../Cargo.lock");
    let entry = lock.split("[[package]]").find(|entry| entry.contains(&format!("\nname = \"{name}\"\n")));
    let version = entry.and_then(|entry| entry.split("version = \"").nth(1)?.split('"').next());
    version.unwrap_or("of unknown version")
}

/// What stands behind a label and a colon.
fn value<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    let line = text.lines().find(|line| line.starts_with(label))?;
    line.split_once(':').map(|(_, value)| value.trim())
}

/// The kind and options of what the folder lies on.
fn file_system(folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let fields = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let around = fields.filter(|fields| fields.len() > 3 && folder.starts_with(fields[1]));
    let innermost = around.max_by_key(|fields| fields[1].len())?;
    Some(format!("{} ({})", innermost[2], innermost[3]))
}

fn commit() -> Option<String> {
    let git = |arguments: &[&str]| -> Option<String> {
        let output = Command::new("git").args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed = git(&["status", "--porcelain"])?;
    Some(if changed.is_empty() { commit } else { format!("{commit} with changes") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_come_from_the_lock_file() {
        assert!(crate_version("redb").starts_with(|first: char| first.is_ascii_digit()));
        assert_eq!(crate_version("no-such"), "of unknown version");
    }

    #[test]
    fn a_value_stands_behind_its_label() {
        assert_eq!(value("a : 1\nmodel name\t: X Y\n", "model name"), Some("X Y"));
    }
}
