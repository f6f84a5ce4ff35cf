//! Odd requests: what the narrow front leaves to hyper, as ordinary local tasks beside the loop.
//!
//! HTTP/2, chunked and large bodies, `Expect`, methods that are rare. hyper knows every route, since a request that
//! is pipelined behind an odd one is in its buffer. Answers come from the same exchanges as on a parked connection.

mod alarm;
mod answer;
mod body;
mod body_room;
mod connect;
mod exchange_task;
mod http2;
mod rewound;
mod seat;
mod websocket_task;

use super::{Owner, Shared};
use crate::exchange::Opened;
use crate::transport::websocket::FirstSubscription;
use answer::answer;
use bytes::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rewound::Rewound;
use seat::TaskNews;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::net::TcpStream;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;
use tidings_engine::Reply;
use tidings_protocol::websocket::handshake::{Handshake, asks_for_websocket};
use tokio::sync::Notify;
use tokio::time::Instant;

/// A connection that hyper is to have, with what was read from it.
pub(super) struct HandedOver {
    pub(super) socket: TcpStream,
    pub(super) input: Bytes,
}

/// The exchanges and connections that tasks hold.
#[derive(Default)]
pub(super) struct Tasks {
    exchanges: HashMap<usize, TaskNews>,
    /// No index is used twice: a reply that comes late must not reach a stranger.
    next_exchange: usize,
    /// Connections with hyper.
    pub(super) connections: usize,
    drain: Rc<Notify>,
    draining: bool,
}

impl Tasks {
    /// A place for the news of one exchange.
    fn insert_exchange(&mut self) -> usize {
        let index = self.next_exchange;
        self.next_exchange += 1;
        self.exchanges.insert(index, TaskNews::default());
        index
    }

    pub(super) fn wake(&mut self, task: usize) {
        if let Some(news) = self.exchanges.get_mut(&task) {
            news.wake();
        }
    }

    pub(super) fn on_changed(&mut self, task: usize, number: u32) {
        if let Some(news) = self.exchanges.get_mut(&task) {
            news.on_changed(number);
        }
    }

    pub(super) fn on_reply(&mut self, task: usize, number: u32, reply: Reply) {
        if let Some(news) = self.exchanges.get_mut(&task) {
            news.replies.push((number, reply));
        }
    }

    /// Tells all of them that the server is about to end.
    pub(super) fn drain(&mut self) {
        self.draining = true;
        self.drain.notify_waiters();
        for news in self.exchanges.values_mut() {
            news.draining = true;
            news.wake();
        }
    }
}

/// Starts a task for each connection that a turn handed over.
pub(super) fn start_tasks(worker: &Shared) {
    let handed_over = {
        let mut worker = worker.borrow_mut();
        let handed_over = std::mem::take(&mut worker.handed_over);
        worker.tasks.connections += handed_over.len();
        handed_over
    };
    for connection in handed_over {
        let worker = Rc::clone(worker);
        tokio::task::spawn_local(async move {
            // A connection that ends in an error has ended all the same; whoever had it comes back by its offset.
            let _ended = serve(&worker, connection).await;
            worker.borrow_mut().tasks.connections -= 1;
        });
    }
}

/// What is known of a connection that hyper has.
pub(super) struct ConnectionState {
    /// Requests whose answers are not yet complete.
    open: Cell<usize>,
    /// Since when there is none.
    idle_since: Cell<Instant>,
    /// A request's body was not read to its end: what follows on the connection can't be told apart from it.
    unread: Cell<bool>,
    /// The connection belongs to a WebSocket as soon as the answer is written.
    upgrade: RefCell<Option<FirstSubscription>>,
}

impl ConnectionState {
    fn new() -> Rc<ConnectionState> {
        Rc::new(ConnectionState {
            open: Cell::new(0),
            idle_since: Cell::new(Instant::now()),
            unread: Cell::new(false),
            upgrade: RefCell::new(None),
        })
    }
}

/// One request, from its head to the end of its answer: for as long, the connection stays with hyper.
struct OpenRequest(Rc<ConnectionState>);

impl OpenRequest {
    fn of(state: &Rc<ConnectionState>) -> OpenRequest {
        state.open.set(state.open.get() + 1);
        OpenRequest(Rc::clone(state))
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get() - 1);
        self.0.idle_since.set(Instant::now());
    }
}

async fn serve(worker: &Shared, connection: HandedOver) -> std::io::Result<()> {
    let HandedOver { socket, input } = connection;
    let socket = tokio::net::TcpStream::from_std(socket)?;
    if input.starts_with(b"PRI") {
        return http2::serve(worker, socket, input).await;
    }
    // hyper gives up what it can't flush before an upgrade; of a fresh socket tokio does not know yet that it can.
    socket.writable().await?;
    let io = TokioIo::new(Rewound::new(socket, input));
    serve_http1(worker, io).await
}

/// How long a connection must be quiet before it goes back to a slot: parking after each odd request doubles its cost.
const QUIET: Duration = Duration::from_millis(500);

async fn serve_http1(worker: &Shared, io: TokioIo<Rewound>) -> std::io::Result<()> {
    let state = ConnectionState::new();
    // Boxed, so that the connection may be moved out of its loop and taken apart.
    let service = service_fn(|request| Box::pin(answer(Rc::clone(worker), Rc::clone(&state), request)));
    let mut builder = http1::Builder::new();
    let (request_timeout, header_bytes_max) = {
        let settings = &worker.borrow().core.settings;
        (settings.request_timeout, settings.max_header_bytes)
    };
    // hyper refuses a buffer below 8 KiB, and a head may be as large as its buffer.
    builder.half_close(true).timer(TokioTimer::new()).header_read_timeout(request_timeout);
    builder.max_buf_size(header_bytes_max.max(8 << 10));
    let quiet = io.inner().quiet();
    let mut served = builder.serve_connection(io, service);
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
            let is_idle = state.open.get() == 0 && !state.unread.get() && quiet.is_flushed();
            if is_draining || !is_idle {
                return Poll::Pending;
            }
            timer.as_mut().reset(quiet.used() + QUIET);
            timer.as_mut().poll(context).map(|()| Served::Quiet)
        });
        tokio::select! {
            // Both arms only borrow: what is half done stays in the connection. The drain comes first, so that the
            // answer that it brings says that the connection closes.
            biased;
            () = drain.notified(), if !is_draining => is_draining = true,
            outcome = watched => break outcome,
        }
        Pin::new(&mut served).graceful_shutdown();
    };
    let parts = served.into_parts();
    let peer_is_over = parts.io.inner().is_over();
    let (socket, unread) = parts.io.into_inner().into_parts();
    let socket = socket.into_std()?;
    let mut input = parts.read_buf.to_vec();
    input.extend_from_slice(&unread);
    let mut worker = worker.borrow_mut();
    match (state.upgrade.borrow_mut().take(), outcome) {
        (Some(first), _) => worker.park_upgraded(socket, input, first),
        (None, Served::Quiet) => worker.park(socket, input),
        (None, Served::Ended) if peer_is_over => {}
        (None, Served::Ended) => worker.park_last(socket),
    }
    // The loop may sleep, and the slot may have something to go on with.
    worker.poller.wake();
    Ok(())
}

/// How hyper's time with a connection ends.
enum Served {
    /// It has said all there is, or what came was no HTTP.
    Ended,
    /// Nothing is open and nobody has spoken for [`QUIET`].
    Quiet,
}

/// What becomes of a request that hyper has read.
fn open(worker: &Shared, index: usize, parts: &http::request::Parts, body: Bytes) -> Opened {
    let mut worker = worker.borrow_mut();
    worker.core.on_turn(super::turn::now());
    let websocket = handshake(parts);
    // What an extended CONNECT asks for is what a GET with an upgrade asks for (RFC 8441, section 5).
    let method = if websocket == Some(Handshake::Connect) { "GET" } else { parts.method.as_str() };
    let request = crate::request::Request {
        method: tidings_protocol::Method::parse(method),
        target: parts.uri.path_and_query().map_or("", |target| target.as_str()),
        headers: &parts.headers,
        body,
        websocket,
        chunked: false,
        owner: Owner::of_task(index),
    };
    crate::request::open(&request, &mut worker.core)
}

/// How a request asks for a WebSocket, if it does.
fn handshake(parts: &http::request::Parts) -> Option<Handshake> {
    if parts.method == http::Method::CONNECT {
        let protocol = parts.extensions.get::<hyper::ext::Protocol>();
        return protocol.filter(|it| it.as_str() == "websocket").map(|_| Handshake::Connect);
    }
    let upgrades = parts.version != http::Version::HTTP_2 && asks_for_websocket(&parts.headers);
    upgrades.then_some(Handshake::Upgrade)
}
