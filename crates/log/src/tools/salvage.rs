//! Writes what can be proved of a damaged log to a new one.
//!
//! Proved is what has a right checksum and a place in a stream. Indexes stay what they were; a log can't hold a stream with
//! a gap, so a stream begins behind its last one. The old log is only read.

mod frames;
mod lives;
mod pages;
mod source;
mod tolerant;
mod write;

use super::{LookError, Meter, Progress, is_log};
use crate::storage::Storage;
use crate::{LogSettings, OpenError, Random, RestoreError, StorageFailed, UpkeepError};
use frames::Place;
use pages::PageAt;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use tidings_model::{Batch, Incarnation, StreamName};

/// What became of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Salvaged {
    /// How many streams the new log has.
    pub streams: u64,
    /// How many messages.
    pub messages: u64,
    /// The streams of which something is missing, or not known.
    pub incomplete: Vec<IncompleteStream>,
    /// Numbers of frames that were synced and are lost. What they said is not known, where nothing else says it: perhaps
    /// the last messages of a stream, a stream as a whole, or that one was closed, trimmed or deleted.
    pub missing_frames: Vec<Range<u64>>,
    /// Whether all of the snapshot was found, or there was none yet. Without it most names and configs are lost.
    pub has_snapshot: bool,
    /// Segments that are cut, or have neither a header nor a frame. What was in them at the end is not known.
    pub cut_segments: Vec<String>,
}

impl Salvaged {
    /// Whether the new log has everything that the old one had.
    pub fn is_complete(&self) -> bool {
        self.incomplete.is_empty()
            && self.missing_frames.is_empty()
            && self.has_snapshot
            && self.cut_segments.is_empty()
    }
}

/// A stream of which something is missing, or not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncompleteStream {
    /// Its name in the new log.
    pub name: StreamName,
    /// Which stream it is.
    pub incarnation: Incarnation,
    /// Whether its name and config were found. Else both are made up.
    pub is_named: bool,
    /// Whether it is known where it began. Else messages before the first one that was found may be missing, or trimmed.
    pub begin_known: bool,
    /// Where it begins in the new log.
    pub earliest_index: u64,
    /// Its tail.
    pub tail_index: u64,
    /// Indexes of the messages that are lost.
    pub missing: Vec<Range<u64>>,
    /// Indexes of messages that were found, but lie before something that is missing.
    pub dropped: Vec<Range<u64>>,
}

/// Messages that the new log can't hold, because some that come after them are missing.
#[derive(Clone, Copy, Debug)]
pub enum Dropped<'a> {
    /// The first of these comes next: where a stream would go on, and up to where.
    Run(&'a crate::Restore, u64),
    /// Some of its messages.
    Batch(&'a Batch),
}

/// Takes what is dropped.
pub type KeepDropped<'a> = dyn FnMut(Dropped<'_>) -> io::Result<()> + 'a;

/// Why nothing can be salvaged.
#[derive(Debug, thiserror::Error)]
pub enum SalvageError {
    /// The old folder can't be read, or holds no log.
    #[error(transparent)]
    Look(#[from] LookError),
    /// The new log can't be made.
    #[error("the new log can't be opened: {0}")]
    Open(#[source] OpenError),
    /// A stream can't be written to the new log.
    #[error("`{name}` can't be written to the new log: {error}")]
    Restore {
        /// Which.
        name: StreamName,
        /// Why.
        #[source]
        error: RestoreError,
    },
    /// The new log can't be written.
    #[error("the new log can't be written: {0}")]
    Failed(#[from] StorageFailed),
    /// The new log can't be sealed.
    #[error("the new log can't be written: {0}")]
    Upkeep(#[from] UpkeepError),
    /// What was dropped can't be kept.
    #[error("what the new log can't hold can't be written")]
    Keep(#[source] io::Error),
}

/// Messages of one stream, where they were found.
#[derive(Clone, Copy, Debug)]
struct Piece {
    first_index: u64,
    end_index: u64,
    source: Source,
}

#[derive(Clone, Copy, Debug)]
enum Source {
    Entry(Place),
    /// A part of a page of one of the blocks.
    Part {
        block: usize,
        page: PageAt,
        part: usize,
    },
}

/// Reads what is left of a log, and writes it to an empty storage as a new one. `to` is asked for when all is read.
pub fn salvage(
    from: &dyn Storage,
    to: impl FnOnce() -> Result<Arc<dyn Storage>, OpenError>,
    (settings, random): (LogSettings, Random),
    keep: &mut KeepDropped<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Salvaged, SalvageError> {
    let names = from.list().map_err(LookError::from)?;
    if !is_log(&names) {
        return Err(LookError::NoLog.into());
    }
    let sizes = names.iter().map(|name| from.open(name).and_then(|file| file.bytes()));
    let mut meter = Meter::new(sizes.map(Result::unwrap_or_default).sum(), progress);
    let found = source::read(from, &names, &settings, &mut meter)?;
    write::write(found, to().map_err(SalvageError::Open)?, (settings, random), keep)
}
