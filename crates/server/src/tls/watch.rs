//! Looks now and then whether files have changed. Who writes several of them is waited for.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What is known of some files.
pub(super) struct Watch {
    /// As they were when they were read last, whatever came of it.
    read: Vec<(PathBuf, Mark)>,
    /// As they were at the last look.
    seen: Vec<(PathBuf, Mark)>,
}

/// What tells a file from what it was before. `None`: there is none.
type Mark = Option<(SystemTime, u64, u64)>;

impl Watch {
    /// To be made before the files are read.
    pub(super) fn new(files: Vec<PathBuf>) -> Watch {
        let marks = marked(files);
        Watch { read: marks.clone(), seen: marks }
    }

    /// Whether these have changed since some were read, and are the same as at the last look: somebody who replaces a
    /// certificate and then its key has done both. Counts as read from here on.
    pub(super) fn has_changed(&mut self, files: Vec<PathBuf>) -> bool {
        let marks = marked(files);
        let is_settled = marks == self.seen;
        self.seen.clone_from(&marks);
        let has_changed = is_settled && marks != self.read;
        if has_changed {
            self.read = marks;
        }
        has_changed
    }
}

fn marked(files: Vec<PathBuf>) -> Vec<(PathBuf, Mark)> {
    files.into_iter().map(|file| (file.clone(), mark(&file))).collect()
}

/// A link leads to what it names: certificates are often replaced by links.
fn mark(file: &Path) -> Mark {
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
        assert!(!watch.has_changed(files.clone()));
        std::fs::write(&files[0], "22").unwrap();
        assert!(!watch.has_changed(files.clone()), "the other may follow");
        std::fs::write(&files[1], "1").unwrap();
        assert!(!watch.has_changed(files.clone()));
        assert!(watch.has_changed(files.clone()));
        assert!(!watch.has_changed(files.clone()));
        std::fs::remove_file(&files[1]).unwrap();
        assert!(!watch.has_changed(files.clone()));
        assert!(watch.has_changed(files.clone()));
    }
}
