//! Odd requests: what the narrow front leaves to hyper, as ordinary local tasks beside the loop.
//!
//! HTTP/2, chunked and large bodies, `Expect`, methods that are rare. Of HTTP/1 hyper gets odd requests only, one at a
//! time, and no byte that our own parser has not read before it (`gate`). Answers come from the same exchanges as on a
//! parked connection.

mod answer;
mod body;
mod exchange_task;
mod gate;
mod gated;
mod http1;
mod rewound;

use super::{Owner, Shared};
use crate::exchange::Opened;
use crate::transport::websocket::FirstSubscription;
use answer::answer;
use bytes::Bytes;
use exchange_task::TaskNews;
use gate::Admitted;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rewound::Rewound;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::net::TcpStream;
use std::pin::pin;
use std::rc::Rc;
use tidings_engine::Reply;
use tidings_protocol::HTTP2_PREFACE;
use tokio::sync::Notify;

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
#[derive(Default)]
pub(super) struct ConnectionState {
    /// Requests whose answers are not yet complete.
    open: Cell<usize>,
    /// A request's body was not read to its end: what follows on the connection can't be told apart from it.
    unread: Cell<bool>,
    /// The last answer was one that goes on for as long as its stream.
    streams: Cell<bool>,
    /// The connection belongs to a WebSocket as soon as the answer is written.
    upgrade: RefCell<Option<FirstSubscription>>,
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
    }
}

async fn serve(worker: &Shared, connection: HandedOver) -> std::io::Result<()> {
    let HandedOver { socket, input } = connection;
    let is_http2 = input.starts_with(HTTP2_PREFACE);
    let socket = tokio::net::TcpStream::from_std(socket)?;
    // hyper gives up what it can't flush before an upgrade; of a fresh socket tokio does not know yet that it can.
    socket.writable().await?;
    let socket = Rewound::new(socket, input);
    if is_http2 {
        serve_http2(worker, TokioIo::new(socket)).await
    } else {
        http1::serve(worker, socket).await
    }
}

async fn serve_http2(worker: &Shared, io: TokioIo<Rewound>) -> std::io::Result<()> {
    let state = Rc::new(ConnectionState::default());
    // Boxed, so that the connection may be moved out of its loop and taken apart.
    let service = service_fn(|request| Box::pin(answer(Rc::clone(worker), Rc::clone(&state), request)));
    let heartbeat = worker.borrow().core.settings.heartbeat;
    let mut builder = http2::Builder::new(LocalTasks);
    builder.timer(TokioTimer::new()).keep_alive_interval(heartbeat).keep_alive_timeout(heartbeat * 3 / 2);
    let mut served = pin!(builder.serve_connection(io, service));
    let drain = Rc::clone(&worker.borrow().tasks.drain);
    if worker.borrow().tasks.draining {
        served.as_mut().graceful_shutdown();
    }
    tokio::select! {
        // Both arms only borrow: what is half done stays in the connection.
        ended = served.as_mut() => return ended.map_err(std::io::Error::other),
        () = drain.notified() => served.as_mut().graceful_shutdown(),
    }
    served.await.map_err(std::io::Error::other)
}

/// What becomes of a request that hyper has read.
fn open(worker: &Shared, index: usize, parts: &http::request::Parts, body: Bytes) -> Opened {
    let mut worker = worker.borrow_mut();
    worker.core.on_turn(super::turn::now());
    // Of HTTP/1 our own parser has said it.
    let (target, upgrades) = match parts.extensions.get::<Admitted>() {
        Some(admitted) => (&*admitted.target, admitted.upgrades),
        None => (parts.uri.path_and_query().map_or("", |target| target.as_str()), false),
    };
    let request = crate::request::Request {
        method: tidings_protocol::Method::parse(parts.method.as_str()),
        target,
        headers: &parts.headers,
        body,
        upgrades,
        chunked: false,
        owner: Owner::of_task(index),
    };
    crate::request::open(&request, &mut worker.core)
}

/// Runs the tasks of HTTP/2 connections on the worker's own thread.
#[derive(Clone, Copy)]
struct LocalTasks;

impl<F: Future<Output: 'static> + 'static> hyper::rt::Executor<F> for LocalTasks {
    fn execute(&self, task: F) {
        tokio::task::spawn_local(task);
    }
}
