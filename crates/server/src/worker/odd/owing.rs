//! What a connection of hyper's owes its peer, and how it is ended for that when memory is short.
//!
//! hyper holds an answer until its peer takes it. Does not know what the answer is.

use super::body_room::READING_BYTES;
use super::rewound::Quiet;
use crate::worker::held::HeldBytes;
use std::cell::{Cell, OnceCell, RefCell};
use std::rc::{Rc, Weak};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// What a request of HTTP/2 takes while it is open, with its task, roughly as measured.
const REQUEST_BYTES: usize = 12 << 10;

/// With less a connection is not worth ending: somebody publishes, or reads a page.
const WORTH_BYTES: usize = 128 << 10;

/// Who needs longer to send a body is as good as who takes nothing.
const SENDS_WITHIN: Duration = Duration::from_secs(2);

/// One for each connection that hyper has.
pub(super) struct Owing {
    /// What all of the worker's owe, roughly: see [`Debtors::count`].
    owed: HeldBytes,
    /// Bytes that were said, counted from where all had left that was said before.
    said: Cell<u64>,
    /// Requests whose answers are not yet complete.
    pub(super) open_requests: Cell<usize>,
    /// Bodies that are being read, and since when there are any.
    bodies: Cell<(usize, Option<Instant>)>,
    /// Knows how many went to the socket; there once the connection is served.
    quiet: OnceCell<Rc<Quiet>>,
    end: Notify,
}

impl Owing {
    pub(super) fn new(owed: HeldBytes) -> Owing {
        Owing {
            owed,
            said: Cell::new(0),
            open_requests: Cell::new(0),
            bodies: Cell::new((0, None)),
            quiet: OnceCell::new(),
            end: Notify::new(),
        }
    }

    pub(super) fn on_said(&self, bytes: usize) {
        self.owed.add(bytes);
        // What goes to the socket has heads too.
        self.said.set(self.said.get().max(self.written()) + bytes as u64);
    }

    /// The connection is served from here on.
    pub(super) fn watch(&self, quiet: Rc<Quiet>) {
        // A connection is served once.
        let _first = self.quiet.set(quiet);
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
        usize::try_from(self.said.get().saturating_sub(self.written())).unwrap_or(usize::MAX)
    }

    fn written(&self) -> u64 {
        self.quiet.get().map_or(0, |quiet| quiet.written())
    }
}

/// A body that is read.
pub(super) struct Reading(Rc<Owing>);

impl Drop for Reading {
    fn drop(&mut self) {
        let (count, since) = self.0.bodies.get();
        self.0.bodies.set((count - 1, since.filter(|_| 1 < count)));
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

    /// How many bytes all of them owe.
    pub(super) fn count(&self) -> usize {
        self.0.borrow().iter().filter_map(Weak::upgrade).map(|owing| owing.unsent_bytes()).sum()
    }

    /// Those that hold anything worth having, and how much.
    pub(super) fn all(&self) -> Vec<(usize, Debtor)> {
        let all = self.0.borrow();
        let worth = all.iter().filter_map(Weak::upgrade).filter(|owing| owing.is_worth_it());
        worth.map(|owing| (owing.bytes(), Debtor(owing))).collect()
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
        for _ in 0..1_000 {
            debtors.add(&Rc::new(Owing::new(HeldBytes::default())));
        }
        let owing = Rc::new(Owing::new(HeldBytes::default()));
        debtors.add(&owing);
        assert!(debtors.all().is_empty(), "it owes nothing");
        owing.on_said(WORTH_BYTES);
        assert_eq!(debtors.all().iter().map(|(bytes, _)| *bytes).collect::<Vec<_>>(), [WORTH_BYTES]);
        assert_eq!((debtors.count(), owing.owed.get()), (WORTH_BYTES, WORTH_BYTES));
        assert!(debtors.0.borrow().len() < 100);
    }
}
