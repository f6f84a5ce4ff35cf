//! A storage that is only looked at: what is made in it stays in memory, and what is removed is only hidden.

use super::{MemoryStorage, Storage, StorageFile};
use crate::locks::locked;
use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex};

/// Lets a tool open a log as the server would, and leave every byte of it as it was.
pub(crate) struct ReadOnly {
    below: Arc<dyn Storage>,
    made: MemoryStorage,
    hidden: Mutex<HashSet<String>>,
}

impl ReadOnly {
    pub(crate) fn new(below: Arc<dyn Storage>) -> ReadOnly {
        ReadOnly { below, made: MemoryStorage::new(u64::MAX), hidden: Mutex::default() }
    }

    fn hide(&self, name: &str) {
        locked(&self.hidden).insert(name.to_owned());
    }

    fn is_hidden(&self, name: &str) -> bool {
        locked(&self.hidden).contains(name)
    }
}

impl Storage for ReadOnly {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = self.below.list()?;
        names.retain(|name| !self.is_hidden(name));
        names.extend(self.made.list()?);
        Ok(names)
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<Arc<dyn StorageFile>> {
        self.hide(name);
        self.made.create(name, bytes)
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        match self.made.open(name) {
            Err(_) if !self.is_hidden(name) => Ok(Arc::new(Unchanged(self.below.open(name)?))),
            made => made,
        }
    }

    /// Of files that were made here. No log renames an old one while it is opened.
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.made.rename(from, to)?;
        self.hide(to);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.hide(name);
        let _only_below = self.made.remove(name);
        Ok(())
    }

    fn sync_directory(&self) -> io::Result<()> {
        Ok(())
    }
}

/// A file that may be written only with the bytes that it has, as recovery does.
struct Unchanged(Arc<dyn StorageFile>);

impl StorageFile for Unchanged {
    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read_at(at, buffer)
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut before = vec![0; bytes.len()];
        self.0.read_at(at, &mut before)?;
        if before == bytes { Ok(()) } else { Err(io::ErrorKind::ReadOnlyFilesystem.into()) }
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn bytes(&self) -> io::Result<u64> {
        self.0.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_what_is_below() {
        let below = Arc::new(MemoryStorage::new(100));
        below.create("old", 4).unwrap().write_at(0, b"abcd").unwrap();
        below.create("other", 4).unwrap();
        let storage = ReadOnly::new(Arc::<MemoryStorage>::clone(&below));
        let old = storage.open("old").unwrap();
        old.write_at(1, b"bc").unwrap();
        assert!(old.write_at(1, b"xx").is_err());
        storage.create("made", 1_000).unwrap().write_at(0, b"x").unwrap();
        storage.rename("made", "other").unwrap();
        assert_eq!(storage.open("other").unwrap().bytes().unwrap(), 1_000);
        storage.remove("old").unwrap();
        assert!(storage.open("old").is_err());
        assert_eq!(storage.list().unwrap(), ["other"]);
        let mut names = below.list().unwrap();
        names.sort();
        assert_eq!(names, ["old", "other"]);
        assert_eq!(below.open("other").unwrap().bytes().unwrap(), 4);
    }
}
