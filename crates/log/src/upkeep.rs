//! Upkeep: seals full segments, merges blocks, gives space back, and takes snapshots, beside the commits.
//!
//! Owns the manifest, and so everything that belongs to the log but the frames after its last segment that is sealed.
//! Decides nothing about streams: what is dead, the directory says.

mod merge;
mod plan;
mod seal;
mod survey;

use crate::block::{Block, BlockError, BlockWriter, Paced, making_name};
use crate::contents::Contents;
use crate::failure::Failure;
use crate::filler::SegmentSupply;
use crate::format::{BlockHeader, BlockMeta, Manifest, Point, SnapshotHeader, Written};
use crate::handover::Handover;
use crate::manifest_file::ManifestFile;
use crate::segments::Segment;
use crate::snapshot::{self, snapshot_name};
use crate::storage::{Storage, is_full};
use crate::{LogSettings, LogStats, PlantedBug, StorageFailed};
use plan::{Bounds, Task};
use std::io;
use std::sync::Arc;

/// The work beside the commits of one log, a piece at a time, on whatever thread the engine gives to it.
pub struct Upkeep {
    settings: LogSettings,
    storage: Arc<dyn Storage>,
    contents: Arc<Contents>,
    handover: Arc<Handover>,
    supply: Arc<SegmentSupply>,
    failure: Failure,
    manifest: ManifestFile,
    /// Segments that are sealed, and kept until a snapshot has what they say.
    retired: Vec<Arc<Segment>>,
    /// The number of the next new file.
    next_id: u32,
    /// The numbers of files that are being written.
    making: Vec<u32>,
    /// A copy of the directory that was begun.
    copy: Option<Point>,
    /// How often in a row that was done which can't wait.
    in_a_row: u32,
    /// What the merge under way may write.
    merging: Option<u64>,
    /// More than this was found not to fit at once.
    write_max: u64,
    /// How much had been trimmed and deleted when blocks were last looked through for what is dead.
    surveyed: Option<u64>,
    /// Bytes of frames that the manifest counts already.
    counted_frame_bytes: u64,
}

/// How much of a log waits for its upkeep. To be asked from anywhere, also while a piece of work is under way.
#[derive(Clone)]
pub struct Backlog(Arc<Contents>);

/// Whether there was anything to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worked {
    /// Something was done, and there may be more.
    Something,
    /// There is nothing to do at the moment.
    Nothing,
}

/// Why a piece of work was not done. The log goes on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpkeepError {
    /// There is no room. To be tried again a little later.
    #[error("the storage is full")]
    Full,
    /// The storage failed, and with it the log.
    #[error(transparent)]
    Failed(#[from] StorageFailed),
    /// Bytes that were written are not what they were. Nothing is removed, and nothing is to be tried again.
    #[error("{0}")]
    Damaged(String),
}

/// What a piece of work can meet.
#[derive(Debug)]
enum Trouble {
    Storage(io::Error),
    Damaged(String),
}

/// What is left to be done once another manifest counts.
#[derive(Default)]
struct Obsolete {
    blocks: Vec<u32>,
    snapshot: Option<u32>,
}

/// What a new log's upkeep takes over from recovery.
pub(crate) struct UpkeepParts {
    pub(crate) settings: LogSettings,
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) contents: Arc<Contents>,
    pub(crate) handover: Arc<Handover>,
    pub(crate) supply: Arc<SegmentSupply>,
    pub(crate) failure: Failure,
    pub(crate) manifest: ManifestFile,
    pub(crate) retired: Vec<Arc<Segment>>,
}

/// After so many segments that were sealed one after another it is looked what else there is. A merge seals in between.
const IN_A_ROW: u32 = 4;

impl Upkeep {
    pub(crate) fn new(parts: UpkeepParts) -> Upkeep {
        let UpkeepParts { settings, storage, contents, handover, supply, failure, manifest, retired } = parts;
        Upkeep {
            settings,
            storage,
            contents,
            handover,
            supply,
            failure,
            next_id: manifest.current().next_id,
            making: Vec::new(),
            manifest,
            retired,
            copy: None,
            in_a_row: 0,
            merging: None,
            write_max: u64::MAX,
            surveyed: None,
            counted_frame_bytes: 0,
        }
    }

    /// Does one piece of work: seals one segment, or merges, drops or rewrites some blocks, or writes a snapshot.
    ///
    /// `pace` is told after each megabyte that was written and synced, and may wait there: while it does, nothing of this
    /// is in the way of a commit.
    pub fn work(&mut self, pace: &mut dyn FnMut(usize)) -> Result<Worked, UpkeepError> {
        self.failure.check()?;
        let mut pace = Pace(pace);
        let mut done = self.try_work(&mut pace);
        if matches!(&done, Err(Trouble::Storage(error)) if is_full(error)) {
            self.clean_up(0);
            // The reserve is for what is no larger than a segment: sealing and merging write before they free anything.
            let merging = self.merging.take();
            // What is no larger than a segment is always tried again: the reserve has room for it.
            let segment_bytes = self.settings.segment_bytes;
            self.write_max = merging.map_or(self.write_max, |bytes| (bytes / 2).max(segment_bytes));
            let small = merging.is_none_or(|bytes| bytes <= self.settings.segment_bytes);
            if small && self.supply.lend_reserve().map_err(|error| self.trouble(error.into()))? {
                done = self.try_work(&mut pace);
            }
        }
        if done.is_ok() && !self.is_snapshot_due() {
            self.supply.take_reserve_back();
        }
        done.map_err(|trouble| {
            self.clean_up(0);
            self.trouble(trouble)
        })
    }

    /// Works until there is nothing to do. For tests, and for tools that have the log to themselves.
    pub fn work_off(&mut self) -> Result<(), UpkeepError> {
        while self.work(&mut |_| ())? == Worked::Something {}
        Ok(())
    }

    /// How much waits to be done.
    pub fn backlog(&self) -> Backlog {
        Backlog(Arc::clone(&self.contents))
    }

    /// What the log has, in numbers.
    pub fn stats(&self) -> LogStats {
        LogStats::of(self.manifest.current(), &self.contents)
    }

    fn try_work(&mut self, pace: &mut Pace<'_>) -> Result<Worked, Trouble> {
        // Where publishers are always ahead some segment always waits, but blocks must not pile up, nor what is dead.
        let mut full = None;
        if self.in_a_row < IN_A_ROW {
            match self.work_that_cannot_wait(pace) {
                Ok(Worked::Something) => {
                    self.in_a_row += 1;
                    return Ok(Worked::Something);
                }
                Ok(Worked::Nothing) => {}
                // What is dead may make room for it.
                Err(Trouble::Storage(error)) if is_full(&error) => full = Some(error),
                Err(trouble) => return Err(trouble),
            }
        }
        self.clean_up(0);
        self.in_a_row = 0;
        self.survey_if_due()?;
        let bounds = Bounds { write_max: self.write_max, is_full: self.supply.is_full() };
        match (plan::next(&self.manifest.current().blocks, bounds, &self.settings), full) {
            (Some(Task::Drop { at }), _) => self.drop_block(at)?,
            (Some(Task::Merge { range }), _) => self.merge(range, pace)?,
            (None, Some(full)) => return Err(full.into()),
            (None, None) => return self.work_that_cannot_wait(pace),
        }
        Ok(Worked::Something)
    }

    /// What can't wait, while a merge is under way. One that finds no room waits after all: the merge gives some back.
    fn work_beside_merge(&mut self, pace: &mut Pace<'_>) -> Result<Worked, Trouble> {
        let files_count = self.making.len();
        match self.work_that_cannot_wait(pace) {
            Err(Trouble::Storage(error)) if is_full(&error) => {
                self.clean_up(files_count);
                Ok(Worked::Nothing)
            }
            worked => worked,
        }
    }

    /// Seals a segment or writes a snapshot. A merge may take minutes, and does this in between: recovery must not have more to
    /// read for it, nor the disk more segments to hold.
    fn work_that_cannot_wait(&mut self, pace: &mut Pace<'_>) -> Result<Worked, Trouble> {
        if self.is_snapshot_due() {
            self.handover.want_copy();
        }
        if self.copy.is_none() {
            self.copy = self.handover.take_begun();
        }
        if let Some(point) = self.copy {
            self.write_snapshot(point, pace)?;
            return Ok(Worked::Something);
        }
        let oldest = self.contents.files().oldest_segment().cloned();
        match oldest.filter(|oldest| oldest.header.number < self.first_unfinished()) {
            Some(segment) => self.seal(&segment, pace)?,
            None => return Ok(Worked::Nothing),
        }
        Ok(Worked::Something)
    }

    /// The segment that is still written to.
    fn first_unfinished(&self) -> u32 {
        self.contents.committed_segment() + u32::from(self.settings.has(PlantedBug::SealUnfinished))
    }

    /// Whether recovery would have much to read: some segments, and much more than the snapshot, whose writing costs time too.
    fn is_snapshot_due(&self) -> bool {
        const SHARE: u64 = 16;
        let manifest = self.manifest.current();
        let segments = u64::from(self.contents.committed_segment() - manifest.replay.segment);
        let enough = segments * self.settings.segment_bytes >= manifest.snapshot_bytes * SHARE;
        // Not before what the last one made free to go is sealed: publishers that are always ahead must not keep us from sealing.
        let caught_up = manifest.replay.segment <= manifest.sealed + 1;
        let is_due = u64::from(self.settings.snapshot_segments) <= segments && enough && caught_up;
        // On a full storage sooner: sealed segments are kept for it.
        let frees = self.supply.is_full() && !self.retired.is_empty() && 0 < segments;
        (is_due || frees) && self.copy.is_none()
    }

    /// Writes a snapshot and lets it count at once, also where segments before its point are not sealed: each of them is given
    /// back as soon as it is. On a full disk there is only room to seal one after the other.
    fn write_snapshot(&mut self, point: Point, pace: &mut Pace<'_>) -> Result<(), Trouble> {
        let id = self.take_id();
        let header = SnapshotHeader {
            id,
            log_id: self.manifest.current().log_id,
            next_frame: point.next_frame,
            streams_count: 0,
            chunks_count: 0,
        };
        let bytes = snapshot::write(&*self.storage, &self.contents, header, pace)?;
        self.copy = None;
        self.handover.copy_ended();
        let mut next = self.next_manifest();
        let old = std::mem::replace(&mut next.snapshot, id);
        next.snapshot_bytes = bytes;
        next.written.snapshots += bytes;
        next.replay = point;
        let obsolete = Obsolete { snapshot: (old != 0).then_some(old), ..Obsolete::default() };
        self.install(next, &obsolete)?;
        self.retire(point.segment)?;
        // What is sealed is found in blocks; its checkpoints only take memory.
        let mut page = 0;
        let sealed = self.manifest.current().sealed;
        while self.contents.directory_mut().forget_sealed(page, sealed) {
            page += 1;
        }
        Ok(())
    }

    /// Gives back the sealed segments before `first`.
    fn retire(&mut self, first: u32) -> Result<(), Trouble> {
        let count = self.retired.partition_point(|segment| segment.header.number < first);
        for segment in self.retired.drain(..count) {
            self.supply.give_back(segment)?;
        }
        Ok(())
    }

    fn writer(&self, id: u32, segments: (u32, u32)) -> io::Result<BlockWriter> {
        let header = BlockHeader { id, log_id: self.manifest.current().log_id };
        let storage = Arc::clone(&self.storage);
        let writer = BlockWriter::create(storage, header, segments, self.settings.segment_bytes)?;
        Ok(if self.settings.has(PlantedBug::BlockWithoutSync) { writer.without_sync() } else { writer })
    }

    /// The number of a new file. Until the next manifest counts, the file is one that is being written.
    fn take_id(&mut self) -> u32 {
        let id = self.next_id;
        self.next_id = self.next_id.saturating_add(1);
        self.making.push(id);
        id
    }

    fn drop_block(&mut self, at: usize) -> Result<(), Trouble> {
        let mut next = self.next_manifest();
        let dropped = next.blocks.remove(at);
        // What did not fit before may fit now.
        self.write_max = self.write_max.saturating_add(dropped.bytes);
        self.install(next, &Obsolete { blocks: vec![dropped.id], ..Obsolete::default() })
    }

    /// The manifest as it is, to be changed, with what was written meanwhile.
    fn next_manifest(&self) -> Manifest {
        let mut next = Manifest { next_id: self.next_id, ..self.manifest.current().clone() };
        let frame_bytes = self.handover.frame_bytes();
        next.written.frames += frame_bytes - self.counted_frame_bytes;
        next
    }

    /// Lets another manifest count: first on the storage, then for readers. Then removes what it no longer names.
    fn install(&mut self, next: Manifest, obsolete: &Obsolete) -> Result<(), Trouble> {
        if Manifest::BLOCKS_MAX < next.blocks.len() {
            return Err(io::Error::from(io::ErrorKind::StorageFull).into());
        }
        if self.settings.has(PlantedBug::RemoveBeforeInstall) {
            self.remove(obsolete)?;
        }
        // The names of new files, before the manifest that names them.
        if !self.settings.has(PlantedBug::InstallWithoutNames) {
            self.storage.sync_directory()?;
        }
        let frame_bytes = next.written.frames - self.manifest.current().written.frames;
        self.manifest.install(next)?;
        self.counted_frame_bytes += frame_bytes;
        let current = self.manifest.current();
        let is_named = |id: u32| current.snapshot == id || current.blocks.iter().any(|block| block.id == id);
        self.making.retain(|id| !is_named(*id));
        self.show()?;
        if !self.settings.has(PlantedBug::RemoveBeforeInstall) {
            self.remove(obsolete)?;
        }
        Ok(())
    }

    /// Lets readers use the blocks of the manifest.
    fn show(&mut self) -> Result<(), Trouble> {
        let manifest = self.manifest.current();
        let known = self.contents.files();
        let open = |meta: &BlockMeta| {
            let same = known.blocks.iter().find(|block| block.meta.id == meta.id);
            match same {
                Some(block) => Ok(Arc::clone(block)),
                None => Block::open(&*self.storage, *meta, manifest.log_id).map(Arc::new),
            }
        };
        let blocks = manifest.blocks.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        let sealed = manifest.sealed;
        drop(known);
        let retired = self.contents.change_files(|files| {
            files.blocks = blocks;
            files.seal_to(sealed)
        });
        self.retired.extend(retired);
        Ok(())
    }

    fn remove(&self, obsolete: &Obsolete) -> io::Result<()> {
        for id in &obsolete.blocks {
            self.storage.remove(&Block::name(*id))?;
        }
        match obsolete.snapshot {
            Some(id) => self.storage.remove(&snapshot_name(id)),
            None => Ok(()),
        }
    }

    /// After a piece of work was given up: all but so many files that were begun before it.
    fn clean_up(&mut self, files_count: usize) {
        for id in self.making.drain(files_count..) {
            // What can't be removed now is removed at the next start.
            let _removed = self.storage.remove(&making_name(id));
        }
        if self.copy.take().is_some() {
            self.contents.directory_mut().end_copy();
            self.handover.copy_ended();
        }
    }

    fn trouble(&self, trouble: Trouble) -> UpkeepError {
        match trouble {
            Trouble::Storage(error) if is_full(&error) => UpkeepError::Full,
            Trouble::Storage(error) => self.failure.set("tidying the log", &error).into(),
            Trouble::Damaged(detail) => UpkeepError::Damaged(detail),
        }
    }
}

impl Backlog {
    /// How many segments are full and not sealed.
    pub fn segments_count(&self) -> usize {
        self.0.files().segments_count().saturating_sub(1)
    }
}

impl std::fmt::Debug for Backlog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Backlog({} segments)", self.segments_count())
    }
}

impl Written {
    /// A segment was sealed.
    fn add_sealed(&mut self, block: &BlockMeta, message_bytes: u64) {
        self.sealed_blocks += block.bytes;
        self.messages += message_bytes;
    }
}

struct Pace<'a>(&'a mut dyn FnMut(usize));

impl Paced for Pace<'_> {
    fn wrote(&mut self, bytes: usize) {
        if 0 < bytes {
            (self.0)(bytes);
        }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Trouble {
        Trouble::Storage(error)
    }
}

impl From<BlockError> for Trouble {
    fn from(error: BlockError) -> Trouble {
        match error {
            BlockError::Storage(error) => Trouble::Storage(error),
            BlockError::Damaged { .. } | BlockError::Version(_) => Trouble::Damaged(error.to_string()),
        }
    }
}

impl std::fmt::Debug for Upkeep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Upkeep({:?})", self.manifest.current())
    }
}
