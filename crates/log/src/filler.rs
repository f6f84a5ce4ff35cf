//! Makes the next segment ahead of its need, on whatever thread the engine gives to it.

use crate::StorageFailed;
use crate::failure::Failure;
use crate::format::SegmentHeader;
use crate::locks::locked;
use crate::segments::Segment;
use crate::storage::{Storage, is_full};
use std::collections::VecDeque;
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
}

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
        self.wanted.store(0, Ordering::Release);
        match ready.pop_front() {
            Some(segment) => Ok(segment),
            None => self.make(number),
        }
    }

    /// Whether the next segment is there. Waits for a filler that is making it.
    pub(crate) fn is_ready(&self) -> bool {
        !locked(&self.ready).is_empty()
    }

    fn make(&self, number: u32) -> Result<Segment, FillError> {
        self.failure.check()?;
        Segment::make(&*self.storage, SegmentHeader { number, ..self.header }).map_err(|error| {
            if is_full(&error) {
                FillError::Full
            } else {
                FillError::Failed(self.failure.set("making a segment", &error))
            }
        })
    }
}
