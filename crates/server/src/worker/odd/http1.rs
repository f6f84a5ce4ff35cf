//! HTTP/1 connections with hyper: for as long as odd requests come, one after the other.

use super::answer::{Answer, answer, whole};
use super::body::too_large;
use super::gate::{Admitted, Gate};
use super::gated::{Gated, Passage};
use super::rewound::Rewound;
use super::{ConnectionState, Shared};
use crate::story::End;
use crate::worker::parking::Whose;
use crate::worker::requests::narrow_bytes_max;
use http::{HeaderValue, header};
use hyper::body::{Body, Incoming};
use hyper::ext::ReasonPhrase;
use hyper::server::conn::http1::{self, Parts};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tidings_protocol::{Connection, ErrorCode, Problem, Response, Version, reason_phrase};
use tokio::time::Sleep;

/// How long a connection must be quiet before it goes back to a slot: parking after each odd request doubles its cost.
const QUIET: Duration = Duration::from_millis(500);

/// How hyper's time with a connection ends.
enum Served {
    /// It has said all there is, or the peer has gone.
    Ended,
    /// Nothing is open, and nobody has spoken for [`QUIET`] or what came is for the narrow front.
    Idle,
    /// The peer has taken nothing of its answer for the keep-alive timeout, or what it holds is needed.
    Stalled,
}

pub(super) async fn serve(worker: &Shared, socket: Rewound, whose: Whose) -> std::io::Result<()> {
    let state = ConnectionState::new(whose, socket.stream(), worker);
    let settings = Arc::clone(&worker.borrow().core.settings);
    let header_bytes_max = settings.max_header_bytes;
    state.is_served(worker);
    let io = Gated::new(socket, Gate::new(header_bytes_max, narrow_bytes_max(&settings)));
    let passage = io.passage();
    let service = {
        let (worker, state, passage) = (Rc::clone(worker), Rc::clone(&state), Rc::clone(&passage));
        service_fn(move |request| {
            // Now, not when the answer is asked for: it belongs to the head that was just read.
            let admitted = passage.take_admitted();
            let connection = (Rc::clone(&worker), Rc::clone(&state), Rc::clone(&passage));
            // Boxed, so that the connection may be moved out of its loop and taken apart.
            Box::pin(answer_as_the_narrow_front(connection, admitted, request))
        })
    };
    let mut builder = http1::Builder::new();
    // Time limits of heads are not hyper's: it gets none that is not whole.
    builder.half_close(true);
    // hyper refuses a buffer below 8 KiB, and a head may be as large as its buffer.
    builder.max_buf_size(header_bytes_max.max(8 << 10));
    let mut served = builder.serve_connection(TokioIo::new(io), service);
    let drain = Rc::clone(&worker.borrow().tasks.drain);
    let mut is_draining = worker.borrow().tasks.draining;
    if is_draining {
        Pin::new(&mut served).graceful_shutdown();
    }
    let mut timer = pin!(tokio::time::sleep(QUIET));
    let outcome = loop {
        let watched = poll_fn(|context| {
            // Not `poll_without_shutdown`: to a peer that has ended its direction it loses what is not yet flushed.
            if let Poll::Ready(ended) = Pin::new(&mut served).poll(context) {
                if let Err(error) = ended {
                    log::debug!("a connection broke off: {error}");
                }
                return Poll::Ready(Served::Ended);
            }
            // Only the poll above changes any of this, so nothing has to be asked again at an interval.
            poll_idle(&state, &passage, timer.as_mut(), settings.keep_alive_timeout, is_draining, context)
        });
        tokio::select! {
            // All arms only borrow: what is half done stays in the connection. The drain comes first, so that the
            // answer that it brings says that the connection closes.
            biased;
            () = drain.notified(), if !is_draining => is_draining = true,
            outcome = watched => break outcome,
            () = state.owing.ended() => break Served::Stalled,
        }
        Pin::new(&mut served).graceful_shutdown();
    };
    take_back(worker, &state, served.into_parts(), &outcome)
}

/// Ready when hyper need not, or shall not, have the connection any longer.
fn poll_idle(
    state: &ConnectionState,
    passage: &Passage,
    mut timer: Pin<&mut Sleep>,
    stall: Duration,
    is_draining: bool,
    context: &mut Context<'_>,
) -> Poll<Served> {
    if !passage.is_flushed() {
        // A follower that does not read is an offset that is behind, and may stay so; see `time_limits` of the worker.
        if state.streams.get() && 0 < state.owing.open_requests.get() {
            return Poll::Pending;
        }
        timer.as_mut().reset(passage.wrote() + stall);
        return timer.poll(context).map(|()| Served::Stalled);
    }
    let is_idle =
        state.owing.open_requests.get() == 0 && !state.unread.get() && passage.is_between_requests();
    if is_draining || !is_idle {
        return Poll::Pending;
    }
    if passage.has_stopped() {
        return Poll::Ready(Served::Idle);
    }
    timer.as_mut().reset(passage.used() + QUIET);
    timer.poll(context).map(|()| Served::Idle)
}

/// hyper is done: the connection goes back to the worker, or ends.
fn take_back<S>(
    worker: &Shared,
    state: &ConnectionState,
    parts: Parts<TokioIo<Gated>, S>,
    outcome: &Served,
) -> std::io::Result<()> {
    let io = parts.io.into_inner();
    let peer_is_over = io.is_over();
    let (stream, input) = io.into_parts();
    let channel = stream.into_channel()?;
    let mut worker = worker.borrow_mut();
    match (state.upgrade.borrow_mut().take(), outcome) {
        (_, Served::Stalled) => state.on_ended(End::TimedOut, &worker.core),
        (Some(first), _) => worker.park_upgraded(channel, state.whose(), input, first),
        (None, Served::Idle) => worker.park(channel, state.whose(), input),
        (None, Served::Ended) if peer_is_over => state.on_ended(End::Peer, &worker.core),
        (None, Served::Ended) => worker.park_last(channel, state.whose()),
    }
    // The loop may sleep, and the slot may have something to go on with.
    worker.poller.wake();
    Ok(())
}

/// An answer with the words and the `Connection` that the narrow front would write.
async fn answer_as_the_narrow_front(
    (worker, state, passage): (Shared, Rc<ConnectionState>, Rc<Passage>),
    admitted: Option<Admitted>,
    mut request: hyper::Request<Incoming>,
) -> Result<Answer, Infallible> {
    let admitted = admitted.expect("the gate lets no head through that it does not know");
    let bytes_max = worker.borrow().core.settings.max_message_bytes;
    let is_refused = admitted.expects_continue && (bytes_max as u64) < request.body().size_hint().lower();
    let mut response = if is_refused {
        // Told before the body is sent, which is what the client asked for.
        state.unread.set(true);
        whole(Response::problem(&too_large(bytes_max)))
    } else {
        request.extensions_mut().insert(admitted.clone());
        answer(Rc::clone(&worker), Rc::clone(&state), request).await?
    };
    if let Some(reason) = passage.broken() {
        response = whole(Response::problem(&Problem::new(ErrorCode::InvalidRequest, reason)));
    }
    // To HTTP/1.0 the end of the connection is the end of a body without a length.
    let ends_by_closing =
        admitted.version == Version::Http10 && response.body().size_hint().exact().is_none();
    let is_draining = worker.borrow().core.draining;
    let may_go_on = admitted.keep_alive && !state.unread.get() && !ends_by_closing && !is_draining;
    let connection = if may_go_on { Connection::KeepAlive } else { Connection::Close };
    word(&mut response, admitted.version, connection);
    Ok(response)
}

/// Sets what hyper would say in other words, or not at all.
fn word(response: &mut Answer, version: Version, connection: Connection) {
    let status = response.status();
    // The answer to an upgrade brings its own.
    let value = connection.header(status.as_u16(), version);
    if let Some(value) = value.filter(|_| !response.headers().contains_key(header::CONNECTION)) {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static(value));
    }
    if version == Version::Http10 && connection == Connection::Close {
        // Else hyper adds that it keeps the connection, if the request asked for that.
        *response.version_mut() = http::Version::HTTP_10;
    }
    let words = reason_phrase(status.as_u16());
    if status.canonical_reason() != Some(words) {
        response.extensions_mut().insert(ReasonPhrase::from_static(words.as_bytes()));
    }
}
