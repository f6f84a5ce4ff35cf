//! Whether files are others than they were, by a look at what the system knows of them.
//!
//! A look each second costs microseconds, works on every file system, and follows links: also where a whole folder is put in place of
//! another, as orchestrators do. What notifies of changes does only some of that.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Some files, as they were at the last look.
#[derive(Clone, Debug, Default)]
pub(super) struct FileStamps {
    files: Vec<(PathBuf, Option<Stamp>)>,
    /// Something was another at the last look; whether it is still being written is not known.
    is_moving: bool,
}

/// What tells a file from another at the same path, and from itself after a change.
type Stamp = (u64, u64, u64, (i64, i64), (i64, i64));

impl FileStamps {
    pub(super) fn of<'p>(paths: impl IntoIterator<Item = &'p Path>) -> FileStamps {
        let mut stamps = FileStamps::default();
        stamps.add(paths);
        stamps
    }

    pub(super) fn add<'p>(&mut self, paths: impl IntoIterator<Item = &'p Path>) {
        for path in paths {
            if self.files.iter().all(|(known, _)| known != path) {
                self.files.push((path.to_owned(), stamp(path)));
            }
        }
    }

    /// Whether any file has changed and was still since the look before this.
    pub(super) fn look(&mut self) -> bool {
        let mut has_moved = false;
        for (path, known) in &mut self.files {
            let now = stamp(path);
            has_moved |= std::mem::replace(known, now) != now;
        }
        let is_settled = !has_moved && self.is_moving;
        self.is_moving = has_moved;
        is_settled
    }
}

/// `None` where nothing can be read.
fn stamp(path: &Path) -> Option<Stamp> {
    let of = std::fs::metadata(path).ok()?;
    Some((of.dev(), of.ino(), of.len(), (of.mtime(), of.mtime_nsec()), (of.ctime(), of.ctime_nsec())))
}
