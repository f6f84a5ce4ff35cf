//! A storage from files, and files from a storage.

use std::sync::Arc;
use tidings_log::{MemoryStorage, Storage};

/// More than a small log needs, and little enough for a machine of any size.
const STORAGE_BYTES_MAX: u64 = 4 << 20;

/// A name and all bytes.
#[derive(Clone, Debug)]
pub struct File {
    /// What the log calls it.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// A storage that holds these files, as far as they fit; of two with one name the later.
pub fn storage_of(files: &[File]) -> Arc<MemoryStorage> {
    let storage = Arc::new(MemoryStorage::new(STORAGE_BYTES_MAX));
    for file in files {
        if let Ok(stored) = storage.create(&file.name, file.bytes.len() as u64) {
            stored.write_at(0, &file.bytes).expect("the file has the size of these bytes");
        }
    }
    storage
}

/// All files of a storage, by name.
pub fn dump(storage: &MemoryStorage) -> Vec<File> {
    let mut names = storage.list().expect("memory can be listed");
    names.sort();
    let read = |name: String| {
        let file = storage.open(&name).expect("it was just listed");
        let bytes = usize::try_from(file.bytes().expect("memory has a size")).expect("it is in memory");
        let mut bytes = vec![0; bytes];
        file.read_at(0, &mut bytes).expect("inside the file");
        File { name, bytes }
    };
    names.into_iter().map(read).collect()
}
