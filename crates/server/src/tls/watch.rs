//! Looks now and then whether files have changed. Who writes several of them is waited for.

use std::path::PathBuf;
use std::time::SystemTime;

/// What is known of some files.
pub(super) struct Watch {
    files: Vec<PathBuf>,
    /// As they were when they were read last, whatever came of it.
    read: Vec<Mark>,
    /// As they were at the last look.
    seen: Vec<Mark>,
}

/// What tells a file from what it was before. `None`: there is none.
type Mark = Option<(SystemTime, u64, u64)>;

impl Watch {
    /// To be made before the files are read.
    pub(super) fn new(files: Vec<PathBuf>) -> Watch {
        let marks: Vec<_> = files.iter().map(mark).collect();
        Watch { files, read: marks.clone(), seen: marks }
    }

    /// Whether they have changed since they were read, and are the same as at the last look: somebody who replaces a
    /// certificate and then its key has done both. Counts as read from here on.
    pub(super) fn has_changed(&mut self) -> bool {
        let marks: Vec<_> = self.files.iter().map(mark).collect();
        let is_settled = marks == self.seen;
        self.seen.clone_from(&marks);
        let has_changed = is_settled && marks != self.read;
        if has_changed {
            self.read = marks;
        }
        has_changed
    }
}

/// A link leads to what it names: certificates are often replaced by links.
fn mark(file: &PathBuf) -> Mark {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.modified().ok()?, metadata.len(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_again_once_they_have_settled() {
        let folder = tempfile::tempdir().unwrap();
        let files: Vec<_> = ["a", "b"].iter().map(|name| folder.path().join(name)).collect();
        std::fs::write(&files[0], "1").unwrap();
        let mut watch = Watch::new(files.clone());
        assert!(!watch.has_changed());
        std::fs::write(&files[0], "22").unwrap();
        assert!(!watch.has_changed(), "the other may follow");
        std::fs::write(&files[1], "1").unwrap();
        assert!(!watch.has_changed());
        assert!(watch.has_changed());
        assert!(!watch.has_changed());
        std::fs::remove_file(&files[1]).unwrap();
        assert!(!watch.has_changed());
        assert!(watch.has_changed());
    }
}
