//! `SQLite`, with a write-ahead log.

use super::{Append, Committer, sorted};
use rusqlite::{Connection, TransactionBehavior, params};
use std::path::Path;

pub(crate) const SETTINGS: &str = "one transaction for each commit, its appends in the order of their keys; a table without rowid whose key is \
     (stream, place); journal_mode = WAL, synchronous = FULL, locking_mode = EXCLUSIVE, a cache of 512 MiB, \
     checkpoints at 64 MiB of log";

/// A connection to a database of one table.
pub(crate) struct Sqlite(Connection);

impl Sqlite {
    const SETUP: &str = "
        PRAGMA locking_mode = EXCLUSIVE;
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = FULL;
        PRAGMA cache_size = -524288;
        PRAGMA wal_autocheckpoint = 16384;
        CREATE TABLE messages (
            stream INTEGER NOT NULL, place INTEGER NOT NULL, message BLOB NOT NULL, PRIMARY KEY (stream, place)
        ) WITHOUT ROWID;";

    pub(crate) fn open(folder: &Path) -> anyhow::Result<Sqlite> {
        let connection = Connection::open(folder.join("messages.sqlite"))?;
        connection.execute_batch(Sqlite::SETUP)?;
        let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
        anyhow::ensure!(mode == "wal", "the journal mode is {mode}");
        Ok(Sqlite(connection))
    }
}

impl Committer for Sqlite {
    fn commit(&mut self, batch: &[Append<'_>]) -> anyhow::Result<()> {
        let transaction = self.0.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut insert = transaction.prepare_cached("INSERT INTO messages VALUES (?1, ?2, ?3)")?;
            for append in sorted(batch) {
                let place = i64::try_from(append.index)?;
                insert.execute(params![append.stream, place, &append.message[..]])?;
            }
        }
        Ok(transaction.commit()?)
    }
}
