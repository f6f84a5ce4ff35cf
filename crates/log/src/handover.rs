//! Where the owner of the log and its upkeep meet.

use crate::format::Point;
use crate::locks::locked;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Shared by a log and its upkeep.
#[derive(Default)]
pub(crate) struct Handover {
    /// Whether a copy is wanted and not begun: looked at with every commit.
    wanted: AtomicBool,
    copy: Mutex<CopyState>,
    /// Bytes of frames that were written since the start.
    frame_bytes: AtomicU64,
}

/// How far a copy of the directory is. There is one at a time: beginning another would change the one under way.
#[derive(Clone, Copy, Default)]
enum CopyState {
    #[default]
    None,
    Wanted,
    /// It is going to be the directory as it was at that point.
    Begun(Point),
    /// The upkeep is writing it.
    Taken,
}

impl Handover {
    /// The upkeep wants a copy of the directory to be begun, between two commits. Nothing new if there is one.
    pub(crate) fn want_copy(&self) {
        let mut copy = locked(&self.copy);
        if matches!(*copy, CopyState::None) {
            *copy = CopyState::Wanted;
            self.wanted.store(true, Ordering::Release);
        }
    }

    /// Whether one is wanted.
    pub(crate) fn is_copy_wanted(&self) -> bool {
        self.wanted.load(Ordering::Acquire)
    }

    /// The owner has begun it: the copy is going to be the directory as it was at that point.
    pub(crate) fn copy_begun(&self, point: Point) {
        let mut copy = locked(&self.copy);
        self.wanted.store(false, Ordering::Release);
        *copy = CopyState::Begun(point);
    }

    /// The copy that was begun, once.
    pub(crate) fn take_begun(&self) -> Option<Point> {
        let mut copy = locked(&self.copy);
        let CopyState::Begun(point) = *copy else { return None };
        *copy = CopyState::Taken;
        Some(point)
    }

    /// The copy that was taken is written, or given up.
    pub(crate) fn copy_ended(&self) {
        *locked(&self.copy) = CopyState::None;
    }

    /// Whether a copy was begun that nobody has taken yet.
    pub(crate) fn has_begun(&self) -> bool {
        matches!(*locked(&self.copy), CopyState::Begun(_))
    }

    pub(crate) fn add_frame_bytes(&self, bytes: u64) {
        self.frame_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn frame_bytes(&self) -> u64 {
        self.frame_bytes.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_not_begun_again_before_it_is_ended() {
        let handover = Handover::default();
        handover.want_copy();
        assert!(handover.is_copy_wanted());
        handover.copy_begun(Point { next_frame: 7, ..Point::default() });
        // The upkeep had looked before it was begun, and asks once more.
        handover.want_copy();
        assert!(!handover.is_copy_wanted(), "the first copy would be given up under the hands of the upkeep");
        assert_eq!(handover.take_begun().map(|point| point.next_frame), Some(7));
        handover.want_copy();
        assert!(!handover.is_copy_wanted() && handover.take_begun().is_none());
        handover.copy_ended();
        handover.want_copy();
        assert!(handover.is_copy_wanted());
    }
}
