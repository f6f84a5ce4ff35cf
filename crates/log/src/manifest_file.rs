//! The two slots of the manifest: which one counts, and how the next one is installed.

use crate::format::{BlockMeta, FormatError, Manifest};
use crate::open_error::DamageReason;
use crate::storage::{Storage, StorageFile};
use crate::{LogSettings, OpenError, PlantedBug};
use std::io;
use std::sync::Arc;

/// The manifest that counts, and the files of both slots. Owned by the upkeep.
pub(crate) struct ManifestFile {
    slots: [Arc<dyn StorageFile>; 2],
    current: Manifest,
    slow_sync: bool,
}

impl ManifestFile {
    /// The names of the slots.
    pub(crate) const NAMES: [&str; 2] = ["manifest.0", "manifest.1"];

    /// Makes both slots, and the first manifest.
    pub(crate) fn create(storage: &dyn Storage, first: Manifest) -> io::Result<ManifestFile> {
        let slots = [make_slot(storage, 0)?, make_slot(storage, 1)?];
        storage.sync_directory()?;
        let mut file = ManifestFile { slots, current: Manifest::default(), slow_sync: true };
        file.install(first)?;
        Ok(file)
    }

    /// Makes both slots of a copy, whose other files are synced, with the manifest that they belong to.
    pub(crate) fn write_first(storage: &dyn Storage, manifest: &Manifest) -> io::Result<()> {
        let slots = [make_slot(storage, 0)?, make_slot(storage, 1)?];
        storage.sync_directory()?;
        let slot = &slots[slot_of(manifest.number)];
        slot.write_at(0, &manifest.encode())?;
        slot.sync()
    }

    /// Takes the later sound one. `None` where there is none, which only a new log may say.
    pub(crate) fn load(
        storage: &dyn Storage,
        names: &[String],
        settings: &LogSettings,
    ) -> Result<Option<ManifestFile>, OpenError> {
        let slots = [0, 1].map(|slot| read_slot(storage, names, slot));
        let [first, second] = slots;
        let (first, second) = (first?, second?);
        let current = match (&first.1, &second.1) {
            (Some(a), Some(b)) => Some(if a.number < b.number { b } else { a }),
            (Some(only), None) | (None, Some(only)) => Some(only),
            (None, None) => None,
        };
        let Some(current) = current.cloned() else { return Ok(None) };
        let file = |slot: usize, found: Option<Arc<dyn StorageFile>>| match found {
            Some(file) => Ok(file),
            None => make_slot(storage, slot),
        };
        let slots = [file(0, first.0)?, file(1, second.0)?];
        Ok(Some(ManifestFile { slots, current, slow_sync: !settings.has(PlantedBug::ManifestWithoutSync) }))
    }

    /// The manifest that counts.
    pub(crate) fn current(&self) -> &Manifest {
        &self.current
    }

    /// Makes another manifest count, durably. Its number is set here. On an error the old one or the new one counts.
    pub(crate) fn install(&mut self, manifest: Manifest) -> io::Result<()> {
        let manifest = Manifest { number: self.current.number + 1, ..manifest };
        let slot = &self.slots[slot_of(manifest.number)];
        slot.write_at(0, &manifest.encode())?;
        if self.slow_sync {
            slot.sync()?;
        }
        self.current = manifest;
        Ok(())
    }

    /// Writes and syncs the one that counts once more. The process that wrote it may have ended before its sync, or after
    /// one that failed: then only the page cache has it.
    pub(crate) fn rewrite(&mut self) -> io::Result<()> {
        let slot = &self.slots[slot_of(self.current.number)];
        slot.write_at(0, &self.current.encode())?;
        slot.sync()
    }

    /// Takes note of what is dead in blocks; stored with the next manifest.
    pub(crate) fn set_dead(&mut self, dead_weight: impl Fn(&BlockMeta) -> u64) {
        for block in &mut self.current.blocks {
            block.dead_weight = dead_weight(block);
        }
    }

    /// What is wrong where no slot is sound.
    pub(crate) fn damaged() -> OpenError {
        let file = ManifestFile::NAMES[0].to_owned();
        OpenError::Damaged { file, at: 0, frame: 0, reason: DamageReason::Manifest }
    }
}

fn slot_of(number: u64) -> usize {
    usize::from(number % 2 == 1)
}

fn make_slot(storage: &dyn Storage, slot: usize) -> io::Result<Arc<dyn StorageFile>> {
    let file = storage.create(ManifestFile::NAMES[slot], Manifest::SLOT_BYTES)?;
    file.sync()?;
    Ok(file)
}

/// The file of a slot, if it is there and has its size; and the manifest in it, if that is sound.
pub(crate) type Slot = (Option<Arc<dyn StorageFile>>, Option<Manifest>);

/// Reads one slot.
pub(crate) fn read_slot(storage: &dyn Storage, names: &[String], slot: usize) -> Result<Slot, OpenError> {
    let name = ManifestFile::NAMES[slot];
    if !names.iter().any(|it| it == name) {
        return Ok((None, None));
    }
    let file = storage.open(name)?;
    let bytes = file.bytes()?.min(Manifest::SLOT_BYTES);
    let mut buffer = vec![0; usize::try_from(bytes).unwrap_or_default()];
    file.read_at(0, &mut buffer)?;
    // One that has not its full size could need room when it is written.
    let whole = bytes == Manifest::SLOT_BYTES;
    match Manifest::decode(&buffer) {
        Ok(manifest) if slot_of(manifest.number) == slot => Ok((whole.then_some(file), Some(manifest))),
        Ok(_) | Err(FormatError::Damaged) => Ok((whole.then_some(file), None)),
        Err(FormatError::Newer { version }) => Err(OpenError::NewerFormat { version }),
        Err(FormatError::Older { version }) => Err(OpenError::OlderFormat { version }),
    }
}
