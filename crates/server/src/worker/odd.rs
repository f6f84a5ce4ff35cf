//! Odd requests: what the narrow front leaves to hyper, as ordinary local tasks beside the loop.
//!
//! HTTP/2, chunked and large bodies, `Expect`, methods that are rare. Of HTTP/1 hyper gets odd requests only, one at a
//! time, and no byte that our own parser has not read before it (`gate`). Answers come from the same exchanges as on a
//! parked connection.

mod alarm;
mod answer;
mod body;
mod body_room;
mod connect;
mod exchange_task;
mod gate;
mod gated;
mod http1;
mod http2;
mod owing;
mod rewound;
mod seat;
mod stream;
mod websocket_task;

use super::parking::Whose;
use super::slots::Channel;
use super::{Owner, Shared};
use crate::exchange::{Exchange, Opened, Told};
use crate::limits::{Caller, ConnectionShare};
use crate::peer::Peer;
use crate::request::Request;
use crate::story::{self, End, Story};
use crate::transport::websocket::FirstSubscription;
use crate::worker::core::Core;
use bytes::Bytes;
use gate::Admitted;
pub(super) use owing::{Debtor, Owed};
use owing::{Debtors, Owing};
use rewound::Rewound;
use seat::{Seat, TaskNews};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use stream::Stream;
use tidings_auth::ClientCertificate;
use tidings_engine::Reply;
use tidings_protocol::websocket::handshake::Handshake;
use tidings_protocol::{HTTP2_PREFACE, Response};
use tokio::sync::Notify;
use tokio::time::Instant;

/// A connection that hyper is to have, with what was read from it.
pub(super) struct HandedOver {
    pub(super) channel: Channel,
    pub(super) input: Bytes,
    pub(super) whose: Whose,
}

/// The exchanges and connections that tasks hold.
#[derive(Default)]
pub(super) struct Tasks {
    exchanges: BTreeMap<usize, TaskNews>,
    /// No index is used twice: a reply that comes late must not reach a stranger.
    next_exchange: usize,
    /// Connections with hyper.
    pub(super) connections: usize,
    drain: Rc<Notify>,
    draining: bool,
    debtors: Debtors,
}

impl Tasks {
    /// Whether hyper has no connection, and no task an exchange.
    pub(super) fn is_empty(&self) -> bool {
        self.connections == 0 && self.exchanges.is_empty()
    }

    /// Connections that hold memory for peers that don't take what they were told, or send slowly, and how much.
    pub(super) fn debtors(&self) -> Vec<(usize, Debtor)> {
        self.debtors.all()
    }

    /// Those that hold what their peers don't take, and how much of it.
    pub(super) fn unsent(&self) -> Vec<(usize, Debtor)> {
        self.debtors.unsent()
    }

    /// A place for the news of one exchange.
    fn insert_exchange(&mut self, news: TaskNews) -> usize {
        let index = self.next_exchange;
        self.next_exchange += 1;
        self.exchanges.insert(index, news);
        index
    }

    /// Whoever stands at that place and behind it.
    pub(super) fn owners_from(&self, place: u64) -> impl Iterator<Item = Owner> {
        let first = Owner(place).task().unwrap_or(0);
        self.exchanges.range(first..).map(|(index, _)| Owner::of_task(*index))
    }

    /// Who has made the connection of a task.
    pub(super) fn peer(&self, task: usize) -> Option<Peer> {
        self.exchanges.get(&task).map(TaskNews::peer)
    }

    /// Looks at the exchange of a task, while none is stepped.
    pub(super) fn look_at<T>(&self, task: usize, look: impl FnOnce(&dyn Exchange) -> T) -> Option<T> {
        self.exchanges.get(&task)?.look_at(look)
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

    /// What others have answered.
    pub(super) fn tell(&mut self, task: usize, told: Told) {
        if let Some(news) = self.exchanges.get_mut(&task) {
            news.told.push(told);
        }
    }

    /// Tells all of them within which time to come back, should the server be lost.
    pub(super) fn tell_window(&mut self) {
        for news in self.exchanges.values_mut() {
            news.window = true;
            news.wake();
        }
    }

    /// Tells all of them that who may do what has changed.
    pub(super) fn on_access_changed(&mut self) {
        for news in self.exchanges.values_mut() {
            news.access_changed = true;
            news.wake();
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
    /// Since when there is none.
    idle_since: Cell<Instant>,
    /// A request's body was not read to its end: what follows on the connection can't be told apart from it.
    unread: Cell<bool>,
    /// The last answer was one that goes on for as long as its stream.
    streams: Cell<bool>,
    /// The connection belongs to a WebSocket as soon as the answer is written.
    upgrade: RefCell<Option<FirstSubscription>>,
    /// Who has made it.
    peer: Peer,
    /// The certificate that it was shown, if that is somebody's.
    certificate: Option<Arc<ClientCertificate>>,
    /// What it counts for.
    share: Cell<Option<Box<ConnectionShare>>>,
    /// What it has done, where somebody wants to know.
    story: RefCell<Option<Box<Story>>>,
    owing: Rc<Owing>,
}

impl ConnectionState {
    fn new((caller, story): Whose, stream: &Stream, worker: &Shared) -> Rc<ConnectionState> {
        Rc::new(ConnectionState {
            idle_since: Cell::new(Instant::now()),
            unread: Cell::new(false),
            streams: Cell::new(false),
            upgrade: RefCell::new(None),
            peer: caller.peer,
            certificate: stream.certificate(),
            share: Cell::new(caller.share),
            story: RefCell::new(story),
            owing: Rc::new(Owing::new(worker.borrow().core.owed.clone())),
        })
    }

    /// It may be ended for what it holds from here on.
    fn is_served(&self, worker: &Shared) {
        worker.borrow().tasks.debtors.add(&self.owing);
    }

    /// What goes with the connection, which leaves hyper.
    fn whose(&self) -> Whose {
        (Caller { peer: self.peer, share: self.share.take() }, self.story.take())
    }

    /// A step was taken for it.
    fn tell(&self, core: &mut Core) {
        if core.notes.is_on {
            story::tell(self.story.borrow_mut().as_deref_mut(), &mut core.notes);
        }
    }

    /// It ends here.
    fn on_ended(&self, end: End, core: &Core) {
        if let Some(story) = self.story.take() {
            story.tell(end, core.now_ms);
        }
    }
}

/// One request, from its head to the end of its answer: for as long, the connection stays with hyper.
struct OpenRequest(Rc<ConnectionState>);

impl OpenRequest {
    fn of(state: &Rc<ConnectionState>) -> OpenRequest {
        let open = &state.owing.open_requests;
        open.set(open.get() + 1);
        OpenRequest(Rc::clone(state))
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        let open = &self.0.owing.open_requests;
        open.set(open.get() - 1);
        self.0.idle_since.set(Instant::now());
    }
}

async fn serve(worker: &Shared, connection: HandedOver) -> std::io::Result<()> {
    let HandedOver { channel, input, whose } = connection;
    let stream = Stream::new(channel, Rc::clone(&worker.borrow().pace))?;
    if input.starts_with(HTTP2_PREFACE) {
        return http2::serve(worker, (stream, whose), input).await;
    }
    // hyper gives up what it can't flush before an upgrade; of a fresh socket tokio does not know yet that it can.
    stream.writable().await?;
    http1::serve(worker, Rewound::new(stream, input), whose).await
}

/// What becomes of a request that hyper has read.
fn open(worker: &Shared, seat: &Seat, parts: &http::request::Parts, body: Bytes) -> Opened {
    let mut worker = worker.borrow_mut();
    worker.core.on_turn(super::turn::now());
    let peer = seat.connection().peer.of_request(&parts.headers, &worker.core.settings);
    let owner = Owner::of_task(seat.index());
    let certificate = seat.connection().certificate.clone();
    let request = Request { certificate, ..request_of(parts, body, owner, peer) };
    let opened = crate::request::open(&request, &mut worker.core);
    seat.connection().tell(&mut worker.core);
    opened
}

/// Refuses a request by its head, before its body is read.
fn admit(worker: &Shared, state: &ConnectionState, parts: &http::request::Parts) -> Option<Response> {
    let mut worker = worker.borrow_mut();
    worker.core.on_turn(super::turn::now());
    let peer = state.peer.of_request(&parts.headers, &worker.core.settings);
    // It is answered at once or not here, so it needs no place of its own.
    let certificate = state.certificate.clone();
    let request = Request { certificate, ..request_of(parts, Bytes::new(), Owner::of_task(0), peer) };
    crate::request::admit(&request, &mut worker.core)
}

fn request_of(
    parts: &http::request::Parts,
    body: Bytes,
    owner: Owner,
    peer: Peer,
) -> Request<'_, http::HeaderMap> {
    // Of HTTP/1 our own parser has said it.
    let (target, websocket) = match parts.extensions.get::<Admitted>() {
        Some(admitted) => (&*admitted.target, admitted.upgrades.then_some(Handshake::Upgrade)),
        None => (parts.uri.path_and_query().map_or("", |target| target.as_str()), handshake(parts)),
    };
    // What an extended CONNECT asks for is what a GET with an upgrade asks for (RFC 8441, section 5).
    let method = if websocket == Some(Handshake::Connect) { "GET" } else { parts.method.as_str() };
    Request {
        method: tidings_protocol::Method::parse(method),
        target,
        headers: &parts.headers,
        authority: parts.uri.authority().map(http::uri::Authority::as_str),
        body,
        websocket,
        chunked: false,
        owner,
        peer,
        certificate: None,
    }
}

/// How a request of HTTP/2 asks for a WebSocket, if it does.
fn handshake(parts: &http::request::Parts) -> Option<Handshake> {
    let protocol = parts.extensions.get::<hyper::ext::Protocol>();
    let connects = parts.method == http::Method::CONNECT;
    protocol.filter(|it| connects && it.as_str() == "websocket").map(|_| Handshake::Connect)
}
