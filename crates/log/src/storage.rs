//! The seam between the log and what keeps its bytes: a folder of files, memory, or a simulated disk.
//!
//! Every byte of the log goes through these few calls. They know nothing of segments, frames or streams.

mod directory;
mod memory;
mod read_only;
mod simulated;

use std::io;
use std::sync::Arc;

pub use directory::DirectoryStorage;
pub use memory::MemoryStorage;
pub(crate) use read_only::ReadOnly;
pub use simulated::{Fault, SimulatedStorage};

/// A flat folder of files.
pub trait Storage: Send + Sync {
    /// The names of all files, in no particular order.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Makes a file of `bytes` zeros, or an empty one that is going to grow, in place of one that has the name already. Neither the zeros nor the
    /// name need to survive a crash before [`StorageFile::sync`] and [`Storage::sync_directory`]. On an error
    /// nothing of the file is left, so that a full disk gets its space back.
    fn create(&self, name: &str, bytes: u64) -> io::Result<Arc<dyn StorageFile>>;

    /// Opens a file that exists.
    fn open(&self, name: &str) -> io::Result<Arc<dyn StorageFile>>;

    /// Gives a file another name, in place of a file that has it already. After a crash it has one of the two.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file. Who has it open reads on; its space comes back when nobody has.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes every creation, renaming and removal before this call survive a crash.
    fn sync_directory(&self) -> io::Result<()>;
}

/// One file, read and written at positions by any thread.
pub trait StorageFile: Send + Sync {
    /// Fills `buffer` from position `at`; an error if the file ends before that.
    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<()>;

    /// Writes all of `bytes` from position `at`, not beyond the end of the file, but perhaps across it: then it grows. Until [`StorageFile::sync`] a crash may lose any part of it.
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes every write before this call survive a crash. After an error nothing is known about those
    /// writes, and a second call proves nothing: the caller must give up.
    fn sync(&self) -> io::Result<()>;

    /// The size of the file.
    fn bytes(&self) -> io::Result<u64>;
}

/// Whether an error says that there is no room, which passes, unlike a failure of the disk.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// A write that begins beyond the end of a file of `file_bytes` is a mistake.
pub(crate) fn growth(at: u64, bytes: usize, file_bytes: usize) -> io::Result<std::ops::Range<usize>> {
    let start = usize::try_from(at).unwrap_or(usize::MAX);
    match start.checked_add(bytes).filter(|_| start <= file_bytes) {
        Some(end) => Ok(start..end),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// The part of a file of `file_bytes` that a call of `bytes` at `at` means; an error if it isn't all inside.
pub(crate) fn range(at: u64, bytes: usize, file_bytes: usize) -> io::Result<std::ops::Range<usize>> {
    let outside = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let start = usize::try_from(at).map_err(|_| outside())?;
    let end = start.checked_add(bytes).filter(|end| *end <= file_bytes).ok_or_else(outside)?;
    Ok(start..end)
}
