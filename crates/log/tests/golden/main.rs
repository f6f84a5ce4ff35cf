//! Data folders that earlier versions wrote hold what they held. `examples/make_golden.rs` makes one.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers here belong to one test each, and a failure shows its line"
)]

mod folder;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tidings_log::{DirectoryStorage, Log, LogSettings, Storage, verify};

/// The folders that are checked in.
fn golden() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn open(data: &Path) -> Log {
    let storage = Arc::new(DirectoryStorage::open(data).unwrap());
    let settings = LogSettings { segment_bytes: LogSettings::SEGMENT_BYTES_MIN, ..LogSettings::default() };
    Log::open(storage, settings, Box::new(|| 1)).unwrap()
}

#[test]
fn what_was_written_is_read_as_it_was() {
    let folders = golden();
    assert!(!folders.is_empty());
    for packed in folders {
        let data = tempfile::tempdir().unwrap();
        unpack(&packed, data.path());
        let names = DirectoryStorage::open_to_look(data.path()).unwrap().list().unwrap();
        for kind in [".block", ".snapshot", ".segment", ".spare", "reserve", "manifest.0", "manifest.1"] {
            assert!(names.iter().any(|name| name.ends_with(kind)), "no {kind} in {packed:?}");
        }
        let expected = fs::read_to_string(packed.join(folder::STREAMS)).unwrap();
        let storage = Arc::new(DirectoryStorage::open_to_read(data.path()).unwrap());
        assert_eq!(verify(storage, &mut |_| ()).unwrap().damage, []);
        let mut log = open(data.path());
        assert_eq!(folder::describe(&log), expected);
        // Nor does anybody notice that it is tidied up, and opened once more.
        log.take_upkeep().unwrap().work_off().unwrap();
        assert_eq!(folder::describe(&log), expected);
        drop(log);
        assert_eq!(folder::describe(&open(data.path())), expected);
    }
}

/// Makes a data folder of it again.
fn unpack(packed: &Path, data: &Path) {
    for line in fs::read_to_string(packed.join(folder::SIZES)).unwrap().lines() {
        let (name, bytes) = line.split_once(' ').unwrap();
        let mut file = fs::read(packed.join(name)).unwrap();
        file.resize(bytes.parse().unwrap(), 0);
        fs::write(data.join(name), file).unwrap();
    }
}
