//! The place of an exchange among the tasks of a worker: what happened to it while its task slept, and its next step.

use super::{ConnectionState, OpenRequest, Shared};
use crate::exchange::{Advance, Exchange, Told};
use crate::peer::Peer;
use crate::worker::core::Core;
use crate::worker::followers::Owner;
use bytes::Bytes;
use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Context, Waker};
use tidings_engine::Reply;

/// The exchange of a task. It is borrowed only by who has borrowed the worker.
pub(super) type Held = Rc<RefCell<Option<Box<dyn Exchange>>>>;

/// What happened to an exchange while its task slept.
pub(super) struct TaskNews {
    held: Held,
    peer: Peer,
    changed: Vec<u32>,
    pub(super) replies: Vec<(u32, Reply)>,
    pub(super) told: Vec<Told>,
    pub(super) draining: bool,
    /// The time to come back within is another one.
    pub(super) window: bool,
    pub(super) access_changed: bool,
    waker: Option<Waker>,
}

impl TaskNews {
    pub(super) fn of(held: Held, peer: Peer) -> TaskNews {
        TaskNews {
            held,
            peer,
            changed: Vec::new(),
            replies: Vec::new(),
            told: Vec::new(),
            draining: false,
            window: false,
            access_changed: false,
            waker: None,
        }
    }

    /// Who has made the connection.
    pub(super) fn peer(&self) -> Peer {
        self.peer
    }

    /// See [`super::Tasks::look_at`].
    pub(super) fn look_at<T>(&self, look: impl FnOnce(&dyn Exchange) -> T) -> Option<T> {
        let held = self.held.try_borrow().ok()?;
        held.as_deref().map(look)
    }

    /// Told once, however often it happens: a peer that does not read leaves its task asleep.
    pub(super) fn on_changed(&mut self, number: u32) {
        if !self.changed.contains(&number) {
            self.changed.push(number);
        }
    }

    pub(super) fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// The exchange, and its place; both end together.
pub(super) struct Seat {
    worker: Shared,
    index: usize,
    exchange: Held,
    /// Says that the request is open for as long as this lives.
    request: OpenRequest,
}

impl Seat {
    /// A place for an exchange that is about to be opened.
    pub(super) fn new(worker: &Shared, request: OpenRequest) -> Seat {
        let exchange = Held::default();
        let news = TaskNews::of(Rc::clone(&exchange), request.0.peer);
        let index = worker.borrow_mut().tasks.insert_exchange(news);
        Seat { worker: Rc::clone(worker), index, exchange, request }
    }

    pub(super) fn index(&self) -> usize {
        self.index
    }

    /// The connection that the request came over.
    pub(super) fn connection(&self) -> &ConnectionState {
        &self.request.0
    }

    /// What the exchange has said: it counts until the peer takes it.
    pub(super) fn said(&self, out: Vec<Bytes>) -> impl Iterator<Item = Bytes> + use<'_> {
        out.into_iter().map(|bytes| self.connection().owing.owed(bytes))
    }

    pub(super) fn worker(&self) -> &Shared {
        &self.worker
    }

    pub(super) fn hold(&mut self, exchange: Box<dyn Exchange>) {
        *self.exchange.borrow_mut() = Some(exchange);
    }

    /// Tells it what happened, and lets it go on as far as it can. What happens later wakes the task.
    pub(super) fn step(&mut self, context: &Context<'_>, out: &mut Vec<Bytes>) -> Advance {
        let mut worker = self.worker.borrow_mut();
        let mut held = self.exchange.borrow_mut();
        let Some(exchange) = held.as_mut() else { return Advance::End };
        worker.core.on_turn(crate::worker::turn::now());
        let Some(news) = worker.tasks.exchanges.get_mut(&self.index) else { return Advance::End };
        news.waker = Some(context.waker().clone());
        let changed = std::mem::take(&mut news.changed);
        let replies = std::mem::take(&mut news.replies);
        let told = std::mem::take(&mut news.told);
        let draining = std::mem::take(&mut news.draining);
        let window = std::mem::take(&mut news.window);
        let access_changed = std::mem::take(&mut news.access_changed);
        for number in changed {
            exchange.on_changed(number);
        }
        for (number, reply) in replies {
            exchange.on_reply(number, reply);
        }
        for told in told {
            told.tell(exchange.as_mut());
        }
        if window {
            exchange.on_window(&mut worker.core, out);
        }
        if access_changed {
            // Stepped in any case.
            let _is_over = exchange.on_access_changed(&mut worker.core);
        }
        if draining {
            exchange.on_drain(&mut worker.core, out);
        }
        let advance = exchange.advance(Owner::of_task(self.index), &mut worker.core, out);
        self.request.0.tell(&mut worker.core);
        if let Advance::Respond(response) = &advance {
            worker.core.metrics.on_answer(exchange.asked(), response);
        }
        advance
    }

    /// Tells it something else, at the time that it is now.
    pub(super) fn tell(&mut self, say: impl FnOnce(&mut dyn Exchange, &mut Core)) {
        let mut worker = self.worker.borrow_mut();
        worker.core.on_turn(crate::worker::turn::now());
        if let Some(exchange) = self.exchange.borrow_mut().as_mut() {
            say(exchange.as_mut(), &mut worker.core);
        }
    }

    /// The exchange is over; another one may take its place.
    pub(super) fn release(&mut self) {
        let mut worker = self.worker.borrow_mut();
        let exchange = self.exchange.take();
        if let Some(mut exchange) = exchange {
            exchange.leave(&mut worker.core);
        }
    }

    /// The exchange is over: it leaves what it follows.
    pub(super) fn leave(&mut self) {
        self.release();
        self.worker.borrow_mut().tasks.exchanges.remove(&self.index);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.leave();
    }
}
