//! A storage that a test can hold up, or fill.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use tidings_log::{MemoryStorage, Storage, StorageFile};

/// Memory behind a gate. Clones are the same storage.
#[derive(Clone)]
pub(crate) struct Gate {
    inner: Arc<MemoryStorage>,
    closed: Arc<(Mutex<bool>, Condvar)>,
    full: Arc<AtomicBool>,
}

impl Gate {
    pub(crate) fn new() -> Gate {
        Gate { inner: Arc::new(MemoryStorage::new(64 << 20)), closed: Arc::default(), full: Arc::default() }
    }

    /// Lets syncs wait, or go on.
    pub(crate) fn set_closed(&self, closed: bool) {
        *self.closed.0.lock().unwrap() = closed;
        self.closed.1.notify_all();
    }

    /// Whether there is no room for another file.
    pub(crate) fn set_full(&self, full: bool) {
        self.full.store(full, Ordering::Relaxed);
    }

    fn wrap(&self, file: Arc<dyn StorageFile>) -> Arc<dyn StorageFile> {
        Arc::new(GatedFile { file, closed: Arc::clone(&self.closed) })
    }
}

impl Storage for Gate {
    fn list(&self) -> io::Result<Vec<String>> {
        self.inner.list()
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<Arc<dyn StorageFile>> {
        if self.full.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(self.wrap(self.inner.create(name, bytes)?))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        Ok(self.wrap(self.inner.open(name)?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.inner.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.inner.remove(name)
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.inner.sync_directory()
    }
}

struct GatedFile {
    file: Arc<dyn StorageFile>,
    closed: Arc<(Mutex<bool>, Condvar)>,
}

impl StorageFile for GatedFile {
    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_at(at, buffer)
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_at(at, bytes)
    }

    fn sync(&self) -> io::Result<()> {
        let closed = self.closed.0.lock().unwrap();
        drop(self.closed.1.wait_while(closed, |closed| *closed).unwrap());
        self.file.sync()
    }

    fn bytes(&self) -> io::Result<u64> {
        self.file.bytes()
    }
}
