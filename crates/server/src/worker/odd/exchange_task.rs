//! An exchange that a task of hyper drives: the same state machine as in a slot, woken by a waker.

use super::{OpenRequest, Shared};
use crate::exchange::{Advance, Exchange};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tidings_engine::Reply;
use tidings_protocol::{ErrorCode, Problem, Response};
use tokio::time::{Instant, Sleep};

/// What happened to an exchange while its task slept.
#[derive(Default)]
pub(super) struct TaskNews {
    changed: Vec<u32>,
    pub(super) replies: Vec<(u32, Reply)>,
    pub(super) draining: bool,
    waker: Option<Waker>,
}

impl TaskNews {
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

/// The exchange, and its place among the tasks of the worker; both end together.
pub(super) struct ExchangeTask {
    worker: Shared,
    index: usize,
    exchange: Option<Box<dyn Exchange>>,
    out: VecDeque<Bytes>,
    sleep: Option<Pin<Box<Sleep>>>,
    spoke: Instant,
    ended: bool,
    /// Says that the request is open for as long as this lives.
    _request: OpenRequest,
}

/// What a step of an exchange came to.
enum Stepped {
    Said,
    Responded(Response),
    Waits { until_ms: u64 },
    Ended,
}

impl ExchangeTask {
    /// A place for an exchange that is about to be opened.
    pub(super) fn new(worker: &Shared, request: OpenRequest) -> ExchangeTask {
        let index = worker.borrow_mut().tasks.insert_exchange();
        ExchangeTask {
            worker: Rc::clone(worker),
            index,
            exchange: None,
            out: VecDeque::new(),
            sleep: None,
            spoke: Instant::now(),
            ended: false,
            _request: request,
        }
    }

    pub(super) fn index(&self) -> usize {
        self.index
    }

    pub(super) fn hold(&mut self, exchange: Box<dyn Exchange>) {
        self.exchange = Some(exchange);
    }

    /// The whole answer of an exchange that has one.
    pub(super) async fn respond(mut self) -> Response {
        std::future::poll_fn(|context| self.poll_response(context)).await
    }

    fn poll_response(&mut self, context: &mut Context<'_>) -> Poll<Response> {
        loop {
            match self.step(context) {
                Stepped::Responded(response) => return Poll::Ready(response),
                Stepped::Said => {}
                Stepped::Ended => {
                    let problem = Problem::new(ErrorCode::Internal, "the answer broke off");
                    return Poll::Ready(Response::problem(&problem));
                }
                Stepped::Waits { until_ms } => {
                    if self.poll_until(until_ms, None, context).is_pending() {
                        return Poll::Pending;
                    }
                }
            }
        }
    }

    fn step(&mut self, context: &mut Context<'_>) -> Stepped {
        let mut worker = self.worker.borrow_mut();
        let Some(exchange) = self.exchange.as_mut() else { return Stepped::Ended };
        worker.core.on_turn(crate::worker::turn::now());
        let Some(news) = worker.tasks.exchanges.get_mut(&self.index) else { return Stepped::Ended };
        news.waker = Some(context.waker().clone());
        let changed = std::mem::take(&mut news.changed);
        let replies = std::mem::take(&mut news.replies);
        let draining = std::mem::take(&mut news.draining);
        for number in changed {
            exchange.on_changed(number);
        }
        for (number, reply) in replies {
            exchange.on_reply(number, reply);
        }
        let mut out = Vec::new();
        if draining {
            exchange.on_drain(&mut worker.core, &mut out);
        }
        let advance = exchange.advance(&mut worker.core, &mut out);
        let said = !out.is_empty();
        self.out.extend(out);
        match advance {
            Advance::Respond(response) => Stepped::Responded(response),
            Advance::End => {
                self.ended = true;
                if said { Stepped::Said } else { Stepped::Ended }
            }
            Advance::More => Stepped::Said,
            Advance::Wait { .. } if said => Stepped::Said,
            Advance::Wait { until_ms } => Stepped::Waits { until_ms },
        }
    }

    /// Ready when the worker's clock has come that far, or nothing was said for the heartbeat.
    fn poll_until(
        &mut self,
        until_ms: u64,
        heartbeat: Option<Duration>,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        let now_ms = self.worker.borrow().core.now_ms;
        let due = (until_ms != u64::MAX)
            .then(|| Instant::now() + Duration::from_millis(until_ms.saturating_sub(now_ms)));
        let silent = heartbeat.map(|heartbeat| self.spoke + heartbeat);
        let Some(at) = due.into_iter().chain(silent).min() else { return Poll::Pending };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if sleep.deadline() != at {
            sleep.as_mut().reset(at);
        }
        sleep.as_mut().poll(context)
    }
}

/// The events of a response that goes on.
impl Body for ExchangeTask {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        loop {
            if let Some(bytes) = self.out.pop_front() {
                self.spoke = Instant::now();
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            if self.ended {
                return Poll::Ready(None);
            }
            match self.step(context) {
                Stepped::Said => {}
                Stepped::Responded(_) | Stepped::Ended => self.ended = true,
                Stepped::Waits { until_ms } => {
                    let heartbeat = self.worker.borrow().core.settings.heartbeat;
                    if self.poll_until(until_ms, Some(heartbeat), context).is_pending() {
                        return Poll::Pending;
                    }
                    let mut out = Vec::new();
                    if heartbeat <= self.spoke.elapsed()
                        && let Some(exchange) = self.exchange.as_mut()
                    {
                        exchange.on_silence(&mut out);
                    }
                    self.out.extend(out);
                }
            }
        }
    }
}

impl Drop for ExchangeTask {
    fn drop(&mut self) {
        let mut worker = self.worker.borrow_mut();
        if let Some(exchange) = self.exchange.as_mut() {
            exchange.leave(&mut worker.core);
        }
        worker.tasks.exchanges.remove(&self.index);
    }
}

/// A body that is known.
pub(super) type Whole = Full<Bytes>;
