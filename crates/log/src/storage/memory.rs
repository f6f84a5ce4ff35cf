//! Storage in memory, for streams that need not outlive the process.

use super::{Storage, StorageFile};
use crate::locks::{locked, read_locked, write_locked};
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, RwLock};

/// Files in memory, up to a limit. Syncing does nothing.
pub struct MemoryStorage {
    bytes_max: u64,
    files: Mutex<HashMap<String, Arc<MemoryFile>>>,
}

impl MemoryStorage {
    /// An empty one whose files together have at most `bytes_max`; beyond that it is a full disk.
    pub fn new(bytes_max: u64) -> MemoryStorage {
        MemoryStorage { bytes_max, files: Mutex::default() }
    }
}

impl Storage for MemoryStorage {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(locked(&self.files).keys().cloned().collect())
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<Arc<dyn StorageFile>> {
        let mut files = locked(&self.files);
        let others = files.iter().filter(|(other, _)| *other != name);
        let used = others.map(|(_, file)| read_locked(&file.bytes).len() as u64).sum::<u64>();
        if self.bytes_max < used.saturating_add(bytes) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let bytes = usize::try_from(bytes).map_err(|_| io::Error::from(io::ErrorKind::StorageFull))?;
        let file = Arc::new(MemoryFile { bytes: RwLock::new(vec![0; bytes]) });
        files.insert(name.to_owned(), Arc::clone(&file));
        Ok(file)
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        match locked(&self.files).get(name) {
            Some(file) => Ok(Arc::<MemoryFile>::clone(file)),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut files = locked(&self.files);
        let file = files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        files.insert(to.to_owned(), file);
        Ok(())
    }

    fn sync_directory(&self) -> io::Result<()> {
        Ok(())
    }
}

struct MemoryFile {
    bytes: RwLock<Vec<u8>>,
}

impl StorageFile for MemoryFile {
    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        let bytes = read_locked(&self.bytes);
        let range = super::range(at, buffer.len(), bytes.len())?;
        buffer.copy_from_slice(&bytes[range]);
        Ok(())
    }

    fn write_at(&self, at: u64, new: &[u8]) -> io::Result<()> {
        let mut bytes = write_locked(&self.bytes);
        let range = super::range(at, new.len(), bytes.len())?;
        bytes[range].copy_from_slice(new);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn bytes(&self) -> io::Result<u64> {
        Ok(read_locked(&self.bytes).len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_limited_like_a_disk() {
        let storage = MemoryStorage::new(100);
        storage.create("a", 60).unwrap();
        let error = storage.create("b", 41).err().unwrap();
        assert!(crate::storage::is_full(&error));
        storage.create("b", 40).unwrap();
        storage.create("b", 40).unwrap();
    }

    #[test]
    fn a_position_outside_is_an_error() {
        let file = MemoryStorage::new(100).create("a", 10).unwrap();
        file.write_at(8, b"xy").unwrap();
        assert!(file.write_at(9, b"xy").is_err());
        assert!(file.read_at(u64::MAX, &mut [0; 2]).is_err());
        let mut end = [0; 3];
        file.read_at(7, &mut end).unwrap();
        assert_eq!(&end, b"\0xy");
    }
}
