//! Storage in a folder of real files, owned by one process at a time.

use super::{Storage, StorageFile};
use crate::OpenError;
use rustix::fs::{FlockOperation, Mode, OFlags};
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A folder on a file system. Only its owner may read it (mode 0700, files 0600).
///
/// It is locked for as long as this value, or a file opened through it, lives.
pub struct DirectoryStorage {
    path: PathBuf,
    lock: Option<Arc<File>>,
    access: Access,
}

/// What may be done to files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    ReadAndWrite,
    Read,
}

impl DirectoryStorage {
    /// The file that is locked; it stays empty.
    const LOCK_NAME: &str = "lock";

    /// How many zeros are written at a time.
    const ZEROS_BYTES: usize = 1 << 20;

    /// Takes a folder, which is made if it is missing. [`OpenError::Locked`] if another process has it.
    pub fn open(path: &Path) -> Result<DirectoryStorage, OpenError> {
        make_directory(path)?;
        let lock = open_file(&path.join(DirectoryStorage::LOCK_NAME), OFlags::CREATE)?;
        take_lock(&lock, path)?;
        Ok(DirectoryStorage {
            path: path.to_owned(),
            lock: Some(Arc::new(lock)),
            access: Access::ReadAndWrite,
        })
    }

    /// A folder that exists, to read only, while no server has it. Nothing is made in it. [`OpenError::Locked`] if a
    /// server has it.
    pub fn open_to_read(path: &Path) -> Result<DirectoryStorage, OpenError> {
        let unlocked = DirectoryStorage::open_to_look(path)?;
        // The first server makes the file: without it there was none yet, or this is a copy.
        let lock = match File::open(path.join(DirectoryStorage::LOCK_NAME)) {
            Ok(lock) => {
                take_lock(&lock, path)?;
                Some(Arc::new(lock))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        Ok(DirectoryStorage { lock, ..unlocked })
    }

    /// A folder that exists, to look at only, also while a server has it. What is read may change meanwhile.
    pub fn open_to_look(path: &Path) -> Result<DirectoryStorage, OpenError> {
        fs::read_dir(path)?;
        Ok(DirectoryStorage { path: path.to_owned(), lock: None, access: Access::Read })
    }

    fn file(&self, file: File) -> Arc<dyn StorageFile> {
        Arc::new(DirectoryFile { file, _lock: self.lock.clone() })
    }
}

impl Storage for DirectoryStorage {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            // A name that is not text is none of ours.
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<Arc<dyn StorageFile>> {
        let path = self.path.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = open_file(&path, OFlags::CREATE | OFlags::EXCL)?;
        if let Err(error) = write_zeros(&mut file, bytes) {
            // The first error is the one to tell; what could not be removed is replaced by the next attempt.
            let _removed = fs::remove_file(&path);
            return Err(error);
        }
        Ok(self.file(file))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        let path = self.path.join(name);
        Ok(self.file(match self.access {
            Access::ReadAndWrite => open_file(&path, OFlags::empty())?,
            Access::Read => File::open(path)?,
        }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync_directory(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

struct DirectoryFile {
    file: File,
    /// Keeps the folder locked while anybody can still write to it.
    _lock: Option<Arc<File>>,
}

impl StorageFile for DirectoryFile {
    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(buffer, at)
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, at)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn bytes(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }
}

/// Takes the lock for as long as the file is open.
fn take_lock(lock: &File, folder: &Path) -> Result<(), OpenError> {
    match rustix::fs::flock(lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(OpenError::Locked { folder: folder.to_owned() }),
        Err(errno) => Err(OpenError::Storage(errno.into())),
    }
}

/// Makes the folder, and its name in the parent durable.
fn make_directory(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => File::open(parent)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}

fn open_file(path: &Path, more: OFlags) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC | more;
    Ok(File::from(rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)?))
}

/// Real zeros, not a hole: a write into a hole must allocate, which costs a journal entry at each fsync
/// (measured: 160 µs against 107 µs) and may find the disk full.
fn write_zeros(file: &mut File, bytes: u64) -> io::Result<()> {
    let zeros = vec![0; DirectoryStorage::ZEROS_BYTES];
    let mut left = bytes;
    while 0 < left {
        let part = usize::try_from(left).unwrap_or(usize::MAX).min(zeros.len());
        file.write_all(&zeros[..part])?;
        left -= part as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_owner_and_is_private() {
        use std::os::unix::fs::PermissionsExt;
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data");
        let storage = DirectoryStorage::open(&path).unwrap();
        assert!(matches!(DirectoryStorage::open(&path), Err(OpenError::Locked { .. })));
        let file = storage.create("one", 10).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::metadata(path.join("one")).unwrap().permissions().mode() & 0o777, 0o600);
        drop(storage);
        assert!(DirectoryStorage::open(&path).is_err(), "a file of it is still in use");
        drop(file);
        assert!(DirectoryStorage::open(&path).is_ok());
    }

    #[test]
    fn whoever_reads_changes_nothing_and_keeps_servers_out() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data");
        assert!(DirectoryStorage::open_to_read(&path).is_err(), "there is no folder");
        fs::create_dir(&path).unwrap();
        assert!(DirectoryStorage::open_to_read(&path).unwrap().list().unwrap().is_empty());
        drop(DirectoryStorage::open(&path).unwrap().create("one", 1).unwrap());
        let storage = DirectoryStorage::open_to_read(&path).unwrap();
        assert!(matches!(DirectoryStorage::open(&path), Err(OpenError::Locked { .. })));
        assert!(storage.open("one").unwrap().write_at(0, b"x").is_err());
        drop(storage);
        let server = DirectoryStorage::open(&path).unwrap();
        assert!(matches!(DirectoryStorage::open_to_read(&path), Err(OpenError::Locked { .. })));
        drop(server);
    }

    #[test]
    fn a_file_is_zeros_until_it_is_written() {
        let parent = tempfile::tempdir().unwrap();
        let storage = DirectoryStorage::open(parent.path()).unwrap();
        let file = storage.create("new", 3_000_000).unwrap();
        assert_eq!(file.bytes().unwrap(), 3_000_000);
        file.write_at(2_999_998, b"ab").unwrap();
        file.sync().unwrap();
        storage.rename("new", "old").unwrap();
        storage.sync_directory().unwrap();
        let mut end = [9; 4];
        storage.open("old").unwrap().read_at(2_999_996, &mut end).unwrap();
        assert_eq!(&end, b"\0\0ab");
        assert!(storage.open("new").is_err());
        assert!(file.read_at(2_999_999, &mut end).is_err());
    }
}
