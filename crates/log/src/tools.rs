//! Tools for a log that no server has, and for looking at one that a server has.
//!
//! Each gets a storage or a folder, tells how far it is through a callback, and returns what it found as plain data.
//! Nothing here prints, and the server uses nothing of it.

mod backup;
mod look;
mod salvage;
mod verify;

pub use backup::{BackedUp, BackupError, backup};
pub use look::{BlockLook, LogLook, look_at_running, look_at_stopped};
pub use salvage::{Dropped, IncompleteStream, KeepDropped, SalvageError, Salvaged, salvage};
pub use verify::{Verified, verify};

use crate::OpenError;
use crate::manifest_file::ManifestFile;
use crate::segments::Segment;
use std::io;

/// How far a tool is, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// What is done.
    pub done: u64,
    /// What there is to do.
    pub total: u64,
}

/// Tells how far a tool is.
pub(crate) struct Meter<'a> {
    progress: Progress,
    tell: &'a mut dyn FnMut(Progress),
}

impl<'a> Meter<'a> {
    pub(crate) fn new(total: u64, tell: &'a mut dyn FnMut(Progress)) -> Meter<'a> {
        let progress = Progress { done: 0, total };
        tell(progress);
        Meter { progress, tell }
    }

    pub(crate) fn add(&mut self, bytes: u64) {
        self.progress.done = self.progress.total.min(self.progress.done + bytes);
        (self.tell)(self.progress);
    }
}

/// A place where a log is not what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The name of the file.
    pub file: String,
    /// The position in it.
    pub at: u64,
    /// What is wrong there, and what that means.
    pub what: String,
}

impl Damage {
    pub(crate) fn new(file: impl Into<String>, at: u64, what: impl Into<String>) -> Damage {
        Damage { file: file.into(), at, what: what.into() }
    }
}

/// Why a tool can't begin.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// The folder holds no log.
    #[error("there is no log in it")]
    NoLog,
    /// The log can't be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl From<io::Error> for LookError {
    fn from(error: io::Error) -> LookError {
        LookError::Open(error.into())
    }
}

/// Whether any of these files belongs to a log.
pub(crate) fn is_log(names: &[String]) -> bool {
    let ours = |name: &String| {
        ManifestFile::NAMES.contains(&name.as_str())
            || Segment::number(name).is_some()
            || [".block", ".snapshot"].iter().any(|suffix| name.ends_with(suffix))
    };
    names.iter().any(ours)
}
