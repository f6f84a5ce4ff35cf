//! What becomes visible with the next commit.

use crate::Change;
use crate::catalog::view;
use crate::contents::Contents;
use crate::directory::{Directory, StreamId};
use crate::format::Location;
use crate::index::Checkpoint;
use std::sync::Arc;
use tidings_model::{Batch, Incarnation, Timestamp};

/// One change that is staged.
pub(crate) enum Pending {
    /// The stream is there.
    Created { id: StreamId },
    /// It has more messages.
    Appended { id: StreamId, incarnation: Incarnation, batch: Arc<Batch>, location: Location },
    /// It takes no more messages.
    Closed { id: StreamId, incarnation: Incarnation },
    /// It is gone.
    Deleted { id: StreamId, incarnation: Incarnation },
    /// It goes on from an index. A tool does that, and nobody follows what it writes.
    Restored { id: StreamId, first_index: u64 },
    /// It begins later.
    Trimmed {
        id: StreamId,
        incarnation: Incarnation,
        earliest_index: u64,
        kept_bytes: u64,
        oldest: Timestamp,
    },
}

impl Pending {
    /// Lets readers see it. Its entry must be synced. Says what is to be told about it, before that of any later change.
    pub(crate) fn show(self, directory: &mut Directory, contents: &Arc<Contents>) -> Option<Change> {
        match self {
            Pending::Created { id } => {
                directory.record_mut(id).visible = true;
                Some(Change::Created(view(contents, id, directory.record(id))))
            }
            Pending::Appended { id, incarnation, batch, location } => {
                show_batch(directory, id, &batch, location);
                Some(Change::Appended { incarnation, batch })
            }
            Pending::Closed { id, incarnation } => {
                directory.record_mut(id).closed = true;
                Some(Change::Closed { incarnation })
            }
            Pending::Deleted { id, incarnation } => {
                let record = directory.record(id);
                contents.add_freed(record.bytes, record.tail_index - record.earliest_index);
                let name = record.name.clone();
                directory.remove(id);
                Some(Change::Deleted { incarnation, name })
            }
            Pending::Restored { id, first_index } => {
                let record = directory.record_mut(id);
                (record.earliest_index, record.tail_index) = (first_index, first_index);
                // For tools that have the log to themselves: nobody follows it yet.
                None
            }
            Pending::Trimmed { id, incarnation, earliest_index, kept_bytes, oldest } => {
                let record = directory.record_mut(id);
                let messages = earliest_index.saturating_sub(record.earliest_index);
                contents.add_freed(record.bytes.saturating_sub(kept_bytes), messages);
                (record.earliest_index, record.bytes, record.oldest) = (earliest_index, kept_bytes, oldest);
                Some(Change::Trimmed { incarnation, earliest_index, bytes: kept_bytes })
            }
        }
    }
}

fn show_batch(directory: &mut Directory, id: StreamId, batch: &Batch, location: Location) {
    let record = directory.record_mut(id);
    if record.earliest_index == record.tail_index {
        record.oldest = batch.time;
    }
    record.tail_index = batch.end_index();
    record.bytes = record.bytes.saturating_add(batch.bytes() as u64);
    record.on_entry(Checkpoint { first_index: batch.first_index, location });
}
