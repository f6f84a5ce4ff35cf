//! What is committed, for everybody who looks: the directory of streams, and the files with their messages.

use crate::block::Block;
use crate::directory::Directory;
use crate::format::BlockMeta;
use crate::locks::{read_locked, write_locked};
use crate::segments::Segment;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Shared by the owner of the log, who writes the directory; by its upkeep, which changes the files; and by readers.
#[derive(Default)]
pub(crate) struct Contents {
    directory: RwLock<Directory>,
    files: RwLock<Arc<Files>>,
    /// The segment with the end of what is committed: all before it are finished.
    committed_segment: AtomicU32,
    /// The weight of the messages that were trimmed or deleted since the start.
    freed_weight: AtomicU64,
}

/// The files that readers use, at one moment. Whoever holds it keeps them from being used again.
#[derive(Clone, Default)]
pub(crate) struct Files {
    /// Those that are not sealed, without a gap.
    segments: Vec<Arc<Segment>>,
    /// By age.
    pub(crate) blocks: Vec<Arc<Block>>,
    /// The messages of all segments up to this one are in blocks.
    pub(crate) sealed: u32,
}

impl Contents {
    pub(crate) fn new(directory: Directory, files: Files) -> Contents {
        Contents { directory: directory.into(), files: RwLock::new(Arc::new(files)), ..Contents::default() }
    }

    pub(crate) fn directory(&self) -> RwLockReadGuard<'_, Directory> {
        read_locked(&self.directory)
    }

    /// For the owner of the log, and for copies.
    pub(crate) fn directory_mut(&self) -> RwLockWriteGuard<'_, Directory> {
        write_locked(&self.directory)
    }

    /// The files now. Take it after the directory: then it has what the directory names, or that was trimmed since.
    pub(crate) fn files(&self) -> Arc<Files> {
        Arc::clone(&read_locked(&self.files))
    }

    /// Takes the next segment into use.
    pub(crate) fn push_segment(&self, segment: Arc<Segment>) {
        self.change_files(|files| files.segments.push(segment));
    }

    /// Changes the files for whoever looks from now on.
    pub(crate) fn change_files<T>(&self, change: impl FnOnce(&mut Files) -> T) -> T {
        let mut files = write_locked(&self.files);
        let mut changed = Files::clone(&files);
        let result = change(&mut changed);
        *files = Arc::new(changed);
        result
    }

    pub(crate) fn committed_segment(&self) -> u32 {
        self.committed_segment.load(Ordering::Acquire)
    }

    pub(crate) fn set_committed_segment(&self, number: u32) {
        self.committed_segment.store(number, Ordering::Release);
    }

    pub(crate) fn freed_weight(&self) -> u64 {
        self.freed_weight.load(Ordering::Relaxed)
    }

    /// So many messages went.
    pub(crate) fn add_freed(&self, bytes: u64, messages: u64) {
        let weight = bytes.saturating_add(messages.saturating_mul(BlockMeta::MESSAGE_WEIGHT));
        self.freed_weight.fetch_add(weight, Ordering::Relaxed);
    }
}

impl Files {
    pub(crate) fn new(segments: Vec<Arc<Segment>>, blocks: Vec<Arc<Block>>, sealed: u32) -> Files {
        Files { segments, blocks, sealed }
    }

    /// The segment of that number, if it is in use and not sealed.
    pub(crate) fn segment(&self, number: u32) -> Option<&Arc<Segment>> {
        let first = self.segments.first()?.header.number;
        self.segments.get(usize::try_from(number.checked_sub(first)?).ok()?)
    }

    /// The first segment that is not sealed.
    pub(crate) fn oldest_segment(&self) -> Option<&Arc<Segment>> {
        self.segments.first()
    }

    /// How many segments are in use that are not sealed.
    pub(crate) fn segments_count(&self) -> usize {
        self.segments.len()
    }

    /// How many segments are in use that are not sealed, and the bytes of their files.
    pub(crate) fn segments_size(&self) -> (u64, u64) {
        let bytes = self.segments.iter().map(|segment| segment.header.bytes).sum();
        (self.segments.len() as u64, bytes)
    }

    /// The block with the messages of a sealed segment, if any of them lived.
    pub(crate) fn block_of(&self, segment: u32) -> Option<&Arc<Block>> {
        let at = self.blocks.partition_point(|block| block.meta.last_segment < segment);
        self.blocks.get(at).filter(|block| block.meta.first_segment <= segment)
    }

    /// Readers go to blocks for all segments up to this one. Returns the segments that they no longer use.
    pub(crate) fn seal_to(&mut self, sealed: u32) -> Vec<Arc<Segment>> {
        self.sealed = sealed;
        let count = self.segments.partition_point(|segment| segment.header.number <= sealed);
        self.segments.drain(..count).collect()
    }
}
