//! fjall: a log-structured merge tree.

use super::{Append, Committer, key, sorted};
use ::fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use std::path::Path;

pub(crate) const SETTINGS: &str = "a batch with PersistMode::SyncAll for each commit, its appends in the order of their keys; cache of 512 MiB, journals of up to 1 GiB, memtable of 128 MiB \
     (its own sizes, doubled), else as it comes; also run with two committing threads that share the publishers, and \
     the better of the two is shown";
pub(crate) const TWO_WRITERS: &str = "the same, see above";

/// One committing thread of a database.
struct Fjall {
    database: Database,
    messages: Keyspace,
}

pub(crate) fn open(folder: &Path, threads: usize) -> anyhow::Result<Vec<Box<dyn Committer>>> {
    let database = Database::builder(folder).cache_size(512 << 20).max_journaling_size(1 << 30).open()?;
    let options = || KeyspaceCreateOptions::default().max_memtable_size(128 << 20);
    let messages = database.keyspace("messages", options)?;
    let one = || -> Box<dyn Committer> {
        Box::new(Fjall { database: database.clone(), messages: messages.clone() })
    };
    Ok((0..threads).map(|_| one()).collect())
}

impl Committer for Fjall {
    fn commit(&mut self, batch: &[Append<'_>]) -> anyhow::Result<()> {
        let mut writes = self.database.batch().durability(Some(PersistMode::SyncAll));
        for append in sorted(batch) {
            writes.insert(&self.messages, key(append), &append.message[..]);
        }
        Ok(writes.commit()?)
    }
}
