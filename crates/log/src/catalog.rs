//! Looks up what is committed, from any thread.

use crate::contents::Contents;
use crate::directory::{Record, StreamId};
use crate::{StoredStream, StreamView};
use std::fmt;
use std::sync::Arc;
use tidings_model::Incarnation;

/// All streams as they are committed. Cheap to clone; each call takes a lock for a moment.
#[derive(Clone)]
pub struct Catalog(pub(crate) Arc<Contents>);

/// The files of a log, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogSize {
    /// Segments in use that are not sealed.
    pub segments: u64,
    /// Blocks.
    pub blocks: u64,
    /// The bytes of both.
    pub bytes: u64,
}

impl Catalog {
    /// The stream of that name.
    pub fn find(&self, name: &str) -> Option<StreamView> {
        let directory = self.0.directory();
        let id = directory.visible_named(name)?;
        Some(view(&self.0, id, directory.record(id)))
    }

    /// The stream of that incarnation.
    pub fn of(&self, incarnation: Incarnation) -> Option<StreamView> {
        let directory = self.0.directory();
        let id = directory.of(incarnation)?;
        let record = directory.record(id);
        record.visible.then(|| view(&self.0, id, record))
    }

    /// Up to `limit` streams whose names begin with `prefix`, after the name `after`, by name.
    pub fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Vec<StreamView> {
        let directory = self.0.directory();
        let ids = directory.list(prefix, after, limit);
        ids.into_iter().map(|id| view(&self.0, id, directory.record(id))).collect()
    }

    /// How many streams there are, with those whose creation is under way.
    pub fn count(&self) -> usize {
        self.0.directory().count()
    }

    /// The files that readers use.
    pub fn size(&self) -> LogSize {
        let files = self.0.files();
        let (segments, segment_bytes) = files.segments_size();
        LogSize {
            segments,
            blocks: files.blocks.len() as u64,
            bytes: segment_bytes + files.blocks.iter().map(|block| block.meta.bytes).sum::<u64>(),
        }
    }

    /// All streams, in no particular order, a thousand at a time: so not all as they are at one moment if the log goes on.
    pub fn for_each(&self, mut look: impl FnMut(StreamView)) {
        for page in 0.. {
            let views: Option<Vec<StreamView>> = {
                let directory = self.0.directory();
                directory.page(page).map(|records| records.map(|(id, it)| view(&self.0, id, it)).collect())
            };
            let Some(views) = views else { break };
            views.into_iter().for_each(&mut look);
        }
    }
}

impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Catalog")
    }
}

/// What is told of a stream.
pub(crate) fn view(contents: &Arc<Contents>, id: StreamId, record: &Record) -> StreamView {
    let incarnation = record.incarnation;
    StreamView {
        name: record.name.clone(),
        incarnation,
        config: Arc::clone(&record.config),
        created: record.created,
        earliest_index: record.earliest_index,
        tail_index: record.tail_index,
        bytes: record.bytes,
        oldest: (record.oldest.0 != 0).then_some(record.oldest),
        closed: record.closed,
        stored: StoredStream { contents: Arc::clone(contents), id, incarnation },
    }
}
