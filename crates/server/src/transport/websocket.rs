//! WebSocket: reads, waits and repeats, for any number of streams, and publishes, over one connection.
//!
//! This file has the connection: the handshake, frames, pings, and the closing handshake from either side. What the
//! messages mean is the `session`'s business; the test listener's `echo` only sends them back.

mod counted;
mod echo;
mod identity;
mod pending;
mod publishing;
mod session;

use crate::about::About;
use crate::authorise::Principal;
use crate::cross_origin::Caller;
use crate::decision::Verdict;
use crate::decision::question::Question;
use crate::exchange::{Advance, Exchange, Opened};
use crate::limits::Client;
use crate::peer::Peer;
use crate::request::Request;
use crate::settings::Settings;
use crate::worker::core::Core;
use crate::worker::followers::Owner;
use bytes::Bytes;
use counted::Counted;
use echo::Echo;
use session::Session;
use std::sync::Arc;
use tidings_engine::Reply;
use tidings_model::{Pattern, Start, StreamName};
use tidings_protocol::websocket::assembler::{Assembler, Message, Rules};
use tidings_protocol::websocket::close_code::CloseCode;
use tidings_protocol::websocket::deflate::{Agreement, Window};
use tidings_protocol::websocket::frame::{Fin, Opcode, write_close, write_frame};
use tidings_protocol::websocket::handshake::Accept;
use tidings_protocol::websocket::input::Input;
use tidings_protocol::websocket::{Compression, Role, Violation};
use tidings_protocol::{HeaderValue, Headers, Problem, Response};

/// What a WebSocket begins with.
pub(crate) struct FirstSubscription {
    subscription: Option<(StreamName, Start)>,
    deflate: Option<Agreement>,
    /// Who has asked for it.
    peer: Peer,
    principal: Principal,
    /// Why the token is not believed that came with it.
    refused: Option<Box<Problem>>,
    /// The streams that the page may use which opened it; `None` for all.
    within: Option<Arc<[Pattern]>>,
}

impl FirstSubscription {
    /// As somebody asks for it whose token may not be believed, from a page that the caller is.
    pub(crate) fn new(
        subscription: Option<(StreamName, Start)>,
        (principal, refused): (Principal, Option<Box<Problem>>),
        peer: Peer,
        caller: &Caller,
    ) -> FirstSubscription {
        let within = caller.within.clone();
        FirstSubscription { subscription, deflate: None, principal, refused, peer, within }
    }

    /// Who has asked for it.
    pub(crate) fn peer(&self) -> Peer {
        self.peer
    }
}

/// Checks a handshake, over HTTP/1.1 or HTTP/2, and agrees on its terms.
pub(crate) fn accept<H: Headers + ?Sized>(
    request: &Request<'_, H>,
    core: &mut Core,
) -> Result<Accept, Problem> {
    let Some(handshake) = request.websocket else { return Err(Problem::upgrade_required()) };
    if core.draining {
        return Err(core.refuse_draining());
    }
    if !core.echoes {
        core.admit_follower()?;
    }
    let deflate = core.settings.websocket_compression.then(|| Agreement::choose(request.headers)).flatten();
    Ok(Accept::check_as(handshake, request.headers)?.with_deflate(deflate))
}

/// Grants the WebSocket. Whether the stream can be followed is told in a frame: browsers hide a refused upgrade.
pub(crate) fn open(accept: &Accept, first: FirstSubscription) -> Opened {
    let fields = accept.fields().map(|(name, value)| (name, HeaderValue::text(value)));
    let mut head = Response::new(accept.status());
    head.headers.extend(fields);
    Opened::Upgrade(head, FirstSubscription { deflate: accept.deflate(), ..first })
}

/// The exchange that owns an upgraded connection.
pub(crate) fn begin(first: FirstSubscription, core: &Core) -> Box<dyn Exchange> {
    if core.echoes {
        Box::new(Connection::new(Echo { deflate: first.deflate.map(Agreement::window) }))
    } else {
        let client = Client { peer: first.peer, principal: &first.principal };
        match core.limits.account(client, core.access.has_rules(), &core.settings) {
            None => Box::new(Connection::new(Session::new(first, core))),
            Some(account) => Box::new(Connection::new(Counted::new(Session::new(first, core), account))),
        }
    }
}

/// What is talked about over a connection.
pub(super) trait Talk {
    /// How messages may be compressed.
    fn deflate(&self) -> Option<Window>;
    /// A text message.
    fn on_text(&mut self, text: &str, owner: Owner, core: &mut Core, out: &mut Vec<u8>);
    /// A binary message; an error closes the connection.
    fn on_binary(&mut self, bytes: &[u8], core: &mut Core, out: &mut Vec<u8>) -> Result<(), Violation>;
    /// See [`Exchange`].
    fn on_reply(&mut self, number: u32, reply: Reply);
    /// See [`Exchange`].
    fn on_decision(&mut self, _question: &Question, _verdict: Verdict) {}
    /// See [`Exchange`].
    fn on_keys(&mut self) {}
    /// See [`Exchange`].
    fn on_changed(&mut self, number: u32);
    /// Goes on as far as it can, and says whole frames.
    fn advance(&mut self, owner: Owner, core: &mut Core, out: &mut Vec<Bytes>) -> Advance;
    /// The largest message that the client may send.
    fn message_bytes_max(&self, core: &Core) -> usize;
    /// See [`Exchange`].
    fn on_access_changed(&mut self, core: &mut Core) -> bool;
    /// What is sent when nothing else was for the heartbeat interval: the same bytes for all, with a ping among them.
    fn silence(&self) -> &'static [u8];
    /// The server is about to end.
    fn on_drain(&mut self, core: &Core, out: &mut Vec<u8>);
    /// The time to come back within is another one.
    fn on_window(&self, _core: &Core, _out: &mut Vec<u8>) {}
    /// Why the connection has to be closed, if it has.
    fn is_over(&self) -> Option<Violation>;
    /// Whether the client waits for the answer to something it asked.
    fn owes_an_answer(&self) -> bool;
    /// See [`Exchange`].
    fn lag(&self) -> u64 {
        0
    }
    fn place(&self, number: u32) -> Option<u64>;
    /// See [`Exchange`].
    fn describe(&self, about: &mut About);
    /// Leaves what it follows.
    fn leave(&mut self, core: &mut Core);
}

/// One WebSocket connection.
struct Connection<T> {
    /// There while a frame or a message has not fully arrived, and after the last one: a connection that waits has none.
    assembler: Option<Box<Assembler>>,
    state: State,
    talk: T,
}

const _: () = assert!(size_of::<Connection<Session>>() <= 88, "with what malloc adds, 96 bytes a follower");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// The client knows that the server is about to end. What it said before is still answered.
    Draining {
        since: Since,
    },
    /// Our close is sent; the peer's is waited for.
    Closing {
        since: Since,
    },
    /// Who speaks is not believed any more: nothing is taken from them, and what they published before is answered.
    Ending {
        since: Since,
    },
    /// Both are sent, or nothing more can be understood.
    Over,
}

/// When a state began, in half the bytes of a time: good for spans of up to 49 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Since {
    low_ms: u32,
}

impl Since {
    fn now(core: &Core) -> Since {
        Since { low_ms: low(core.now_ms) }
    }

    /// The time of the worker's clock that lies so long after it.
    fn plus_ms(self, span_ms: u64, core: &Core) -> u64 {
        let passed_ms = low(core.now_ms).wrapping_sub(self.low_ms);
        core.now_ms - u64::from(passed_ms).min(core.now_ms) + span_ms
    }
}

#[expect(clippy::cast_possible_truncation, reason = "only spans are asked for, modulo 2^32")]
fn low(ms: u64) -> u32 {
    ms as u32
}

/// A ping without a payload.
const PING: &[u8] = b"\x89\0";

/// How long the peer has to answer a close.
const CLOSE_MS: u64 = 5_000;

/// While it drains: what is on its way is waited for that long at least, and an answer that is owed that long at most.
const DRAIN_LEAST_MS: u64 = 50;
const DRAIN_MOST_MS: u64 = 2_000;

impl<T: Talk> Connection<T> {
    fn new(talk: T) -> Connection<T> {
        Connection { assembler: None, state: State::Open, talk }
    }

    /// What goes on where the last input ended.
    fn take_assembler(&mut self) -> Assembler {
        match self.assembler.take() {
            Some(assembler) => *assembler,
            None if self.talk.deflate().is_some() => Assembler::new(Compression::Deflate),
            None => Assembler::new(Compression::None),
        }
    }

    fn talks(&self) -> bool {
        matches!(self.state, State::Open | State::Draining { .. })
    }

    /// Sends our close, and waits for the peer's.
    fn close(&mut self, violation: &Violation, core: &Core, out: &mut Vec<Bytes>) -> Advance {
        let mut last = Vec::new();
        write_close(&mut last, violation.code, violation.reason);
        out.push(last.into());
        self.state = State::Closing { since: Since::now(core) };
        Advance::Wait { until_ms: core.now_ms + CLOSE_MS }
    }

    /// Closes a connection that drains once nothing is owed, or its time is up.
    fn end_drain(&mut self, since: Since, core: &Core, out: &mut Vec<u8>) -> Advance {
        let waits_ms = if self.talk.owes_an_answer() { DRAIN_MOST_MS } else { DRAIN_LEAST_MS };
        let mut until_ms = since.plus_ms(waits_ms, core);
        if until_ms <= core.now_ms {
            write_close(out, CloseCode::GOING_AWAY, "the server drains");
            until_ms = core.now_ms + CLOSE_MS;
            self.state = State::Closing { since: Since::now(core) };
        }
        Advance::Wait { until_ms }
    }

    fn on_message(&mut self, message: Message<'_>, owner: Owner, core: &mut Core, out: &mut Vec<u8>) {
        match message {
            Message::Text(text) if self.talks() => self.talk.on_text(&text, owner, core, out),
            Message::Binary(bytes) if self.talks() => {
                if let Err(violation) = self.talk.on_binary(&bytes, core, out) {
                    write_close(out, violation.code, violation.reason);
                    self.state = State::Closing { since: Since::now(core) };
                }
            }
            Message::Ping(payload) if self.talks() => {
                write_frame(out, Opcode::Pong, Fin::Last, None, &payload);
            }
            Message::Close { code, .. } => {
                if self.talks() {
                    match code {
                        Some(code) => write_close(out, code, ""),
                        None => write_frame(out, Opcode::Close, Fin::Last, None, &[]),
                    }
                }
                self.state = State::Over;
            }
            Message::Text(_) | Message::Binary(_) | Message::Ping(_) | Message::Pong(_) => {}
        }
    }
}

impl<T: Talk> Exchange for Connection<T> {
    fn advance(&mut self, owner: Owner, core: &mut Core, out: &mut Vec<Bytes>) -> Advance {
        match self.state {
            State::Over => Advance::End,
            State::Ending { since } => {
                let _nothing_new = self.talk.advance(owner, core, out);
                let until_ms = since.plus_ms(DRAIN_MOST_MS, core);
                if self.talk.owes_an_answer() && core.now_ms < until_ms {
                    return Advance::Wait { until_ms };
                }
                let violation = self.talk.is_over().unwrap_or(Violation {
                    code: CloseCode::UNAUTHENTICATED,
                    reason: "come back with a new token",
                });
                self.close(&violation, core, out)
            }
            State::Closing { since } => match since.plus_ms(CLOSE_MS, core) {
                until_ms if until_ms <= core.now_ms => Advance::End,
                until_ms => Advance::Wait { until_ms },
            },
            State::Open | State::Draining { .. } => {
                let advance = self.talk.advance(owner, core, out);
                if let Some(violation) = self.talk.is_over() {
                    if self.talk.owes_an_answer() {
                        let since = Since::now(core);
                        self.state = State::Ending { since };
                        return Advance::Wait { until_ms: since.plus_ms(DRAIN_MOST_MS, core) };
                    }
                    return self.close(&violation, core, out);
                }
                let State::Draining { since } = self.state else { return advance };
                let mut last = Vec::new();
                let advance = self.end_drain(since, core, &mut last);
                out.push(last.into());
                advance
            }
        }
    }

    fn on_reply(&mut self, number: u32, reply: Reply) {
        self.talk.on_reply(number, reply);
    }

    fn on_decision(&mut self, question: &Question, verdict: Verdict) {
        self.talk.on_decision(question, verdict);
    }

    fn on_keys(&mut self) {
        self.talk.on_keys();
    }

    fn on_changed(&mut self, number: u32) {
        self.talk.on_changed(number);
    }

    fn input_bytes_max(&self) -> usize {
        /// Inflated it may be a thousand times as much.
        const DEFLATED_BYTES_MAX: usize = 1 << 10;
        if self.talk.deflate().is_some() { DEFLATED_BYTES_MAX } else { usize::MAX }
    }

    fn is_unfinished(&self) -> bool {
        self.assembler.is_some()
    }

    fn on_input(&mut self, input: &mut Input<'_>, owner: Owner, core: &mut Core, out: &mut Vec<Bytes>) {
        let message_bytes_max = self.talk.message_bytes_max(core);
        let memory = Arc::clone(&core.message_memory);
        let rules = Rules { reader: Role::Server, message_bytes_max, memory };
        let mut frames = Vec::new();
        let mut assembler = self.take_assembler();
        while self.state != State::Over {
            match assembler.next_message(&rules, input) {
                None => break,
                Some(Ok(message)) => self.on_message(message, owner, core, &mut frames),
                Some(Err(violation)) => {
                    write_close(&mut frames, violation.code, violation.reason);
                    self.state = State::Over;
                }
            }
        }
        if !assembler.is_idle() {
            self.assembler = Some(Box::new(assembler));
        }
        out.push(frames.into());
    }

    fn on_silence(&mut self, out: &mut Vec<Bytes>) {
        if self.talks() {
            out.push(Bytes::from_static(self.talk.silence()));
        }
    }

    fn on_unanswered(&mut self, out: &mut Vec<Bytes>) {
        if self.talks() {
            out.push(Bytes::from_static(PING));
        }
    }

    fn on_unheard(&mut self, out: &mut Vec<Bytes>) {
        let mut frames = Vec::new();
        write_close(&mut frames, CloseCode::POLICY, "nothing was heard for 2.5 heartbeats");
        out.push(frames.into());
        self.state = State::Over;
    }

    fn on_drain(&mut self, core: &mut Core, out: &mut Vec<Bytes>) {
        if self.state == State::Open {
            let mut frames = Vec::new();
            self.talk.on_drain(core, &mut frames);
            out.push(frames.into());
            self.state = State::Draining { since: Since::now(core) };
        }
    }

    fn on_window(&mut self, core: &mut Core, out: &mut Vec<Bytes>) {
        if self.state == State::Open {
            let mut frames = Vec::new();
            self.talk.on_window(core, &mut frames);
            out.push(frames.into());
        }
    }

    fn lag(&self) -> u64 {
        self.talk.lag()
    }

    fn on_access_changed(&mut self, core: &mut Core) -> bool {
        self.talk.on_access_changed(core)
    }

    fn place(&self, number: u32) -> Option<u64> {
        self.talk.place(number)
    }

    fn describe(&self, about: &mut About) {
        self.talk.describe(about);
    }

    fn leave(&mut self, core: &mut Core) {
        self.talk.leave(core);
    }
}

/// The largest message of a client that may not publish: enough to say who it is, and to follow whatever it may.
const NARROW_MESSAGE_BYTES_MAX: usize = 16 << 10;

/// The largest message that a client may send: a published message may double in a JSON string or in base64, and has
/// a few members around it. The echo has none of that.
fn message_bytes_max(settings: &Settings) -> usize {
    const MEMBERS_BYTES: usize = 8 << 10;
    settings.max_message_bytes.saturating_mul(2).saturating_add(MEMBERS_BYTES)
}

/// What all messages that have not fully arrived may take: at least as much as one of them does.
pub(crate) fn unfinished_bytes_max(settings: &Settings) -> usize {
    /// For inflating it, and for a little room at its end.
    const BESIDE_BYTES: usize = 64 << 10;
    let one = message_bytes_max(settings).saturating_add(BESIDE_BYTES);
    settings.max_unfinished_bytes.max(one)
}
