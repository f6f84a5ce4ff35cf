//! The stores that are compared: one file each, of the same shape.

mod bare;
mod fjall;
mod ours;
mod redb;
mod sqlite;

use super::publishers::Append;
use crate::campaign::{Column, Load};
use crate::machine::crate_version;
use clap::ValueEnum;
use std::path::Path;

/// What a committing thread holds of its store.
pub(crate) trait Committer: Send {
    /// Appends the whole batch at once, and returns when all of it is durable.
    fn commit(&mut self, batch: &[Append<'_>]) -> anyhow::Result<()>;
}

/// Which store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Store {
    /// tidings' log
    Tidings,
    /// fjall with one committing thread
    Fjall,
    /// fjall with two committing threads; where it is faster, it counts for fjall
    FjallTwoWriters,
    /// redb
    Redb,
    /// SQL in a file
    Sqlite,
    /// A loop of write and fdatasync
    Bare,
}

impl Store {
    pub(crate) const ALL: [Store; 6] =
        [Store::Tidings, Store::Fjall, Store::FjallTwoWriters, Store::Redb, Store::Sqlite, Store::Bare];

    /// Opens it over an empty folder, with all streams made, for as many committing threads as it is best with.
    pub(crate) fn open(self, folder: &Path, streams: u32) -> anyhow::Result<Vec<Box<dyn Committer>>> {
        match self {
            Store::Tidings => Ok(vec![Box::new(ours::Ours::open(folder, streams)?)]),
            Store::Fjall => fjall::open(folder, 1),
            Store::FjallTwoWriters => fjall::open(folder, 2),
            Store::Redb => Ok(vec![Box::new(redb::Redb::open(folder)?)]),
            Store::Sqlite => Ok(vec![Box::new(sqlite::Sqlite::open(folder)?)]),
            Store::Bare => Ok(vec![Box::new(bare::Bare::open(folder)?)]),
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Store::Tidings => "tidings",
            Store::Fjall => "fjall",
            Store::FjallTwoWriters => "fjall, two writers",
            Store::Redb => "redb",
            Store::Sqlite => "SQLite",
            Store::Bare => "write + fdatasync",
        }
    }

    /// What it is called on the command line.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Store::Tidings => "tidings",
            Store::Fjall => "fjall",
            Store::FjallTwoWriters => "fjall-two-writers",
            Store::Redb => "redb",
            Store::Sqlite => "sqlite",
            Store::Bare => "bare",
        }
    }

    /// Its version and what was chosen for it.
    pub(crate) fn settings(self) -> String {
        let (version, chosen) = match self {
            Store::Tidings => (crate_version("tidings-log").to_owned(), ours::SETTINGS),
            Store::Fjall => (crate_version("fjall").to_owned(), fjall::SETTINGS),
            Store::FjallTwoWriters => (crate_version("fjall").to_owned(), fjall::TWO_WRITERS),
            Store::Redb => (crate_version("redb").to_owned(), redb::SETTINGS),
            Store::Sqlite => (::rusqlite::version().to_owned(), sqlite::SETTINGS),
            Store::Bare => (String::new(), bare::SETTINGS),
        };
        format!("{} {version}: {chosen}", self.title()).replace(" : ", ": ")
    }
}

impl Column for Store {
    fn name(&self) -> &str {
        self.title()
    }

    fn fits(&self, load: Load) -> bool {
        *self != Store::FjallTwoWriters || 1 < load.in_flight
    }
}

/// The key of a message in a store of keys: its stream, then its place there, both big endian, so that the messages of
/// a stream lie together in order.
fn key(append: &Append<'_>) -> [u8; 12] {
    let mut key = [0; 12];
    key[..4].copy_from_slice(&append.stream.to_be_bytes());
    key[4..].copy_from_slice(&append.index.to_be_bytes());
    key
}

/// The batch in the order of its keys, which for all of these stores is faster than any other.
fn sorted<'a, 'b>(batch: &'b [Append<'a>]) -> Vec<&'b Append<'a>> {
    let mut sorted: Vec<_> = batch.iter().collect();
    sorted.sort_unstable_by_key(|append| (append.stream, append.index));
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::publishers::{Publishers, Share};
    use crate::messages::Messages;

    #[test]
    fn every_store_takes_batches() {
        let messages = Messages::new();
        for store in Store::ALL {
            let folder = tempfile::tempdir().unwrap();
            let committers = store.open(folder.path(), 10).unwrap();
            let threads = u32::try_from(committers.len()).unwrap();
            for (thread, mut committer) in (0..).zip(committers) {
                let mut publishers = Publishers::new(&messages, Share { thread, threads }, 10, 8);
                let mut batch = Vec::new();
                for _ in 0..3 {
                    publishers.submit(&mut batch);
                    committer.commit(&batch).unwrap();
                }
            }
        }
    }

    #[test]
    fn the_command_line_knows_every_word() {
        for store in Store::ALL {
            assert_eq!(Store::from_str(store.word(), false), Ok(store));
        }
    }
}
