//! Reads from the disk, on threads of their own: a worker never waits for one.

use crate::engine::StartError;
use crate::inbox::{Inbox, Reply, Token};
use crate::reader::{PageLimit, Reader};
use crate::shared::{Shared, Sizes};
use crate::stream::Stream;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tidings_log::{ReadError, ReadLimit, StoredStream};
use tidings_model::{Batch, Incarnation};

/// What a thread that reads is asked to do.
pub(crate) enum Job {
    /// For a reader.
    Fetch(Fetch),
    /// For the commit thread.
    ReadSizes(ReadSizes),
}

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
    fn answer(self) {
        let (_, tail) = self.stream.bounds();
        let limit = ReadLimit { bytes: self.limit.bytes, messages: self.limit.messages };
        let read = match self.stream.stored().read(self.from, tail, limit) {
            // Nothing is wrong with the storage: the reader steps again, and is told its reset as soon as all are.
            Err(ReadError::Gone | ReadError::Trimmed { .. }) => Ok(Vec::<Batch>::new()),
            Err(error @ (ReadError::Storage(_) | ReadError::Damaged { .. })) => {
                Err(FetchError { detail: format!("{}: {error}", self.stream.name()) })
            }
            Ok(batches) => Ok(batches),
        };
        self.inbox.put(
            &mut Vec::new(),
            &mut vec![(self.token, Reply::Fetched(read))],
            (Duration::ZERO, Duration::ZERO),
        );
    }
}

/// A look at the sizes of the oldest batches of a stream, for its retention.
pub(crate) struct ReadSizes {
    pub(crate) incarnation: Incarnation,
    pub(crate) stored: StoredStream,
    pub(crate) from: u64,
    pub(crate) count_max: usize,
    pub(crate) shared: Arc<Shared>,
}

impl ReadSizes {
    fn answer(self) {
        let sizes = match self.stored.batch_sizes(self.from, self.count_max) {
            Ok(sizes) => Some(sizes),
            // It goes on: asked again, it is told from where.
            Err(ReadError::Gone | ReadError::Trimmed { .. }) => Some(Vec::new()),
            Err(ReadError::Storage(_) | ReadError::Damaged { .. }) => None,
        };
        self.shared.put_sizes(Sizes { incarnation: self.incarnation, sizes });
    }
}

impl Job {
    /// Reads, and answers.
    pub(crate) fn run(self) {
        match self {
            Job::Fetch(fetch) => fetch.answer(),
            Job::ReadSizes(read) => read.answer(),
        }
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
pub(crate) fn start(jobs: Receiver<Job>) -> Result<Vec<JoinHandle<()>>, StartError> {
    const THREADS: usize = 2;
    let jobs = Arc::new(Mutex::new(jobs));
    let start = |index| {
        let jobs = Arc::clone(&jobs);
        let thread = thread::Builder::new().name(format!("fetch-{index}"));
        thread.spawn(move || run(&jobs)).map_err(|error| StartError::System(error.to_string()))
    };
    (0..THREADS).map(start).collect()
}

fn run(jobs: &Mutex<Receiver<Job>>) {
    loop {
        let next = jobs.lock().expect("nobody panics while taking a read").recv();
        let Ok(job) = next else { return };
        job.run();
    }
}
