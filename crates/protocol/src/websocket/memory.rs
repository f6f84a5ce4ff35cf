//! What the unfinished messages of all connections take together, within a limit.
//!
//! A message that came in one piece and is not compressed takes nothing. Others are charged for as long as they are not finished, or given
//! up: a client that begins large messages and never ends them costs no more than this.

use super::Violation;
use super::close_code::CloseCode;
use super::deflate::Inflater;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Shared by all connections of a process.
#[derive(Debug)]
pub struct MessageMemory {
    bytes_max: AtomicUsize,
    used_bytes: AtomicUsize,
    /// Working memory for the next message that is compressed.
    spare: Mutex<Vec<Inflater>>,
}

/// Inflaters that are kept for later, at most: more are at work at the same time only while messages come in pieces.
const SPARE_MAX: usize = 16;

const USED_UP: Violation =
    Violation { code: CloseCode::TRY_AGAIN_LATER, reason: "too many unfinished messages; try again later" };

impl MessageMemory {
    /// So many bytes and no more. Should be more than one of the largest messages.
    pub fn new(bytes_max: usize) -> MessageMemory {
        let bytes_max = AtomicUsize::new(bytes_max);
        MessageMemory { bytes_max, used_bytes: AtomicUsize::new(0), spare: Mutex::default() }
    }

    /// From now on so many. What is taken already stays.
    pub fn set_bytes_max(&self, bytes_max: usize) {
        self.bytes_max.store(bytes_max, Ordering::Relaxed);
    }

    /// What unfinished messages take now.
    pub fn used_bytes(&self) -> usize {
        self.used_bytes.load(Ordering::Relaxed)
    }

    fn take_spare(&self) -> Option<Inflater> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn give_back(&self, mut inflater: Inflater) {
        inflater.reset();
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < SPARE_MAX {
            spare.push(inflater);
        }
    }
}

/// What one message takes that is not finished, or waits. Ends with the value.
#[derive(Debug)]
pub struct Lease {
    memory: Arc<MessageMemory>,
    bytes: usize,
    inflater: Option<Inflater>,
}

impl Lease {
    /// Of a message that has nothing yet.
    pub fn new(memory: &Arc<MessageMemory>) -> Lease {
        Lease { memory: Arc::clone(memory), bytes: 0, inflater: None }
    }

    /// Of one that has to be inflated.
    pub(super) fn with_inflater(memory: &Arc<MessageMemory>) -> Result<Lease, Violation> {
        let mut lease = Lease::new(memory);
        lease.charge(Inflater::BYTES)?;
        lease.inflater = Some(memory.take_spare().unwrap_or_else(Inflater::new));
        Ok(lease)
    }

    /// Whether the message is compressed.
    pub(super) fn inflates(&self) -> bool {
        self.inflater.is_some()
    }

    /// What inflates the message, if it is compressed.
    pub(super) fn inflater(&mut self) -> Option<&mut Inflater> {
        self.inflater.as_mut()
    }

    /// Takes so many bytes more.
    pub fn charge(&mut self, bytes: usize) -> Result<(), Violation> {
        let used = self.memory.used_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
        let bytes_max = self.memory.bytes_max.load(Ordering::Relaxed);
        if bytes_max < used.saturating_add(bytes) { Err(USED_UP) } else { Ok(()) }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.memory.used_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        if let Some(inflater) = self.inflater.take() {
            self.memory.give_back(inflater);
        }
    }
}
