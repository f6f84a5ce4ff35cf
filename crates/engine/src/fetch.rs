//! Reads from the disk, on threads of their own: a worker never waits for one.

use crate::engine::StartError;
use crate::inbox::{Inbox, Reply, Token};
use crate::reader::{PageLimit, Reader};
use crate::stream::Stream;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use tidings_log::ReadLimit;

/// A read that a reader needs to go on.
#[derive(Debug)]
pub struct Fetch {
    pub(crate) stream: Arc<Stream>,
    pub(crate) from: u64,
    pub(crate) limit: PageLimit,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) token: Token,
}

impl Fetch {
    /// What `reader` needs next; the answer goes to `inbox` with `token`.
    pub fn new(reader: &Reader, limit: PageLimit, inbox: &Arc<Inbox>, token: Token) -> Fetch {
        let stream = Arc::clone(reader.stream());
        Fetch { stream, from: reader.next(), limit, inbox: Arc::clone(inbox), token }
    }

    /// Reads, and answers.
    pub(crate) fn answer(self) {
        let (_, tail) = self.stream.bounds();
        let limit = ReadLimit { bytes: self.limit.bytes, messages: self.limit.messages };
        let read = self.stream.stored().read(self.from, tail, limit);
        let read = read.map_err(|error| FetchError { detail: format!("{}: {error}", self.stream.name()) });
        self.inbox.put(&mut Vec::new(), &mut vec![(self.token, Reply::Fetched(read))]);
    }
}

/// Stored messages could not be read: they are damaged, or the disk fails.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stored messages can't be read: {detail}")]
pub struct FetchError {
    /// For the operator.
    pub detail: String,
}

/// Threads that read, until nobody can ask any more and all that was asked is answered.
pub(crate) fn start(fetches: Receiver<Fetch>) -> Result<Vec<JoinHandle<()>>, StartError> {
    const THREADS: usize = 2;
    let fetches = Arc::new(Mutex::new(fetches));
    let start = |index| {
        let fetches = Arc::clone(&fetches);
        let thread = thread::Builder::new().name(format!("fetch-{index}"));
        thread.spawn(move || run(&fetches)).map_err(|error| StartError::System(error.to_string()))
    };
    (0..THREADS).map(start).collect()
}

fn run(fetches: &Mutex<Receiver<Fetch>>) {
    loop {
        let next = fetches.lock().expect("nobody panics while taking a read").recv();
        let Ok(fetch) = next else { return };
        fetch.answer();
    }
}
