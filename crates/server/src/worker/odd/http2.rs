//! A connection of HTTP/2: many requests at a time, each a task of its own, until nobody needs it.

use super::answer::answer;
use super::rewound::{Quiet, Rewound};
use super::stream::Stream;
use super::{ConnectionState, Shared};
use crate::story::End;
use crate::worker::parking::Whose;
use bytes::Bytes;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::future::Future;
use std::io::{Error, ErrorKind, Result};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::Instant;

/// What may arrive on one stream before it is read: a WebSocket that does not take what it is sent is not read from.
const STREAM_WINDOW_BYTES: u32 = 64 << 10;

/// What may arrive on all streams of a connection before it is read. Four that are stalled do not stop the others.
const CONNECTION_WINDOW_BYTES: u32 = 5 * STREAM_WINDOW_BYTES;

/// What is kept of one stream for a peer that does not read.
const SEND_BUFFER_BYTES: usize = 64 << 10;

/// Serves the connection to its end. Its preface is in `input`, whole: hyper waits for nothing that a peer may withhold.
pub(super) async fn serve(worker: &Shared, (stream, whose): (Stream, Whose), input: Bytes) -> Result<()> {
    let state = ConnectionState::new(whose, &stream, worker);
    let served = serve_requests(worker, &state, Rewound::new(stream, input)).await;
    let worker = worker.borrow();
    let end = match &served {
        Ok(()) if worker.core.draining => End::Drained,
        Ok(()) => End::Peer,
        Err(error) if error.kind() == ErrorKind::TimedOut => End::TimedOut,
        Err(_) => End::Broken,
    };
    state.on_ended(end, &worker.core);
    served
}

async fn serve_requests(worker: &Shared, state: &Rc<ConnectionState>, rewound: Rewound) -> Result<()> {
    let limits = Limits::of(worker);
    let quiet = rewound.quiet();
    state.is_served(worker);
    let service = service_fn(|request| Box::pin(answer(Rc::clone(worker), Rc::clone(state), request)));
    let mut served = pin!(limits.builder().serve_connection(TokioIo::new(rewound), service));
    let drain = Rc::clone(&worker.borrow().tasks.drain);
    let mut is_leaving = worker.borrow().tasks.draining;
    if is_leaving {
        served.as_mut().graceful_shutdown();
    }
    loop {
        let now = Instant::now();
        if limits.unheard_at(&quiet) <= now {
            // hyper has given it up before; but it waits for a peer that takes nothing to take that.
            return Err(ErrorKind::TimedOut.into());
        }
        if !is_leaving && limits.idle_at(state).is_some_and(|at| at <= now) {
            is_leaving = true;
            served.as_mut().graceful_shutdown();
        }
        let idle_at = if is_leaving { None } else { limits.idle_at(state) };
        let look_again_at = idle_at.into_iter().fold(limits.unheard_at(&quiet), Instant::min);
        tokio::select! {
            // All arms only borrow: what is half done stays in the connection.
            ended = served.as_mut() => return ended.map_err(Error::other),
            () = drain.notified(), if !is_leaving => {
                is_leaving = true;
                served.as_mut().graceful_shutdown();
            }
            () = tokio::time::sleep_until(look_again_at) => {}
            // A peer that takes nothing can't be told anything either.
            () = state.owing.ended() => return Err(ErrorKind::OutOfMemory.into()),
        }
    }
}

/// What the settings say of such connections.
struct Limits {
    heartbeat: Duration,
    keep_alive_timeout: Duration,
    streams_max: usize,
    header_bytes_max: usize,
}

impl Limits {
    fn of(worker: &Shared) -> Limits {
        let settings = &worker.borrow().core.settings;
        Limits {
            heartbeat: settings.heartbeat,
            keep_alive_timeout: settings.keep_alive_timeout,
            streams_max: settings.max_http2_streams,
            header_bytes_max: settings.max_header_bytes,
        }
    }

    fn builder(&self) -> http2::Builder<LocalTasks> {
        let mut builder = http2::Builder::new(LocalTasks);
        builder.timer(TokioTimer::new());
        builder.keep_alive_interval(self.heartbeat).keep_alive_timeout(self.heartbeat * 3 / 2);
        builder.enable_connect_protocol();
        builder.initial_stream_window_size(STREAM_WINDOW_BYTES);
        builder.initial_connection_window_size(CONNECTION_WINDOW_BYTES);
        builder.max_send_buf_size(SEND_BUFFER_BYTES);
        builder.max_concurrent_streams(u32::try_from(self.streams_max).unwrap_or(u32::MAX));
        builder.max_header_list_size(u32::try_from(self.header_bytes_max).unwrap_or(u32::MAX));
        builder
    }

    /// When the connection is closed for want of requests; never while one is open.
    fn idle_at(&self, state: &ConnectionState) -> Option<Instant> {
        (state.owing.open_requests.get() == 0).then(|| state.idle_since.get() + self.keep_alive_timeout)
    }

    /// When a peer that has not even answered pings is dropped: a heartbeat later than hyper closes it.
    fn unheard_at(&self, quiet: &Quiet) -> Instant {
        quiet.heard() + self.heartbeat * 7 / 2
    }
}

/// Runs the tasks of HTTP/2 connections on the worker's own thread.
#[derive(Clone, Copy)]
struct LocalTasks;

impl<F: Future<Output: 'static> + 'static> hyper::rt::Executor<F> for LocalTasks {
    fn execute(&self, task: F) {
        tokio::task::spawn_local(task);
    }
}
