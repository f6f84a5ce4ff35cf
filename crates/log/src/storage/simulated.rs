//! A disk that loses, after a crash, whatever a real one may lose.
//!
//! What is written and not synced is kept per sector of 512 bytes, with all versions in between: a crash leaves any
//! of them, for each sector on its own. Names that are not synced are there or not. The same calls and the same
//! seeds give the same bytes each time.

use super::{Storage, StorageFile};
use crate::locks::locked;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

/// The size of what a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;

/// A simulated disk. Clones are the same disk, also over a crash.
#[derive(Clone, Default)]
pub struct SimulatedStorage {
    disk: Arc<Mutex<Disk>>,
    /// Which power cycle this handle belongs to; it is dead in a later one.
    cycle: u64,
}

/// What a call does in place of its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The call fails with EIO. A sync that fails has also forgotten what it should have synced, as Linux does.
    Io,
    /// The call fails with ENOSPC.
    Full,
    /// The power fails during the call: it and all later ones fail, until [`SimulatedStorage::crash`].
    Power,
}

#[derive(Clone, Default)]
struct Disk {
    cycle: u64,
    calls_count: u64,
    fault: Option<(u64, Fault)>,
    powerless: bool,
    files: Vec<File>,
    /// The names as a process sees them.
    names: BTreeMap<String, usize>,
    /// The names that survive a crash.
    synced_names: BTreeMap<String, usize>,
    /// What was done to names since they were synced.
    unsynced_names: Vec<Naming>,
}

/// One file.
#[derive(Clone)]
struct File {
    /// As a process sees it.
    seen: Vec<u8>,
    /// As it is on the disk.
    synced: Vec<u8>,
    /// Versions of sectors that were written since the last sync, in order.
    unsynced: Vec<(usize, Sector)>,
}

/// What was written to a sector.
#[derive(Clone)]
enum Sector {
    /// So many zeros.
    Zeros(usize),
    Bytes(Box<[u8]>),
}

impl Sector {
    fn bytes(&self) -> &[u8] {
        const ZEROS: [u8; SECTOR_BYTES] = [0; SECTOR_BYTES];
        match self {
            Sector::Zeros(count) => &ZEROS[..*count],
            Sector::Bytes(bytes) => bytes,
        }
    }
}

#[derive(Clone)]
enum Naming {
    Link { name: String, file: usize },
    Rename { from: String, to: String, file: usize },
    Unlink { name: String },
}

/// The calls of the seam, as far as faults tell them apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    Create,
    /// A write that makes a file longer.
    Grow,
    Sync,
    Other,
}

impl SimulatedStorage {
    /// An empty disk.
    pub fn new() -> SimulatedStorage {
        SimulatedStorage::default()
    }

    /// How many calls there were so far. Reads count too.
    pub fn calls_count(&self) -> u64 {
        locked(&self.disk).calls_count
    }

    /// Lets the call of that number, counted from 1 over the whole life of the disk, do something else.
    /// [`Fault::Full`] strikes at the first call from there on that makes a file.
    pub fn set_fault(&self, call: u64, fault: Fault) {
        locked(&self.disk).fault = Some((call, fault));
    }

    /// Takes back a fault that has not struck.
    pub fn clear_fault(&self) {
        locked(&self.disk).fault = None;
    }

    /// Whether a fault that was set has struck.
    pub fn has_struck(&self) -> bool {
        locked(&self.disk).fault.is_none()
    }

    /// The power fails and comes back: unsynced writes and names are there, in part, or not, as `seed` says. Handles
    /// from before are dead. Returns the disk as it is found.
    #[must_use = "the handles from before are dead"]
    pub fn crash(&self, seed: u64) -> SimulatedStorage {
        let mut disk = locked(&self.disk);
        disk.crash(&mut Dice(seed));
        SimulatedStorage { disk: Arc::clone(&self.disk), cycle: disk.cycle }
    }

    /// The process ends without the power failing: what it wrote is still seen. Handles from before are dead.
    #[must_use = "the handles from before are dead"]
    pub fn kill(&self) -> SimulatedStorage {
        let mut disk = locked(&self.disk);
        disk.cycle += 1;
        disk.powerless = false;
        SimulatedStorage { disk: Arc::clone(&self.disk), cycle: disk.cycle }
    }

    /// Another disk with the same bytes, synced and unsynced, and the same count of calls.
    #[must_use = "the disk itself stays as it is"]
    pub fn fork(&self) -> SimulatedStorage {
        let disk = locked(&self.disk).clone();
        SimulatedStorage { disk: Arc::new(Mutex::new(disk)), cycle: self.cycle }
    }

    /// Changes bits of a byte on the disk, as decay would. `false` if there is no such file or byte.
    pub fn damage(&self, name: &str, at: u64, bits: u8) -> bool {
        let mut disk = locked(&self.disk);
        let Some(file) = disk.names.get(name).copied() else {
            return false;
        };
        let (file, at) = (&mut disk.files[file], usize::try_from(at).unwrap_or(usize::MAX));
        let bytes = [file.seen.get_mut(at), file.synced.get_mut(at)];
        bytes.into_iter().flatten().map(|byte| *byte ^= bits).count() == 2
    }

    fn call<T>(&self, call: Call, work: impl FnOnce(&mut Disk) -> io::Result<T>) -> io::Result<T> {
        let mut disk = locked(&self.disk);
        disk.call(self.cycle, call, work)
    }

    fn handle(&self, file: usize) -> Arc<dyn StorageFile> {
        Arc::new(SimulatedFile { storage: self.clone(), file })
    }
}

impl Storage for SimulatedStorage {
    fn list(&self) -> io::Result<Vec<String>> {
        self.call(Call::Other, |disk| Ok(disk.names.keys().cloned().collect()))
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<Arc<dyn StorageFile>> {
        let bytes = usize::try_from(bytes).map_err(|_| io::Error::from(io::ErrorKind::StorageFull))?;
        let file = self.call(Call::Create, |disk| {
            disk.files.push(File::zeros(bytes));
            let file = disk.files.len() - 1;
            disk.name(Naming::Link { name: name.to_owned(), file });
            Ok(file)
        })?;
        Ok(self.handle(file))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        let file = self.call(Call::Other, |disk| disk.names.get(name).copied().ok_or_else(missing))?;
        Ok(self.handle(file))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.call(Call::Other, |disk| {
            let file = disk.names.get(from).copied().ok_or_else(missing)?;
            disk.name(Naming::Rename { from: from.to_owned(), to: to.to_owned(), file });
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.call(Call::Other, |disk| {
            if !disk.names.contains_key(name) {
                return Err(missing());
            }
            disk.name(Naming::Unlink { name: name.to_owned() });
            Ok(())
        })
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.call(Call::Other, |disk| {
            disk.unsynced_names.clear();
            disk.synced_names = disk.names.clone();
            Ok(())
        })
    }
}

struct SimulatedFile {
    storage: SimulatedStorage,
    file: usize,
}

impl StorageFile for SimulatedFile {
    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.storage.call(Call::Other, |disk| {
            let seen = &disk.files[self.file].seen;
            buffer.copy_from_slice(&seen[super::range(at, buffer.len(), seen.len())?]);
            Ok(())
        })
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut struck = Ok(());
        let mut disk = locked(&self.storage.disk);
        let grows = disk.files[self.file].seen.len() as u64 - at.min(disk.files[self.file].seen.len() as u64)
            < bytes.len() as u64;
        if disk.cycle == self.storage.cycle && !disk.powerless {
            // A write that fails has written any part of what it should have.
            struck = disk.files[self.file].write(at, bytes);
        }
        disk.call(self.storage.cycle, if grows { Call::Grow } else { Call::Other }, |_| struck)
    }

    fn sync(&self) -> io::Result<()> {
        let mut disk = locked(&self.storage.disk);
        let synced = disk.call(self.storage.cycle, Call::Sync, |disk| {
            disk.files[self.file].sync();
            Ok(())
        });
        if synced.is_err() && !disk.powerless {
            disk.files[self.file].unsynced.clear();
        }
        synced
    }

    fn bytes(&self) -> io::Result<u64> {
        self.storage.call(Call::Other, |disk| Ok(disk.files[self.file].seen.len() as u64))
    }
}

impl Disk {
    fn call<T>(
        &mut self,
        cycle: u64,
        call: Call,
        work: impl FnOnce(&mut Disk) -> io::Result<T>,
    ) -> io::Result<T> {
        if self.cycle != cycle || self.powerless {
            return Err(io::Error::other("the power is off"));
        }
        self.calls_count += 1;
        match self.fault {
            Some((at, fault)) if fault.strikes(call, at, self.calls_count) => {
                self.fault = None;
                self.powerless = fault == Fault::Power;
                // A sync that the power cut short, or a creation, may have done any part of its work.
                Err(fault.error())
            }
            _ => work(self),
        }
    }

    fn name(&mut self, naming: Naming) {
        naming.apply(&mut self.names);
        self.unsynced_names.push(naming);
    }

    fn crash(&mut self, dice: &mut Dice) {
        self.cycle += 1;
        self.powerless = false;
        for naming in std::mem::take(&mut self.unsynced_names) {
            if dice.coin() {
                naming.apply(&mut self.synced_names);
            }
        }
        self.names = self.synced_names.clone();
        for file in &mut self.files {
            file.crash(dice);
        }
    }
}

impl Naming {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Naming::Link { name, file } => {
                names.insert(name.clone(), *file);
            }
            Naming::Rename { from, to, file } => {
                names.remove(from);
                names.insert(to.clone(), *file);
            }
            Naming::Unlink { name } => {
                names.remove(name);
            }
        }
    }
}

impl Fault {
    fn strikes(self, call: Call, at: u64, calls_count: u64) -> bool {
        match self {
            Fault::Full => at <= calls_count && matches!(call, Call::Create | Call::Grow),
            Fault::Io | Fault::Power => at == calls_count,
        }
    }

    fn error(self) -> io::Error {
        match self {
            Fault::Full => io::ErrorKind::StorageFull.into(),
            Fault::Io => io::Error::other("input/output error"),
            Fault::Power => io::Error::other("the power failed"),
        }
    }
}

impl File {
    /// The zeros are not synced either: until then the disk holds what was there before.
    fn zeros(bytes: usize) -> File {
        let sector_bytes = |sector: usize| SECTOR_BYTES.min(bytes - sector * SECTOR_BYTES);
        let zeros =
            (0..bytes.div_ceil(SECTOR_BYTES)).map(|sector| (sector, Sector::Zeros(sector_bytes(sector))));
        File { seen: vec![0; bytes], synced: vec![0xa5; bytes], unsynced: zeros.collect() }
    }

    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let range = super::growth(at, bytes.len(), self.seen.len())?;
        self.seen.resize(self.seen.len().max(range.end), 0);
        self.seen[range.clone()].copy_from_slice(bytes);
        for sector in range.start / SECTOR_BYTES..range.end.div_ceil(SECTOR_BYTES) {
            let whole = sector * SECTOR_BYTES..self.seen.len().min((sector + 1) * SECTOR_BYTES);
            self.unsynced.push((sector, Sector::Bytes(self.seen[whole].into())));
        }
        Ok(())
    }

    fn sync(&mut self) {
        for (sector, bytes) in std::mem::take(&mut self.unsynced) {
            self.store(sector, bytes.bytes());
        }
    }

    fn crash(&mut self, dice: &mut Dice) {
        // Often all or nothing survives; a disk that loses half of every write would rarely show what follows.
        let odds = dice.roll(4);
        for (sector, bytes) in std::mem::take(&mut self.unsynced) {
            if odds == 0 || (odds != 1 && dice.coin()) {
                self.store(sector, bytes.bytes());
            }
        }
        self.seen.clone_from(&self.synced);
    }

    fn store(&mut self, sector: usize, bytes: &[u8]) {
        let start = sector * SECTOR_BYTES;
        let end = start + bytes.len();
        // A file that grew: what of it was not synced holds anything.
        self.synced.resize(self.synced.len().max(end), 0xa5);
        self.synced[start..end].copy_from_slice(bytes);
    }
}

fn missing() -> io::Error {
    io::ErrorKind::NotFound.into()
}

/// A small random source (splitmix64): no state but the seed, the same everywhere.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.next() % sides
    }

    fn coin(&mut self) -> bool {
        self.roll(2) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_loses_only_what_is_not_synced() {
        let (mut lost, mut torn) = (0, 0);
        for seed in 0..100 {
            let storage = SimulatedStorage::new();
            let file = storage.create("a", 2048).unwrap();
            file.write_at(0, &[1; 2048]).unwrap();
            file.sync().unwrap();
            storage.sync_directory().unwrap();
            file.write_at(512, &[2; 1024]).unwrap();
            let after = storage.crash(seed);
            assert!(file.sync().is_err());
            let mut bytes = [0; 2048];
            after.open("a").unwrap().read_at(0, &mut bytes).unwrap();
            assert!(bytes[..512].iter().chain(&bytes[1536..]).all(|byte| *byte == 1));
            lost += u32::from(bytes[512] == 1 && bytes[1535] == 1);
            torn += u32::from(bytes[512] != bytes[1535]);
        }
        assert!(0 < lost && 0 < torn);
    }

    #[test]
    fn a_sync_after_a_failed_one_proves_nothing() {
        let storage = SimulatedStorage::new();
        let file = storage.create("a", 512).unwrap();
        file.sync().unwrap();
        storage.sync_directory().unwrap();
        file.write_at(0, b"x").unwrap();
        storage.set_fault(storage.calls_count() + 1, Fault::Io);
        assert!(file.sync().is_err());
        file.sync().unwrap();
        let mut bytes = [0];
        file.read_at(0, &mut bytes).unwrap();
        assert_eq!(&bytes, b"x");
        storage.crash(7).open("a").unwrap().read_at(0, &mut bytes).unwrap();
        assert_eq!(&bytes, b"\0");
    }
}
