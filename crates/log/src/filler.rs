//! Makes the next segment ahead of its need, on whatever thread the engine gives to it.

use crate::StorageFailed;
use crate::failure::Failure;
use crate::format::SegmentHeader;
use crate::locks::locked;
use crate::segments::{Segment, Spare};
use crate::storage::{Storage, is_full};
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

/// A handle that makes the next segment ready, so that no commit has to wait for it.
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

    /// Makes the segment that is wanted, if one is. Takes as long as writing and syncing a whole segment of zeros;
    /// a commit that needs the segment before waits for it.
    pub fn fill(&self) -> Result<(), FillError> {
        let mut ready = locked(&self.0.ready);
        match self.0.wanted.load(Ordering::Acquire) {
            0 => Ok(()),
            number => {
                ready.push_back(self.0.make(number)?);
                self.0.wanted.store(0, Ordering::Release);
                Ok(())
            }
        }
    }
}

/// Segments that are ready, and how to make another.
pub(crate) struct SegmentSupply {
    pub(crate) storage: Arc<dyn Storage>,
    /// What new segments have in common.
    pub(crate) header: SegmentHeader,
    pub(crate) failure: Failure,
    /// The number of the segment that should be made; 0 for none.
    pub(crate) wanted: AtomicU32,
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
    /// Says that the segment of that number is going to be needed.
    pub(crate) fn want(&self, number: u32) {
        // Without waiting: whoever holds the lock is making that very segment.
        if let Ok(ready) = self.ready.try_lock()
            && ready.is_empty()
        {
            self.wanted.store(number, Ordering::Release);
        }
    }

    /// The segment of that number, made now if it was not before.
    pub(crate) fn take(&self, number: u32) -> Result<Segment, FillError> {
        let mut ready = locked(&self.ready);
        let segment = match ready.pop_front() {
            Some(segment) => segment,
            // Where there is no room it stays wanted, so that a filler finds out when there is some again.
            None => self.make(number).inspect_err(|_| self.wanted.store(number, Ordering::Release))?,
        };
        self.wanted.store(0, Ordering::Release);
        Ok(segment)
    }

    /// Whether the next segment is there. Waits for a filler that is making it.
    pub(crate) fn is_ready(&self) -> bool {
        !locked(&self.ready).is_empty()
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
        self.try_make(SegmentHeader { number, ..self.header }).map_err(|error| {
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
