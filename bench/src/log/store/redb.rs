//! redb: a copy-on-write B-tree.

use super::{Append, Committer, key, sorted};
use ::redb::{Builder, Database, Durability, TableDefinition};
use std::path::Path;

pub(crate) const SETTINGS: &str = "a write transaction with Durability::Immediate for each commit, its appends in the order of their keys; cache \
     of 1 GiB, else as it comes";

const MESSAGES: TableDefinition<'_, &[u8; 12], &[u8]> = TableDefinition::new("messages");

/// A database of one table.
pub(crate) struct Redb(Database);

impl Redb {
    pub(crate) fn open(folder: &Path) -> anyhow::Result<Redb> {
        Ok(Redb(Builder::new().set_cache_size(1 << 30).create(folder.join("messages.redb"))?))
    }
}

impl Committer for Redb {
    fn commit(&mut self, batch: &[Append<'_>]) -> anyhow::Result<()> {
        let mut transaction = self.0.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        {
            let mut messages = transaction.open_table(MESSAGES)?;
            for append in sorted(batch) {
                messages.insert(&key(append), &append.message[..])?;
            }
        }
        Ok(transaction.commit()?)
    }
}
