//! One request of hyper's, from its head to its answer.

use super::body::{Collected, collect};
use super::body_room::BodyRoom;
use super::connect::connect;
use super::exchange_task::{ExchangeTask, Whole};
use super::seat::Seat;
use super::{ConnectionState, OpenRequest, Shared, admit, open};
use crate::exchange::Opened;
use http_body_util::Either;
use hyper::body::{Body, Incoming};
use std::convert::Infallible;
use std::rc::Rc;
use tidings_protocol::{ErrorCode, Problem, Response};

/// What hyper writes: a body that is known, or events.
pub(super) type Answer = hyper::Response<Either<Whole, ExchangeTask>>;

/// To look through a body that is larger takes long enough for others to notice.
const LONG_BODY_BYTES: usize = 64 << 10;

pub(super) async fn answer(
    worker: Shared,
    state: Rc<ConnectionState>,
    request: hyper::Request<Incoming>,
) -> Result<Answer, Infallible> {
    let open_request = OpenRequest::of(&state);
    if request.method() == http::Method::CONNECT {
        return Ok(connect(&worker, open_request, request).await);
    }
    let (parts, body) = request.into_parts();
    if let Some(refusal) = admit(&worker, &state, &parts) {
        // Before the body is read, or asked for by a 100: whoever may not ask takes no room of those who may.
        state.unread.set(!body.is_end_stream());
        return Ok(whole(refusal));
    }
    let (bytes_max, time_max) = {
        let settings = &worker.borrow().core.settings;
        (settings.max_message_bytes, settings.request_timeout)
    };
    // Until the answer: a body that waits to be stored is still here.
    let mut room = BodyRoom::new(&worker);
    let reading = state.owing.on_body();
    let collected = collect(body, bytes_max, time_max, &mut room).await;
    drop(reading);
    let body = match collected {
        Collected::Whole(body) => body,
        Collected::Refused(problem) => return Ok(whole(Response::problem(&problem))),
        Collected::Unread(problem) => {
            state.unread.set(true);
            return Ok(whole(Response::problem(&problem)));
        }
    };
    if LONG_BODY_BYTES < body.len() {
        let pace = Rc::clone(&worker.borrow().pace);
        pace.alone().await;
    }
    let seat = Seat::new(&worker, open_request);
    let opened = open(&worker, &seat, &parts, body);
    let (opened, seat) = settled(opened, seat).await;
    Ok(match opened {
        Opened::Response(response) => said(&state, response),
        Opened::Held(_) => {
            whole(Response::problem(&Problem::new(ErrorCode::Internal, "it is held for ever")))
        }
        Opened::Stream(head, exchange) => {
            let task = ExchangeTask::new(seat, exchange);
            state.streams.set(true);
            head.into_http().map(|_no_body| Either::Right(task))
        }
        Opened::Upgrade(head, first) => {
            *state.upgrade.borrow_mut() = Some(first);
            whole(head)
        }
    })
}

/// What a request becomes that is held, until it is held no longer.
pub(super) async fn settled(mut opened: Opened, mut seat: Seat) -> (Opened, Seat) {
    while let Opened::Held(exchange) = opened {
        (opened, seat) = ExchangeTask::new(seat, exchange).respond().await;
    }
    (opened, seat)
}

/// An answer that may be large: hyper holds it until the peer takes it.
fn said(state: &ConnectionState, mut response: Response) -> Answer {
    response.body = state.owing.owed(response.body);
    whole(response)
}

pub(super) fn whole(response: Response) -> Answer {
    response.into_http().map(|body| Either::Left(Whole::new(body)))
}
