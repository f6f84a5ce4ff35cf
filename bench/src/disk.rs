//! The disk that is measured, as the kernel counts it.

use anyhow::Context;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The block device under a folder.
///
/// The counts of a process (`/proc/PID/io`) are of no use here: they take the whole of a large folio of the page cache
/// for written when a part of it is, and a folio of a file that was filled in large pieces may be 1 MiB.
pub(crate) struct Disk {
    statistics: PathBuf,
}

impl Disk {
    pub(crate) fn under(folder: &Path) -> anyhow::Result<Disk> {
        let device = fs::metadata(folder).context("looking for the disk")?.dev();
        let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
        Ok(Disk { statistics: format!("/sys/dev/block/{major}:{minor}/stat").into() })
    }

    /// What was written to it since the machine started, by everybody; `None` if this is no block device.
    pub(crate) fn written_bytes(&self) -> Option<u64> {
        sectors_written(&fs::read_to_string(&self.statistics).ok()?).map(|sectors| sectors * 512)
    }
}

/// The seventh field.
fn sectors_written(statistics: &str) -> Option<u64> {
    statistics.split_ascii_whitespace().nth(6)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sectors_written_are_the_seventh_field() {
        assert_eq!(sectors_written("  1 2 3 4 5 6 700 8 9\n"), Some(700));
        assert_eq!(sectors_written("1 2"), None);
    }
}
