//! Storage in memory, for streams that need not outlive the process.

use super::{Storage, StorageFile};
use crate::locks::{locked, read_locked, write_locked};
use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};

/// Files in memory, up to a limit. Syncing does nothing.
pub struct MemoryStorage {
    room: Arc<Room>,
    files: Mutex<HashMap<String, Arc<MemoryFile>>>,
}

/// What all files together may have.
struct Room {
    bytes_max: u64,
    used: AtomicU64,
}

impl Room {
    fn take(&self, bytes: u64) -> io::Result<()> {
        let fits = |used: u64| used.checked_add(bytes).filter(|used| *used <= self.bytes_max);
        match self.used.try_update(Ordering::Relaxed, Ordering::Relaxed, fits) {
            Ok(_) => Ok(()),
            Err(_) => Err(io::ErrorKind::StorageFull.into()),
        }
    }
}

impl MemoryStorage {
    /// An empty one whose files together have at most `bytes_max`; beyond that it is a full disk.
    pub fn new(bytes_max: u64) -> MemoryStorage {
        let room = Arc::new(Room { bytes_max, used: AtomicU64::new(0) });
        MemoryStorage { room, files: Mutex::default() }
    }
}

impl Storage for MemoryStorage {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(locked(&self.files).keys().cloned().collect())
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<Arc<dyn StorageFile>> {
        let mut files = locked(&self.files);
        files.remove(name);
        self.room.take(bytes)?;
        // Too large for this machine: told like a full disk. Zeros that nobody has touched take no memory yet.
        let count = usize::try_from(bytes).map_err(|_| io::Error::from(io::ErrorKind::StorageFull))?;
        let file = Arc::new(MemoryFile { bytes: RwLock::new(vec![0; count]), room: Arc::clone(&self.room) });
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

    fn remove(&self, name: &str) -> io::Result<()> {
        locked(&self.files).remove(name).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_directory(&self) -> io::Result<()> {
        Ok(())
    }
}

struct MemoryFile {
    bytes: RwLock<Vec<u8>>,
    room: Arc<Room>,
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        self.room.used.fetch_sub(read_locked(&self.bytes).len() as u64, Ordering::Relaxed);
    }
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
        let range = super::growth(at, new.len(), bytes.len())?;
        if bytes.len() < range.end {
            self.room.take((range.end - bytes.len()) as u64)?;
            bytes.resize(range.end, 0);
        }
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
    fn space_comes_back_when_the_last_reader_is_gone() {
        let storage = MemoryStorage::new(100);
        let file = storage.create("a", 60).unwrap();
        storage.remove("a").unwrap();
        assert!(storage.create("b", 41).is_err());
        drop(file);
        storage.create("b", 100).unwrap();
    }

    #[test]
    fn a_position_outside_is_an_error_and_a_write_across_the_end_grows() {
        let storage = MemoryStorage::new(11);
        let file = storage.create("a", 10).unwrap();
        file.write_at(8, b"xy").unwrap();
        assert!(file.write_at(11, b"x").is_err());
        assert!(file.write_at(9, b"abc").is_err(), "the memory is full");
        file.write_at(9, b"xy").unwrap();
        assert!(file.read_at(u64::MAX, &mut [0; 2]).is_err());
        let mut end = [0; 4];
        file.read_at(7, &mut end).unwrap();
        assert_eq!(&end, b"\0xxy");
    }
}
