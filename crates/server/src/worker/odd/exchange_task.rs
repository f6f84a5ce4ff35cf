//! An exchange that a task of hyper drives: the same state machine as in a slot, woken by a waker.

use super::alarm::Alarm;
use super::seat::Seat;
use crate::exchange::{Advance, Exchange, Opened};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tidings_protocol::{ErrorCode, Problem, Response};
use tokio::time::Instant;

/// The exchange, and what it has said that hyper has not taken yet.
pub(super) struct ExchangeTask {
    seat: Seat,
    out: VecDeque<Bytes>,
    alarm: Alarm,
    spoke: Instant,
    ended: bool,
}

/// What a step of an exchange came to.
enum Stepped {
    Said,
    Responded(Response),
    Became(Box<Opened>),
    Waits { until_ms: u64 },
    Ended,
}

impl ExchangeTask {
    pub(super) fn new(mut seat: Seat, exchange: Box<dyn Exchange>) -> ExchangeTask {
        seat.hold(exchange);
        let spoke = Instant::now();
        ExchangeTask { seat, out: VecDeque::new(), alarm: Alarm::default(), spoke, ended: false }
    }

    /// The whole answer of an exchange that has one, or what it has become, and its place.
    pub(super) async fn respond(mut self) -> (Opened, Seat) {
        let opened = std::future::poll_fn(|context| self.poll_response(context)).await;
        self.seat.release();
        (opened, self.seat)
    }

    fn poll_response(&mut self, context: &mut Context<'_>) -> Poll<Opened> {
        loop {
            match self.step(context) {
                Stepped::Responded(response) => return Poll::Ready(Opened::Response(response)),
                Stepped::Became(opened) => return Poll::Ready(*opened),
                Stepped::Said => {}
                Stepped::Ended => {
                    let problem = Problem::new(ErrorCode::Internal, "the answer broke off");
                    return Poll::Ready(problem.into());
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
        let mut out = Vec::new();
        let advance = self.seat.step(context, &mut out);
        let said = !out.is_empty();
        self.out.extend(self.seat.said(out));
        match advance {
            Advance::Respond(response) => Stepped::Responded(response),
            Advance::Become(opened) => Stepped::Became(opened),
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
        let now_ms = self.seat.worker().borrow().core.now_ms;
        let due = (until_ms != u64::MAX)
            .then(|| Instant::now() + Duration::from_millis(until_ms.saturating_sub(now_ms)));
        let silent = heartbeat.map(|heartbeat| self.spoke + heartbeat);
        let Some(at) = due.into_iter().chain(silent).min() else { return Poll::Pending };
        self.alarm.poll_at(at, context)
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
                Stepped::Responded(_) | Stepped::Became(_) | Stepped::Ended => self.ended = true,
                Stepped::Waits { until_ms } => {
                    let heartbeat = self.seat.worker().borrow().core.settings.heartbeat;
                    if self.poll_until(until_ms, Some(heartbeat), context).is_pending() {
                        return Poll::Pending;
                    }
                    let mut out = Vec::new();
                    if heartbeat <= self.spoke.elapsed() {
                        self.seat.tell(|exchange, _core| exchange.on_silence(&mut out));
                    }
                    self.out.extend(out);
                }
            }
        }
    }
}

/// A body that is known.
pub(super) type Whole = Full<Bytes>;
