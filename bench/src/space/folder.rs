//! What the folder of a log takes on the disk.

use super::{FILES, USED_PER_LIVE_BYTE};
use crate::aims::{Figure, Unit, float};
use anyhow::Context;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The space that files take, by what they are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FolderUse {
    files: u64,
    bytes: u64,
    /// Of that, the files whose number and size do not grow with what is kept: segments, spare ones too, the reserve,
    /// and the manifests.
    fixed_bytes: u64,
}

impl FolderUse {
    pub(super) fn of(folder: &Path) -> anyhow::Result<FolderUse> {
        let mut sum = FolderUse::default();
        for entry in fs::read_dir(folder).context("listing the files")? {
            let entry = entry.context("listing the files")?;
            // One that was removed or renamed meanwhile is none.
            let Ok(metadata) = entry.metadata() else { continue };
            let bytes = metadata.blocks() * 512;
            sum.files += 1;
            sum.bytes += bytes;
            if is_fixed(&entry.file_name().to_string_lossy()) {
                sum.fixed_bytes += bytes;
            }
        }
        Ok(sum)
    }

    /// The most of both.
    pub(super) fn max(self, other: FolderUse) -> FolderUse {
        FolderUse {
            files: self.files.max(other.files),
            bytes: self.bytes.max(other.bytes),
            fixed_bytes: self.fixed_bytes.max(other.fixed_bytes),
        }
    }

    /// What is told of the time in which it was published.
    pub(super) fn figures_of_peak(self) -> Vec<Figure> {
        vec![
            Figure::bytes("The folder at most, while publishing", self.bytes),
            Figure::count("Files at most, while publishing", self.files).aim(FILES),
        ]
    }

    pub(super) fn figures(self, live_bytes: u64) -> Vec<Figure> {
        let per = |what: &str, bytes| Figure::new(what, float(bytes) / float(live_bytes), Unit::Ratio);
        vec![
            Figure::bytes("Messages that live", live_bytes),
            Figure::bytes("The folder", self.bytes),
            Figure::bytes("Of that, segments in use, spare ones, reserve and manifests", self.fixed_bytes),
            per("The folder for each byte that lives", self.bytes).aim(USED_PER_LIVE_BYTE),
            per("The same without those fixed files", self.bytes - self.fixed_bytes).aim(USED_PER_LIVE_BYTE),
            Figure::count("Files", self.files).aim(FILES),
        ]
    }
}

fn is_fixed(name: &str) -> bool {
    let grows = |suffix| Path::new(name).extension().is_some_and(|extension| extension == suffix);
    !grows("block") && !grows("snapshot")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_snapshots_are_not_fixed() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["00000001.segment", "reserve", "00000002.block", "00000003.snapshot"] {
            fs::write(folder.path().join(name), [1; 4_096]).unwrap();
        }
        let found = FolderUse::of(folder.path()).unwrap();
        assert_eq!((found.files, found.bytes), (4, 2 * found.fixed_bytes));
    }
}
