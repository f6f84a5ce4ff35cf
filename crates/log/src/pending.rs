//! What becomes visible with the next commit.

use crate::format::Location;
use crate::index::Checkpoint;
use crate::locks::locked;
use crate::segments::Segments;
use crate::stored::Stored;
use crate::{Change, StreamView};
use std::sync::Arc;
use tidings_model::Batch;

/// One change that is staged.
pub(crate) enum Pending {
    Created(Arc<Stored>),
    Appended { stored: Arc<Stored>, batch: Arc<Batch>, bytes: u64, location: Location },
    Closed(Arc<Stored>),
    Deleted(Arc<Stored>),
    Trimmed { stored: Arc<Stored>, earliest_index: u64 },
}

impl Pending {
    /// Lets readers see it. Its entry must be synced.
    pub(crate) fn show(&self) {
        match self {
            Pending::Created(stored) => locked(&stored.committed).exists = true,
            Pending::Appended { stored, batch, bytes, location } => {
                let mut committed = locked(&stored.committed);
                committed.tail_index = batch.end_index();
                committed.bytes = committed.bytes.saturating_add(*bytes);
                committed.last_batch_time = Some(batch.time);
                committed.index.push(Checkpoint { first_index: batch.first_index, location: *location });
            }
            Pending::Closed(stored) => locked(&stored.committed).closed = true,
            // Who still holds a handle may read on: the bytes are there.
            Pending::Deleted(_) => {}
            Pending::Trimmed { stored, earliest_index } => {
                locked(&stored.committed).earliest_index = *earliest_index;
            }
        }
    }

    /// What is told about it, after [`Pending::show`] and before that of any later change.
    pub(crate) fn into_change(self, segments: &Arc<Segments>) -> Option<Change> {
        match self {
            Pending::Created(stored) => stored.view(segments).map(Change::Created),
            Pending::Appended { stored, batch, .. } => {
                Some(Change::Appended { incarnation: stored.incarnation, batch })
            }
            Pending::Closed(stored) => Some(Change::Closed { incarnation: stored.incarnation }),
            Pending::Deleted(stored) => {
                Some(Change::Deleted { incarnation: stored.incarnation, name: stored.name.clone() })
            }
            Pending::Trimmed { stored, earliest_index } => {
                Some(Change::Trimmed { incarnation: stored.incarnation, earliest_index })
            }
        }
    }

    /// The stream that it deletes, as it is still committed.
    pub(crate) fn deleted(&self, segments: &Arc<Segments>) -> Option<StreamView> {
        match self {
            Pending::Deleted(stored) => stored.view(segments),
            Pending::Created(_) | Pending::Appended { .. } | Pending::Closed(_) | Pending::Trimmed { .. } => {
                None
            }
        }
    }
}
