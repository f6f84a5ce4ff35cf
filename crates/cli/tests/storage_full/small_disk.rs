//! A file system with little room, for one test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A mounted tmpfs, which takes no more than it was made for, as a disk does. Ends with the value.
pub(crate) struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// # Panics
    /// When it can't be mounted; the message says how it can.
    pub(crate) fn mount(mebibytes: usize) -> SmallDisk {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={mebibytes}m");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tidings-test"])
            .arg(folder.path())
            .output()
            .expect("`mount` can be run");
        assert!(
            mount.status.success(),
            "{}only root may mount a small disk; put `unshare --map-root-user --mount` before the command",
            String::from_utf8_lossy(&mount.stderr)
        );
        SmallDisk { folder }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Somebody else's file takes so much of it.
    pub(crate) fn put_ballast(&self, mebibytes: usize) {
        fs::write(self.ballast(), vec![1; mebibytes << 20]).unwrap();
    }

    pub(crate) fn remove_ballast(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        self.folder().join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a test that fails may leave files open behind it.
        let unmounted = Command::new("umount").arg("--lazy").arg(self.folder.path()).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            eprintln!("{} is still mounted", self.folder.path().display());
        }
    }
}
