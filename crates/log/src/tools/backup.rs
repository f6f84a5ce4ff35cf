//! A copy of a data folder, as it was at one moment, also while a server has it and goes on.
//!
//! Blocks and snapshots never change once they have their name, so that a second name for the same file is a copy of it.
//! Segments are written to: their frames are read, and what lies behind the last whole one is zeros in the copy.
//! The server is not asked for anything. What it tidies away meanwhile is noticed, and the copy begun anew.

use super::look::current_manifest;
use super::{LookError, Meter, Progress};
use crate::block::Block;
use crate::format::{Manifest, SegmentHeader};
use crate::manifest_file::ManifestFile;
use crate::recovery::Scan;
use crate::segments::{Segment, SegmentError};
use crate::snapshot::snapshot_name;
use crate::staging::FIRST_FRAME_AT;
use crate::storage::{DirectoryStorage, Storage, StorageFile};
use crate::{LogSettings, OpenError};
use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What was copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackedUp {
    /// How many blocks the copy has.
    pub blocks: u64,
    /// How many segments.
    pub segments: u64,
    /// The last frame that it has.
    pub last_frame: u64,
    /// Bytes of files that the copy shares with the folder.
    pub linked_bytes: u64,
    /// Bytes that were copied.
    pub copied_bytes: u64,
    /// How often it was begun.
    pub tries: u64,
}

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// It has to be a new folder.
    #[error("{folder:?} is not empty; name a folder that does not exist yet")]
    NotEmpty {
        /// The folder.
        folder: PathBuf,
    },
    /// The server tidied up again and again while its files were read.
    #[error(
        "the server has tidied up the files that were to be copied, {tries} times in a row; try again when it has less to do"
    )]
    Busy {
        /// How often it was tried.
        tries: u64,
    },
    /// The folder can't be read.
    #[error(transparent)]
    Look(#[from] LookError),
    /// The copy can't be written.
    #[error("the copy can't be written to {folder:?}")]
    Write {
        /// Where.
        folder: PathBuf,
        /// What the system says.
        #[source]
        error: io::Error,
    },
}

/// How often a copy is begun before it is given up.
const TRIES: u64 = 100;

/// So much is copied and synced at a time: what waits in the page cache would hold up the syncs of the server.
const PIECE_BYTES: usize = 1 << 20;

/// Makes `to` a copy of the log in `from`, which has everything that was acknowledged before this call. The files `beside` the log, which
/// whoever has that folder keeps there and replaces as wholes, are copied too where they are there: before the copy counts as one.
pub fn backup(
    from: &Path,
    to: &Path,
    beside: &[&str],
    progress: &mut dyn FnMut(Progress),
) -> Result<BackedUp, BackupError> {
    let source = DirectoryStorage::open_to_look(from).map_err(LookError::from)?;
    current_manifest(&source)?;
    let is_empty = match fs::read_dir(to) {
        // The lock of an attempt that was given up means nothing.
        Ok(mut entries) => entries.all(|entry| entry.is_ok_and(|entry| entry.file_name() == "lock")),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    if !is_empty {
        return Err(BackupError::NotEmpty { folder: to.to_owned() });
    }
    let target = DirectoryStorage::open(to).map_err(LookError::from)?;
    let mut copy = Copy { source, target, from, to, beside, settings: LogSettings::default() };
    let copied = copy.run(progress);
    if copied.is_err() {
        // Without a manifest it is no log; but half a copy helps nobody.
        let _removed = copy.target.list().map(|names| copy.remove(names.iter()));
    }
    copied
}

struct Copy<'a> {
    source: DirectoryStorage,
    target: DirectoryStorage,
    from: &'a Path,
    to: &'a Path,
    beside: &'a [&'a str],
    settings: LogSettings,
}

/// Why an attempt has no copy.
enum Miss {
    /// What the manifest named is gone, or was not whole when it was read. Carries what to tell if nothing changes.
    Changed(OpenError),
    Failed(BackupError),
}

impl Copy<'_> {
    fn run(&mut self, progress: &mut dyn FnMut(Progress)) -> Result<BackedUp, BackupError> {
        for tries in 1..=TRIES {
            let manifest = current_manifest(&self.source)?;
            match self.attempt(&manifest, progress) {
                Ok(copied) => return Ok(BackedUp { tries, ..copied }),
                Err(Miss::Failed(error)) => return Err(error),
                Err(Miss::Changed(error)) => {
                    // The same manifest, and so it is not the server that is in the way.
                    if current_manifest(&self.source)?.number == manifest.number {
                        return Err(LookError::from(error).into());
                    }
                }
            }
        }
        Err(BackupError::Busy { tries: TRIES })
    }

    fn attempt(&mut self, manifest: &Manifest, progress: &mut dyn FnMut(Progress)) -> Result<BackedUp, Miss> {
        let mut names: Vec<(String, u64)> =
            manifest.blocks.iter().map(|block| (Block::name(block.id), block.bytes)).collect();
        if manifest.snapshot != 0 {
            names.push((snapshot_name(manifest.snapshot), manifest.snapshot_bytes));
        }
        self.remove_others(&names).map_err(|error| self.write_error(error))?;
        let bytes: u64 = names.iter().map(|(_, bytes)| bytes).sum();
        let segments =
            1 + u64::from(manifest.sealed.max(manifest.replay.segment) - manifest.first_segment()) + 1;
        let mut meter = Meter::new(bytes + segments * self.segment_bytes(manifest)?, progress);
        let mut copied = BackedUp { blocks: manifest.blocks.len() as u64, ..BackedUp::default() };
        for (name, bytes) in &names {
            self.link_or_copy(name, *bytes, &mut copied, &mut meter)?;
        }
        self.copy_segments(manifest, &mut copied, &mut meter)?;
        let finish = || {
            self.copy_beside()?;
            self.target.sync_directory()?;
            ManifestFile::write_first(&self.target, manifest)
        };
        finish().map_err(|error| self.write_error(error))?;
        Ok(copied)
    }

    fn copy_beside(&self) -> io::Result<()> {
        for name in self.beside {
            match fs::copy(self.from.join(name), self.to.join(name)) {
                Ok(_bytes) => fs::File::open(self.to.join(name))?.sync_all()?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn segment_bytes(&self, manifest: &Manifest) -> Result<u64, Miss> {
        match Segment::open(&self.source, manifest.first_segment()) {
            Ok(segment) => Ok(segment.header.bytes),
            Err(error) => Err(changed(manifest.first_segment(), error)),
        }
    }

    /// Gives a file that never changes a name in the copy too, or copies it where that is not possible.
    fn link_or_copy(
        &self,
        name: &str,
        bytes: u64,
        copied: &mut BackedUp,
        meter: &mut Meter<'_>,
    ) -> Result<(), Miss> {
        match fs::hard_link(self.from.join(name), self.to.join(name)) {
            Ok(()) => {}
            // From an attempt before.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Miss::Changed(error.into())),
            // Another file system, or one without links, or somebody else's file.
            Err(_) => {
                let file = self.source.open(name).map_err(changed_io)?;
                let made = self.target.create(name, 0).map_err(|error| self.write_error(error))?;
                self.copy_bytes(&*file, &*made, bytes, meter)?;
                copied.copied_bytes += bytes;
                return Ok(());
            }
        }
        copied.linked_bytes += bytes;
        meter.add(bytes);
        Ok(())
    }

    /// Copies the needed segments up to the last whole frame.
    fn copy_segments(
        &self,
        manifest: &Manifest,
        copied: &mut BackedUp,
        meter: &mut Meter<'_>,
    ) -> Result<(), Miss> {
        let mut scan = Scan::new(manifest.mark, manifest.replay, &self.settings);
        for number in manifest.first_segment().. {
            let needed = number <= manifest.replay.segment;
            let segment = match Segment::open(&self.source, number) {
                Ok(segment) => Arc::new(segment),
                Err(SegmentError::Storage(error)) if error.kind() == io::ErrorKind::NotFound && !needed => {
                    // The log ends, if this one was not tidied away.
                    if self.has_later(number).map_err(changed_io)? {
                        return Err(Miss::Changed(error.into()));
                    }
                    break;
                }
                Err(error) => return Err(changed(number, error)),
            };
            if number < manifest.replay.segment {
                // All of its frames are synced, and nothing comes after them: it is copied as it is.
                self.copy_segment(&segment, segment.header.bytes, meter)?;
                copied.segments += 1;
                copied.copied_bytes += segment.header.bytes;
                continue;
            }
            let start = if needed { manifest.replay.at } else { FIRST_FRAME_AT };
            let mut end = start;
            while let Some((header, _)) = scan.frame_at(&segment, end).map_err(changed_io)? {
                end = scan.accept(&segment, end, &header);
            }
            if !needed && end == start {
                // Unused, if it is still the one that was opened: it may have been used again meanwhile.
                Segment::open(&self.source, number).map_err(|error| changed(number, error))?;
                break;
            }
            self.copy_segment(&segment, u64::from(end), meter)?;
            copied.segments += 1;
            copied.copied_bytes += segment.header.bytes;
        }
        copied.last_frame = scan.next_frame - 1;
        Ok(())
    }

    fn has_later(&self, number: u32) -> io::Result<bool> {
        let names = self.source.list()?;
        Ok(names.iter().filter_map(|name| Segment::number(name)).any(|other| number < other))
    }

    fn copy_segment(&self, segment: &Segment, end: u64, meter: &mut Meter<'_>) -> Result<(), Miss> {
        let SegmentHeader { number, bytes, .. } = segment.header;
        let made = self.target.create(&Segment::name(number), 0).map_err(|error| self.write_error(error))?;
        let end = end.min(bytes);
        self.copy_bytes(&*segment.file, &*made, end, meter)?;
        // Real zeros: whoever opens the copy goes on in them, and must not find the disk full.
        let zeros = vec![0; PIECE_BYTES];
        let mut at = end;
        while at < bytes {
            let count = usize::try_from(bytes - at).unwrap_or(usize::MAX).min(zeros.len());
            let write = || {
                made.write_at(at, &zeros[..count])?;
                made.sync()
            };
            write().map_err(|error| self.write_error(error))?;
            meter.add(count as u64);
            at += count as u64;
        }
        // A segment that nothing needs becomes another one: first its header. While that is still there, so was all that was read.
        let mut header = [0; SegmentHeader::BYTES];
        segment.file.read_at(0, &mut header).map_err(changed_io)?;
        match SegmentHeader::decode(&header) {
            Ok(header) if header == segment.header => Ok(()),
            _ => Err(Miss::Changed(io::Error::other("a segment was used again").into())),
        }
    }

    fn copy_bytes(
        &self,
        from: &dyn StorageFile,
        to: &dyn StorageFile,
        bytes: u64,
        meter: &mut Meter<'_>,
    ) -> Result<(), Miss> {
        let mut piece = vec![0; PIECE_BYTES];
        let mut at = 0;
        while at < bytes {
            let count = usize::try_from(bytes - at).unwrap_or(usize::MAX).min(piece.len());
            from.read_at(at, &mut piece[..count]).map_err(changed_io)?;
            let write = || {
                to.write_at(at, &piece[..count])?;
                to.sync()
            };
            write().map_err(|error| self.write_error(error))?;
            meter.add(count as u64);
            at += count as u64;
        }
        Ok(())
    }

    /// Removes what an attempt before has left but these.
    fn remove_others(&self, names: &[(String, u64)]) -> io::Result<()> {
        let kept: HashSet<&str> = names.iter().map(|(name, _)| name.as_str()).collect();
        let found = self.target.list()?;
        self.remove(found.iter().filter(|name| !kept.contains(name.as_str())))
    }

    fn remove<'n>(&self, names: impl Iterator<Item = &'n String>) -> io::Result<()> {
        for name in names.filter(|name| *name != "lock") {
            self.target.remove(name)?;
        }
        Ok(())
    }

    fn write_error(&self, error: io::Error) -> Miss {
        Miss::Failed(BackupError::Write { folder: self.to.to_owned(), error })
    }
}

fn changed(number: u32, error: SegmentError) -> Miss {
    use crate::DamageReason;
    use crate::format::FormatError;
    Miss::Changed(match error {
        SegmentError::Storage(error) => OpenError::Storage(error),
        SegmentError::Format(FormatError::Newer { version }) => OpenError::NewerFormat { version },
        SegmentError::Format(FormatError::Older { version }) => OpenError::OlderFormat { version },
        SegmentError::Format(FormatError::Damaged) => {
            OpenError::Damaged { file: Segment::name(number), at: 0, frame: 0, reason: DamageReason::Header }
        }
    })
}

fn changed_io(error: io::Error) -> Miss {
    Miss::Changed(error.into())
}
