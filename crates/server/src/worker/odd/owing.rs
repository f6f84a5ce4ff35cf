//! What a connection of hyper's owes its peer, and how it is ended for that when memory is short.
//!
//! hyper holds an answer until its peer takes it. Does not know what the answer is.

use super::body_room::READING_BYTES;
use bytes::Bytes;
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// What a request of HTTP/2 takes while it is open, with its task, roughly as measured.
const REQUEST_BYTES: usize = 12 << 10;

/// With less a connection is not worth ending: somebody publishes, or reads a page.
const WORTH_BYTES: usize = 128 << 10;

/// Who needs longer to send a body is as good as who takes nothing.
const SENDS_WITHIN: Duration = Duration::from_secs(2);

/// Smaller pieces are not counted: what a peer does not take is few of them.
const COUNTED_BYTES_MIN: usize = 4 << 10;

/// What a worker's connections with hyper owe, all together.
pub(in crate::worker) type Owed = Arc<AtomicUsize>;

/// One for each connection that hyper has.
pub(super) struct Owing {
    /// Bytes that were said and that hyper still has, and those of all of the worker's.
    own: Owed,
    all: Owed,
    /// Requests whose answers are not yet complete.
    pub(super) open_requests: Cell<usize>,
    /// Bodies that are being read, and since when there are any.
    bodies: Cell<(usize, Option<Instant>)>,
    end: Notify,
}

/// A piece that counts as owed until hyper has sent it, or thrown it away with the request.
struct Piece {
    bytes: Bytes,
    counts: [Owed; 2],
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        for count in &self.counts {
            count.fetch_sub(self.bytes.len(), Ordering::Relaxed);
        }
    }
}

impl Owing {
    pub(super) fn new(all: Owed) -> Owing {
        Owing {
            own: Owed::default(),
            all,
            open_requests: Cell::new(0),
            bodies: Cell::new((0, None)),
            end: Notify::new(),
        }
    }

    /// The same bytes, which count as owed for as long as anybody has them.
    pub(super) fn owed(&self, bytes: Bytes) -> Bytes {
        if bytes.len() < COUNTED_BYTES_MIN {
            return bytes;
        }
        let counts = [&self.own, &self.all].map(Arc::clone);
        for count in &counts {
            count.fetch_add(bytes.len(), Ordering::Relaxed);
        }
        Bytes::from_owner(Piece { bytes, counts })
    }

    /// Ready when the connection is to end.
    pub(super) async fn ended(&self) {
        self.end.notified().await;
    }

    /// The body of a request is read until this is dropped.
    pub(super) fn on_body(self: &Rc<Owing>) -> Reading {
        let (count, since) = self.bodies.get();
        self.bodies.set((count + 1, since.or_else(|| Some(Instant::now()))));
        Reading(Rc::clone(self))
    }

    fn sends_slowly(&self) -> bool {
        self.bodies.get().1.is_some_and(|since| SENDS_WITHIN <= since.elapsed())
    }

    /// What was said and has not left, and what the requests that are open take.
    fn bytes(&self) -> usize {
        let requests = self.open_requests.get() * REQUEST_BYTES;
        let reading = if self.sends_slowly() { READING_BYTES } else { 0 };
        self.unsent_bytes().saturating_add(requests + reading)
    }

    /// Whether ending it gives enough.
    fn is_worth_it(&self) -> bool {
        WORTH_BYTES <= self.bytes() || self.sends_slowly()
    }

    fn unsent_bytes(&self) -> usize {
        self.own.load(Ordering::Relaxed)
    }
}

/// A body that is read.
pub(super) struct Reading(Rc<Owing>);

impl Drop for Reading {
    fn drop(&mut self) {
        let (count, since) = self.0.bodies.get();
        // One that was read to its end shows that its sender goes on.
        self.0.bodies.set((count - 1, since.filter(|_| 1 < count).map(|_| Instant::now())));
    }
}

/// All connections of a worker that hyper has.
#[derive(Default)]
pub(super) struct Debtors(RefCell<Vec<Weak<Owing>>>);

impl Debtors {
    pub(super) fn add(&self, owing: &Rc<Owing>) {
        let mut all = self.0.borrow_mut();
        if all.len() == all.capacity() {
            all.retain(|owing| 0 < owing.strong_count());
        }
        all.push(Rc::downgrade(owing));
    }

    /// Those that hold anything worth having, and how much.
    pub(super) fn all(&self) -> Vec<(usize, Debtor)> {
        let all = self.0.borrow();
        let worth = all.iter().filter_map(Weak::upgrade).filter(|owing| owing.is_worth_it());
        worth.map(|owing| (owing.bytes(), Debtor(owing))).collect()
    }

    /// Those that hold what their peers don't take, and how much.
    pub(super) fn unsent(&self) -> Vec<(usize, Debtor)> {
        let all = self.0.borrow();
        let owing = all.iter().filter_map(Weak::upgrade);
        owing.map(|owing| (owing.unsent_bytes(), Debtor(owing))).filter(|(bytes, _)| 0 < *bytes).collect()
    }
}

/// A connection that holds memory for its peer.
pub(in crate::worker) struct Debtor(Rc<Owing>);

impl Debtor {
    /// Ends it, as soon as its task is stepped.
    pub(in crate::worker) fn end(&self) {
        self.0.end.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_gone_is_forgotten() {
        let debtors = Debtors::default();
        let owed = Owed::default();
        for _ in 0..1_000 {
            debtors.add(&Rc::new(Owing::new(Arc::clone(&owed))));
        }
        let owing = Rc::new(Owing::new(Arc::clone(&owed)));
        debtors.add(&owing);
        assert!(debtors.all().is_empty(), "it owes nothing");
        let said = owing.owed(Bytes::from(vec![0; WORTH_BYTES]));
        assert_eq!(debtors.all().iter().map(|(bytes, _)| *bytes).collect::<Vec<_>>(), [WORTH_BYTES]);
        assert_eq!(debtors.unsent().len(), 1);
        assert!(debtors.0.borrow().len() < 100);
        drop(said);
        assert!(debtors.all().is_empty() && debtors.unsent().is_empty());
    }

    #[test]
    fn what_is_said_counts_until_nobody_has_it() {
        let owed = Owed::default();
        let (one, other) = (Owing::new(Arc::clone(&owed)), Owing::new(Arc::clone(&owed)));
        let small = one.owed(Bytes::from_static(b"abc"));
        assert_eq!((owed.load(Ordering::Relaxed), &*small), (0, &b"abc"[..]));
        let said = one.owed(Bytes::from(vec![1; 10_000]));
        let shared = other.owed(said.clone());
        assert_eq!(owed.load(Ordering::Relaxed), 20_000);
        let part = said.slice(..10);
        drop(said);
        assert_eq!((one.unsent_bytes(), other.unsent_bytes()), (10_000, 10_000));
        drop((part, shared));
        assert_eq!((one.unsent_bytes(), owed.load(Ordering::Relaxed)), (0, 0));
    }
}
