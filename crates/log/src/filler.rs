//! Makes the next segment ahead of its need, on whatever thread the engine gives to it.

use crate::StorageFailed;
use crate::failure::Failure;
use crate::format::SegmentHeader;
use crate::locks::locked;
use crate::segments::{Segment, Spare};
use crate::storage::{Storage, is_full};
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

/// A handle that makes the next segments ready, so that no commit has to wait for it.
#[derive(Clone)]
pub struct SegmentFiller(pub(crate) Arc<SegmentSupply>);

/// Why a segment is not ready.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FillError {
    /// There is no room; it may be tried again later.
    #[error("the storage is full")]
    Full,
    /// The storage failed, and with it the log.
    #[error(transparent)]
    Failed(#[from] StorageFailed),
}

impl SegmentFiller {
    /// Whether the log is going to need a segment that is not ready. Cheap; never waits.
    pub fn wanted(&self) -> bool {
        self.0.wanted.load(Ordering::Acquire) != 0
    }

    /// Makes the segments that are wanted, if any are. Takes as long as writing and syncing them full of zeros;
    /// a commit that needs one of them before waits for it.
    pub fn fill(&self) -> Result<(), FillError> {
        let mut ready = locked(&self.0.ready);
        match self.0.wanted.load(Ordering::Acquire) {
            0 => Ok(()),
            number => self.0.make_ready(&mut ready, number, SegmentSupply::READY),
        }
    }
}

/// Segments that are ready, and how to make another.
pub(crate) struct SegmentSupply {
    pub(crate) storage: Arc<dyn Storage>,
    /// What new segments have in common.
    pub(crate) header: SegmentHeader,
    pub(crate) failure: Failure,
    /// The number of the segment that is going to be needed next, where it or the one after it should be made; 0 for none.
    pub(crate) wanted: AtomicU32,
    /// Whether there was no room for a segment when it was tried last.
    pub(crate) full: AtomicBool,
    /// Whether the last segment that was ready is in use: nothing is published to it before there is another. On a full storage
    /// deletes and trims need more than the rest of a segment before they have freed one.
    pub(crate) last_taken: AtomicBool,
    /// Held while a segment is made, so that the log and a filler never make the same one.
    pub(crate) ready: Mutex<VecDeque<Segment>>,
    /// Old segments to make new ones of.
    pub(crate) spares: Mutex<Vec<Spare>>,
    pub(crate) reserve: Mutex<Reserve>,
}

/// Where the reserve is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reserve {
    /// It is to be made before another segment is.
    Absent,
    There,
    /// Whoever tidies up is using its room: nobody else may take it meanwhile.
    Lent,
}

/// Room that publishing never takes, so that a full disk can be tidied up: sealing, merging and snapshots write before
/// they free anything.
pub(crate) const RESERVE_NAME: &str = "reserve";

impl SegmentSupply {
    /// So many segments are made ahead: one that is taken next, and the one that has to be ready by then.
    const READY: usize = 2;

    /// Says that the segment of that number is going to be needed.
    pub(crate) fn want(&self, number: u32) {
        // Without waiting: whoever holds the lock is making that very segment.
        if let Ok(ready) = self.ready.try_lock()
            && ready.len() < SegmentSupply::READY
        {
            self.wanted.store(number, Ordering::Release);
        }
    }

    /// The segment of that number, made now if it was not before.
    pub(crate) fn take(&self, number: u32) -> Result<Segment, FillError> {
        let mut ready = locked(&self.ready);
        self.make_ready(&mut ready, number, 1)?;
        let segment = ready.pop_front().expect("one was made ready");
        if ready.is_empty() {
            self.last_taken.store(true, Ordering::Release);
            self.wanted.store(number + 1, Ordering::Release);
        }
        Ok(segment)
    }

    /// Makes sure that the segment in use, the one before that number, may be published to.
    pub(crate) fn allow_publishing(&self, number: u32) -> Result<(), FillError> {
        if !self.is_for_deletes() {
            return Ok(());
        }
        self.make_ready(&mut locked(&self.ready), number, 1)
    }

    /// Whether the segment in use is only for deletes and trims so far.
    pub(crate) fn is_for_deletes(&self) -> bool {
        self.last_taken.load(Ordering::Acquire)
    }

    /// Whether the next segment is there. Waits for a filler that is making it.
    pub(crate) fn is_ready(&self) -> bool {
        !locked(&self.ready).is_empty()
    }

    /// Whether there was no room for a segment when it was tried last.
    pub(crate) fn is_full(&self) -> bool {
        self.full.load(Ordering::Acquire)
    }

    /// Makes segments from that number on, until so many are ready. Where there is no room they stay wanted, so that a
    /// filler finds out when there is some again.
    fn make_ready(&self, ready: &mut VecDeque<Segment>, first: u32, count: usize) -> Result<(), FillError> {
        while ready.len() < count {
            let number = ready.back().map_or(first, |last| last.header.number + 1);
            let made = self.make(number).inspect_err(|_| self.wanted.store(first, Ordering::Release))?;
            ready.push_back(made);
            self.last_taken.store(false, Ordering::Release);
        }
        self.wanted.store(0, Ordering::Release);
        Ok(())
    }

    /// How many old segments are kept to be used again.
    const SPARES_MAX: usize = 2;

    /// A segment that nothing needs any more: it becomes the reserve if that is gone, or a spare one, or it is removed.
    pub(crate) fn give_back(&self, segment: Arc<Segment>) -> io::Result<()> {
        let name = Segment::name(segment.header.number);
        let fits = segment.header.bytes == self.header.bytes;
        let mut reserve = locked(&self.reserve);
        if fits && *reserve != Reserve::There {
            // Before publishers get it: what was lent is paid back first, or a full disk could not be tidied up again.
            self.storage.rename(&name, RESERVE_NAME)?;
            *reserve = Reserve::There;
            return Ok(());
        }
        drop(reserve);
        let mut spares = locked(&self.spares);
        match Arc::try_unwrap(segment) {
            Ok(segment) if fits && spares.len() < SegmentSupply::SPARES_MAX => {
                spares.push(segment.into_spare(&*self.storage)?);
                Ok(())
            }
            // Too many, of another size, or somebody still reads it.
            Ok(_) | Err(_) => self.storage.remove(&name),
        }
    }

    /// Lends the room of the reserve to whoever tidies up a full disk. `false` if it is gone already.
    pub(crate) fn lend_reserve(&self) -> io::Result<bool> {
        let mut reserve = locked(&self.reserve);
        if *reserve == Reserve::There {
            *reserve = Reserve::Lent;
            self.storage.remove(RESERVE_NAME)?;
            return Ok(true);
        }
        Ok(false)
    }

    /// What was done in that room is done.
    pub(crate) fn take_reserve_back(&self) {
        let mut reserve = locked(&self.reserve);
        if *reserve == Reserve::Lent {
            *reserve = Reserve::Absent;
        }
    }

    fn make(&self, number: u32) -> Result<Segment, FillError> {
        self.failure.check()?;
        let made = self.try_make(SegmentHeader { number, ..self.header });
        self.full.store(matches!(&made, Err(error) if is_full(error)), Ordering::Release);
        made.map_err(|error| {
            if is_full(&error) {
                FillError::Full
            } else {
                FillError::Failed(self.failure.set("making a segment", &error))
            }
        })
    }

    fn try_make(&self, header: SegmentHeader) -> io::Result<Segment> {
        let spare = locked(&self.spares).pop();
        if let Some(spare) = spare {
            return Segment::make_of(&*self.storage, header, spare);
        }
        self.reserve()?;
        Segment::make(&*self.storage, header)
    }

    /// Makes the reserve if it is not there.
    fn reserve(&self) -> io::Result<()> {
        let mut reserve = locked(&self.reserve);
        match *reserve {
            Reserve::There => {}
            Reserve::Lent => return Err(io::ErrorKind::StorageFull.into()),
            Reserve::Absent => {
                self.storage.create(RESERVE_NAME, self.header.bytes)?;
                *reserve = Reserve::There;
            }
        }
        Ok(())
    }
}
