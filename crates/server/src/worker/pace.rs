//! The pace of hyper's connections: between two turns of the loop each reads so much, and one of them does something that takes long.
//!
//! Left alone, a task reads for as long as its peer sends, and the runtime gives tasks dozens of steps before the loop has its turn: a few
//! peers that flood would hold everybody else up for a fifth of a second. Does not know what is read.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};
use tokio::sync::Notify;

/// What those read in a round who have all waited for it: together, and each at most and at least.
const ROUND_BYTES: usize = 64 << 10;
const SHARE_BYTES_MAX: usize = 16 << 10;
const SHARE_BYTES_MIN: usize = 2 << 10;

/// How many of those who have waited read in a round, the first of them first; and how many who have not. To step a thousand takes long
/// even if each reads little.
const WOKEN_MAX: usize = ROUND_BYTES / SHARE_BYTES_MIN;
const FRESH_MAX: usize = WOKEN_MAX / 2;

/// One for each worker. A round lasts from one turn of the loop to the next.
pub(super) struct Pace {
    round: Cell<u64>,
    share_bytes: Cell<usize>,
    /// Who reads in this round.
    woken: Cell<usize>,
    fresh: Cell<usize>,
    /// Somebody has done something in this round that takes long.
    is_spent: Cell<bool>,
    /// Those who have had their share of this round, each once; by numbers that rise, of which this is the first.
    waiting: RefCell<VecDeque<Waker>>,
    first: Cell<u64>,
    /// Those who wait to do what takes long. Bounded by the requests that there are.
    patient: RefCell<VecDeque<Waker>>,
    wanted: Notify,
}

/// What one connection has left of its share.
#[derive(Debug, Default)]
pub(super) struct Share {
    round: u64,
    left: usize,
    /// Its number among those who wait, or have waited.
    number: Option<u64>,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace {
            round: Cell::new(1),
            share_bytes: Cell::new(SHARE_BYTES_MAX),
            woken: Cell::new(0),
            fresh: Cell::new(0),
            is_spent: Cell::new(false),
            waiting: RefCell::default(),
            first: Cell::new(0),
            patient: RefCell::default(),
            wanted: Notify::new(),
        }
    }
}

impl Pace {
    /// Ready when somebody waits for the next round.
    pub(super) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// The loop has had a turn: whoever waits goes on, in order.
    pub(super) fn next_round(&self) {
        self.round.set(self.round.get() + 1);
        self.is_spent.set(false);
        self.woken.set(0);
        self.fresh.set(0);
        let mut waiting = self.waiting.borrow_mut();
        let share = ROUND_BYTES / waiting.len().max(1);
        self.share_bytes.set(share.clamp(SHARE_BYTES_MIN, SHARE_BYTES_MAX));
        let woken = waiting.len().min(WOKEN_MAX);
        self.first.set(self.first.get() + woken as u64);
        waiting.drain(..woken).for_each(Waker::wake);
        let mut patient = self.patient.borrow_mut();
        if let Some(next) = patient.pop_front() {
            next.wake();
        }
        if !(waiting.is_empty() && patient.is_empty()) {
            self.wanted.notify_one();
        }
    }

    /// Ready when the connection may read. What it then reads may be more than its share: the next time it waits.
    pub(super) fn poll_share(&self, share: &mut Share, context: &Context<'_>) -> Poll<()> {
        if share.round != self.round.get() {
            let was_woken = share.number.is_some_and(|number| number < self.first.get());
            let (count, most) = if was_woken { (&self.woken, WOKEN_MAX) } else { (&self.fresh, FRESH_MAX) };
            let is_waiting = share.number.is_some() && !was_woken;
            share.left = 0;
            if count.get() < most && !is_waiting {
                count.set(count.get() + 1);
                *share = Share { round: self.round.get(), left: self.share_bytes.get(), number: None };
            }
        }
        if share.left != 0 {
            return Poll::Ready(());
        }
        self.wait_in_line(share, context);
        self.wanted.notify_one();
        Poll::Pending
    }

    /// Puts it at the end of those who wait, if it does not wait yet.
    fn wait_in_line(&self, share: &mut Share, context: &Context<'_>) {
        let mut waiting = self.waiting.borrow_mut();
        let place = share.number.and_then(|number| number.checked_sub(self.first.get()));
        match place.and_then(|place| waiting.get_mut(usize::try_from(place).ok()?)) {
            Some(waker) => waker.clone_from(context.waker()),
            None => {
                share.number = Some(self.first.get() + waiting.len() as u64);
                waiting.push_back(context.waker().clone());
            }
        }
    }

    /// Waits until nobody else has done something in this round that takes long.
    pub(super) async fn alone(&self) {
        poll_fn(|context| {
            if !self.is_spent.replace(true) {
                return Poll::Ready(());
            }
            self.patient.borrow_mut().push_back(context.waker().clone());
            self.wanted.notify_one();
            Poll::Pending
        })
        .await;
    }
}

impl Share {
    pub(super) fn on_read(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::Context;

    fn context() -> Context<'static> {
        Context::from_waker(Waker::noop())
    }

    #[test]
    fn who_has_read_its_share_waits_for_the_next_round() {
        let (pace, mut share) = (Pace::default(), Share::default());
        assert!(pace.poll_share(&mut share, &context()).is_ready());
        share.on_read(SHARE_BYTES_MAX - 1);
        assert!(pace.poll_share(&mut share, &context()).is_ready());
        share.on_read(SHARE_BYTES_MAX);
        assert!(pace.poll_share(&mut share, &context()).is_pending());
        assert!(pin!(pace.wanted()).poll(&mut context()).is_ready(), "the loop is told");
        pace.next_round();
        assert!(pace.poll_share(&mut share, &context()).is_ready());
    }

    #[test]
    fn the_more_wait_the_less_each_reads() {
        let pace = Pace::default();
        for (waiting, share_bytes) in [(1, SHARE_BYTES_MAX), (8, ROUND_BYTES / 8), (1_000, SHARE_BYTES_MIN)] {
            let mut shares: Vec<Share> = (0..waiting).map(|_| Share::default()).collect();
            // Looked at again, nobody waits twice.
            for _ in 0..2 {
                for share in &mut shares {
                    pace.wait_in_line(share, &context());
                }
            }
            assert_eq!(pace.waiting.borrow().len(), waiting);
            pace.next_round();
            assert_eq!(pace.share_bytes.get(), share_bytes, "{waiting}");
            assert_eq!(pace.waiting.borrow().len(), usize::saturating_sub(waiting, WOKEN_MAX));
            (0..waiting / WOKEN_MAX).for_each(|_| pace.next_round());
        }
    }

    #[test]
    fn a_thousand_have_their_turns_one_after_the_other() {
        let pace = Pace::default();
        let mut shares: Vec<Share> = (0..1_000).map(|_| Share::default()).collect();
        let mut rounds = vec![0_u64; shares.len()];
        for round in 0..100 {
            let mut read = 0;
            for (share, rounds) in shares.iter_mut().zip(&mut rounds) {
                if pace.poll_share(share, &context()).is_ready() {
                    share.on_read(SHARE_BYTES_MAX);
                    *rounds += 1;
                    read += 1;
                }
            }
            assert!((1..=WOKEN_MAX + FRESH_MAX).contains(&read), "{read} in round {round}");
            pace.next_round();
        }
    }

    #[test]
    fn what_takes_long_is_done_once_a_round() {
        let pace = Pace::default();
        assert!(pin!(pace.alone()).poll(&mut context()).is_ready());
        let mut second = pin!(pace.alone());
        assert!(second.as_mut().poll(&mut context()).is_pending());
        pace.next_round();
        assert!(second.poll(&mut context()).is_ready());
    }
}
