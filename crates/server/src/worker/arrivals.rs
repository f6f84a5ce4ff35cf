//! Balance: a connection goes to the worker that has fewest when it is accepted, and stays there.
//!
//! The kernel spreads connections over the listeners of all workers, by a hash: with few connections, or long-lived ones,
//! some workers get far more than others. Whoever accepts one passes it on if another worker has clearly fewer.

use super::Worker;
use super::accept::Entrance;
use super::poller::Waker;
use super::survey::Notes;
use crate::asks::Answer;
use crate::decision::question::Question;
use crate::limits::Caller;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

/// A fresh connection, and who has made it.
pub(super) struct Arrival {
    pub(super) socket: TcpStream,
    pub(super) caller: Caller,
    /// Where it came in.
    pub(super) entrance: Entrance,
}

/// One worker as the others see it: how much it has, and where they leave connections for it.
#[derive(Default)]
pub(crate) struct Door {
    /// How many connections it had at the end of its last turn, and how many were left here since.
    connections: AtomicUsize,
    /// Bounded by `max_connections`, as all connections are.
    arrivals: Mutex<Vec<Arrival>>,
    /// Answers to what it has asked: no more than it has questions on their way.
    answers: Mutex<Vec<(Question, Answer)>>,
    /// How often its clock has ticked: for as long as that goes on, it is alive.
    ticks: AtomicUsize,
    /// Questions of other workers, and their answers.
    pub(super) notes: Notes,
    /// There once the worker runs.
    waker: OnceLock<Waker>,
}

impl Door {
    /// The worker is there.
    pub(super) fn open(&self, waker: Waker) {
        // A worker starts once.
        let _first = self.waker.set(waker);
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// The clock of the worker has ticked.
    pub(super) fn tick(&self) {
        self.ticks.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn ticks(&self) -> usize {
        self.ticks.load(Ordering::Relaxed)
    }

    /// At the end of a turn: what the worker has.
    pub(super) fn tell(&self, own: usize) {
        self.connections.store(own + self.arrivals().len(), Ordering::Relaxed);
    }

    fn leave(&self, arrival: Arrival) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        self.arrivals().push(arrival);
        self.wake();
    }

    /// So that the worker looks at what was left here.
    pub(super) fn wake(&self) {
        if let Some(wake) = self.waker.get() {
            wake();
        }
    }

    /// An answer to a question of the worker.
    pub(crate) fn tell_answer(&self, question: Question, answer: Answer) {
        self.answers().push((question, answer));
        if let Some(wake) = self.waker.get() {
            wake();
        }
    }

    pub(super) fn take_answers(&self) -> Vec<(Question, Answer)> {
        std::mem::take(&mut *self.answers())
    }

    fn answers(&self) -> std::sync::MutexGuard<'_, Vec<(Question, Answer)>> {
        self.answers.lock().expect("nobody panics while holding a list of answers")
    }

    fn take(&self) -> Vec<Arrival> {
        std::mem::take(&mut *self.arrivals())
    }

    fn arrivals(&self) -> std::sync::MutexGuard<'_, Vec<Arrival>> {
        self.arrivals.lock().expect("nobody panics while holding a list of sockets")
    }
}

/// Whether a worker with `own` connections passes the next one on to one with `least`: a little more is not worth the
/// wake-up.
fn is_clearly_more(own: usize, least: usize) -> bool {
    least + least / 64 < own
}

impl Worker {
    /// Gives a fresh connection to the worker that has clearly fewer than this one; back if there is none.
    pub(super) fn pass_on(&self, arrival: Arrival) -> Option<Arrival> {
        let serving = &self.common.doors[..self.common.serving];
        let others = serving.iter().enumerate().filter(|(other, _)| *other != self.index);
        let fewest = others.map(|(_, door)| door).min_by_key(|door| door.connections());
        // A worker that drains may have ended, and would never look.
        let may_pass = self.index < serving.len() && !self.common.draining.load(Ordering::Relaxed);
        match fewest {
            Some(door) if may_pass => {
                if !is_clearly_more(self.connection_count(), door.connections()) {
                    return Some(arrival);
                }
                door.leave(arrival);
                None
            }
            Some(_) | None => Some(arrival),
        }
    }

    /// Takes what others left here.
    pub(super) fn take_arrivals(&mut self) {
        for arrival in self.common.doors[self.index].take() {
            self.welcome(arrival);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_passed_on_when_another_worker_has_clearly_fewer() {
        assert!(!is_clearly_more(0, 0));
        assert!(is_clearly_more(1, 0));
        assert!(!is_clearly_more(10, 10));
        assert!(is_clearly_more(11, 10));
        assert!(!is_clearly_more(1_015, 1_000));
        assert!(is_clearly_more(1_016, 1_000));
    }
}
