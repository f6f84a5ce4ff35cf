//! A reader of the simulation: when it is away it is nothing but an offset.

use tidings_engine::{Reader, Token};
use tidings_model::{Offset, StreamName};

/// One who follows a name for ever, comes and goes, and resumes where it was.
pub(crate) struct Follower {
    pub(crate) name: StreamName,
    /// Where it is; `None` before the first read and after a reset that names no place.
    pub(crate) offset: Option<Offset>,
    pub(crate) state: State,
}

pub(crate) enum State {
    Away,
    /// Follows on a worker.
    Here(Here),
}

pub(crate) struct Here {
    pub(crate) worker: usize,
    pub(crate) reader: Reader,
    pub(crate) doing: Doing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    /// Something may be there for it.
    Ready,
    /// Has asked for what is stored.
    Fetching(Token),
    /// Stands at the tail, and waits to be told.
    Waiting,
}
