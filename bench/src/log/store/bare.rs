//! What the disk itself can do: the same bytes, written and synced, and nothing else.

use super::{Append, Committer};
use anyhow::Context;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;

pub(crate) const SETTINGS: &str = "the messages of a batch in one pwrite into a file of 256 MiB of zeros, begun anew at its end, and one fdatasync";

/// A file that is written in a circle.
pub(crate) struct Bare {
    file: File,
    at: u64,
    buffer: Vec<u8>,
}

impl Bare {
    const FILE_BYTES: u64 = 256 << 20;

    pub(crate) fn open(folder: &Path) -> anyhow::Result<Bare> {
        let mut file = File::create_new(folder.join("bare")).context("making the file")?;
        let zeros = vec![0; 1 << 20];
        for _ in 0..Bare::FILE_BYTES / zeros.len() as u64 {
            file.write_all(&zeros).context("filling the file")?;
        }
        file.sync_all().context("syncing the file")?;
        Ok(Bare { file, at: 0, buffer: Vec::new() })
    }
}

impl Committer for Bare {
    fn commit(&mut self, batch: &[Append<'_>]) -> anyhow::Result<()> {
        self.buffer.clear();
        for append in batch {
            self.buffer.extend_from_slice(append.message);
        }
        if Bare::FILE_BYTES < self.at + self.buffer.len() as u64 {
            self.at = 0;
        }
        self.file.write_all_at(&self.buffer, self.at)?;
        self.at += self.buffer.len() as u64;
        Ok(self.file.sync_data()?)
    }
}
