//! Reads from the disk, on threads of their own: a worker never waits for one.

use crate::inbox::{Inbox, Reply, Token};
use crate::reader::{PageLimit, Reader};
use crate::stream::Stream;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
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
}

/// Stored messages could not be read: they are damaged, or the disk fails.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stored messages can't be read: {detail}")]
pub struct FetchError {
    /// For the operator.
    pub detail: String,
}

/// The threads that read.
pub(crate) struct Fetchers {
    queue: SyncSender<Fetch>,
    threads: Vec<JoinHandle<()>>,
}

impl Fetchers {
    pub(crate) const THREADS: usize = 2;

    /// `pending_max`: how many reads may wait.
    pub(crate) fn start(pending_max: usize) -> Fetchers {
        let (queue, jobs) = sync_channel(pending_max);
        let jobs = Arc::new(Mutex::new(jobs));
        let threads = (0..Fetchers::THREADS)
            .map(|index| {
                let jobs = Arc::clone(&jobs);
                let thread = thread::Builder::new().name(format!("fetch-{index}"));
                thread.spawn(move || run(&jobs)).expect("the system has a thread for the disk reader")
            })
            .collect();
        Fetchers { queue, threads }
    }

    /// Gives the read back when too many wait.
    pub(crate) fn submit(&self, fetch: Fetch) -> Result<(), Fetch> {
        self.queue.try_send(fetch).map_err(|error| match error {
            std::sync::mpsc::TrySendError::Full(fetch)
            | std::sync::mpsc::TrySendError::Disconnected(fetch) => fetch,
        })
    }

    /// Ends when all that was asked is answered.
    pub(crate) fn stop(self) {
        drop(self.queue);
        for thread in self.threads {
            thread.join().expect("a disk reader does not panic");
        }
    }
}

fn run(jobs: &Mutex<Receiver<Fetch>>) {
    loop {
        let job = jobs.lock().expect("a disk reader does not panic").recv();
        let Ok(fetch) = job else { return };
        let (_, tail) = fetch.stream.bounds();
        let limit = ReadLimit { bytes: fetch.limit.bytes, messages: fetch.limit.messages };
        let read = fetch.stream.stored().read(fetch.from, tail, limit);
        let read = read.map_err(|error| FetchError { detail: error.to_string() });
        fetch.inbox.put(&mut Vec::new(), &mut vec![(fetch.token, Reply::Fetched(read))]);
    }
}
