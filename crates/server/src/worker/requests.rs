//! Requests on a parked connection: found in what was read, answered in order. What is odd goes to hyper.

use super::held::HeldInput;
use super::output::{Then, Written};
use super::poller::Interest;
use super::slots::{Inbound, Phase, Rare};
use super::{Owner, Worker};
use crate::exchange::Opened;
use crate::ladder::Step;
use crate::peer::Peer;
use crate::request::{self, Request};
use crate::settings::Settings;
use bytes::Bytes;
use tidings_protocol::websocket::handshake::Handshake;
use tidings_protocol::{
    BodyLength, Connection, FieldSlots, Head, Method, Problem, RequestHead, Response, Version, parse_head,
};

/// The largest body of a publish that the narrow front reads; a larger one goes to hyper, which streams it.
const NARROW_BODY_BYTES_MAX: u64 = 64 << 10;

/// How much is answered to pipelined requests before it is looked whether the peer reads, and others have their turn.
const ANSWERS_BYTES_MAX: usize = 256 << 10;

/// What the beginning of some input is.
enum Parsed {
    /// Not all of it is here.
    Incomplete,
    /// A request of that many bytes has become this.
    Opened { bytes: usize, opened: Opened },
    /// For hyper.
    Odd,
    /// Not a request.
    Invalid(Problem),
}

impl Worker {
    /// Requests, as many as are here and can be answered at once; their answers leave in one write.
    pub(super) fn on_requests(&mut self, key: u64, input: &mut [u8]) {
        let mut at = 0;
        let mut out: Vec<Bytes> = Vec::new();
        while at < input.len() {
            let Some(slot) = self.slots.get(key) else { return };
            if slot.phase != Phase::Request {
                break;
            }
            match self.parse(key, &input[at..]) {
                Parsed::Incomplete => break,
                // hyper takes much for a connection of HTTP/2, which can be told nothing without it.
                Parsed::Odd if input[at..].starts_with(b"PRI ") && self.core.ladder() == Step::Ending => {
                    return self.close(key);
                }
                Parsed::Odd => match self.core.check_any_room() {
                    Ok(()) => return self.hand_over(key, &input[at..], &mut out),
                    Err(problem) => {
                        self.core.metrics.problems.of(problem.code).count();
                        self.respond(key, &Response::problem(&problem), Connection::Close, &mut out);
                        at = input.len();
                    }
                },
                Parsed::Invalid(problem) => {
                    self.respond(key, &Response::problem(&problem), Connection::Close, &mut out);
                    at = input.len();
                }
                Parsed::Opened { bytes, opened } => {
                    at += bytes;
                    self.on_opened(key, opened, &mut out);
                }
            }
            if ANSWERS_BYTES_MAX < out.iter().map(Bytes::len).sum() {
                match self.send(key, &mut out) {
                    Written::All if at < input.len() && self.is_asked(key) => {
                        return self.go_on_later(key, &input[at..]);
                    }
                    // The rest waits until there is room in the socket: tried again at once, it would fit, and so on for all that was asked.
                    Written::Part if self.is_asked(key) => return self.keep_input(key, &input[at..]),
                    Written::All => {}
                    Written::Part => break,
                    Written::Broken => return self.close(key),
                }
            }
        }
        let Some(slot) = self.slots.get(key) else { return };
        if slot.phase == Phase::Duplex {
            // The peer is told that it is one before it hears the first frame.
            self.flush(key, &mut out);
            return self.on_duplex_input(key, &mut input[at..]);
        }
        self.keep_beginning(key, &input[at..], &mut out);
        self.send_with_others(key, &mut out, Then::Resume);
    }

    /// Whether the next thing that it sends is a request.
    fn is_asked(&self, key: u64) -> bool {
        self.slots.peek(key).is_some_and(|slot| slot.phase == Phase::Request)
    }

    /// It has said so much that others come first. Nothing more is read meanwhile.
    fn go_on_later(&mut self, key: u64, input: &[u8]) {
        self.keep_input(key, input);
        self.wait_for(key, Interest::Neither);
        self.queue_later(key);
    }

    fn parse(&mut self, key: u64, input: &[u8]) -> Parsed {
        let mut fields = FieldSlots::new();
        let head = match parse_head(input, &mut fields, self.core.settings.max_header_bytes) {
            Head::Partial => return Parsed::Incomplete,
            Head::Rare => return Parsed::Odd,
            Head::Invalid(problem) => return Parsed::Invalid(problem),
            Head::Complete(head) => head,
        };
        let bytes_max = narrow_bytes_max(&self.core.settings);
        let Some(body_bytes) = narrow_body_bytes(&head, bytes_max) else { return Parsed::Odd };
        let Some(body) = input.get(head.bytes..head.bytes + body_bytes) else {
            return self.refuse_by_head(key, input.len(), &head);
        };
        let Some(slot) = self.slots.get(key) else { return Parsed::Incomplete };
        slot.http10 = head.version == Version::Http10;
        slot.keep_alive = head.keep_alive && !self.core.draining;
        let peer = slot.peer.of_request(head.fields, &self.core.settings);
        let certificate = slot.certificate();
        let body = Bytes::copy_from_slice(body);
        let request = Request { certificate, ..request_of(&head, body, Owner(key), peer) };
        let opened = request::open(&request, &mut self.core);
        self.tell(key);
        Parsed::Opened { bytes: head.bytes + body_bytes, opened }
    }

    /// The body is not all here. Who may not send it is told now, and the rest is not waited for.
    fn refuse_by_head(&mut self, key: u64, bytes: usize, head: &RequestHead<'_, '_>) -> Parsed {
        let Some(slot) = self.slots.get(key) else { return Parsed::Incomplete };
        let peer = slot.peer.of_request(head.fields, &self.core.settings);
        let certificate = slot.certificate();
        let request = Request { certificate, ..request_of(head, Bytes::new(), Owner(key), peer) };
        let Some(refusal) = request::admit(&request, &mut self.core) else { return Parsed::Incomplete };
        slot.http10 = head.version == Version::Http10;
        slot.keep_alive = false;
        Parsed::Opened { bytes, opened: Opened::Response(refusal) }
    }

    pub(super) fn on_held_input(&mut self, key: u64, mut held: Vec<u8>) {
        if self.has_whole_request(&held) {
            return self.on_requests(key, &mut held);
        }
        if self.slots.get(key).is_some_and(|slot| slot.inbound == Inbound::Ended) {
            // Nobody will send the rest.
            return self.close(key);
        }
        let mut out = Vec::new();
        self.keep_beginning(key, &held, &mut out);
        if !out.is_empty() {
            self.flush(key, &mut out);
        }
    }

    /// Whether what is held is more than the beginning of a request.
    fn has_whole_request(&self, held: &[u8]) -> bool {
        let mut fields = FieldSlots::new();
        match parse_head(held, &mut fields, self.core.settings.max_header_bytes) {
            Head::Partial => false,
            Head::Complete(head) => {
                let body_bytes = narrow_body_bytes(&head, narrow_bytes_max(&self.core.settings));
                body_bytes.is_none_or(|body_bytes| head.bytes + body_bytes <= held.len())
            }
            Head::Rare | Head::Invalid(_) => true,
        }
    }

    pub(super) fn keep_input(&mut self, key: u64, input: &[u8]) {
        let due_ms = self.core.ms_after(self.core.settings.request_timeout);
        let Some(slot) = self.slots.get(key) else { return };
        if input.is_empty() {
            return slot.slim();
        }
        if slot.phase == Phase::Request {
            // It is no later than it was when the request began.
            slot.due_ms = slot.due_ms.min(due_ms);
        }
        slot.rare.get_or_insert_with(Box::<Rare>::default).input = HeldInput::new(input, &self.held_bytes);
    }

    /// Keeps what may be the beginning of a request, if there is room for it; else it is refused behind `out`.
    fn keep_beginning(&mut self, key: u64, input: &[u8], out: &mut Vec<Bytes>) {
        /// A head of the usual size has room in any case: a crowd of large bodies keeps no poll out.
        const ALWAYS_BYTES: usize = 4 << 10;
        let room = self.core.settings.request_memory_bytes / self.core.settings.workers.max(1);
        if input.len() <= ALWAYS_BYTES || !self.is_asked(key) || self.held_bytes.get() + input.len() <= room {
            return self.keep_input(key, input);
        }
        let busy = Problem::too_busy(self.core.spread_s(1));
        self.core.metrics.problems.of(busy.code).count();
        self.respond(key, &Response::problem(&busy), Connection::Close, out);
    }
}

fn request_of<'h, 'b: 'h>(
    head: &RequestHead<'h, 'b>,
    body: Bytes,
    owner: Owner,
    peer: Peer,
) -> Request<'h, [httparse::Header<'b>]> {
    Request {
        method: head.method,
        target: head.target,
        headers: head.fields,
        authority: None,
        body,
        websocket: head.upgrades_to_websocket.then_some(Handshake::Upgrade),
        chunked: head.version == Version::Http11,
        owner,
        peer,
        certificate: None,
    }
}

/// The largest body that the narrow front reads. One above the limit goes to hyper too, so that it is refused in one place.
pub(super) fn narrow_bytes_max(settings: &Settings) -> u64 {
    NARROW_BODY_BYTES_MAX.min(settings.max_message_bytes as u64)
}

/// Whether a request is one for hyper.
pub(super) fn is_odd(head: &RequestHead<'_, '_>, bytes_max: u64) -> bool {
    narrow_body_bytes(head, bytes_max).is_none()
}

/// The length of the body, if the request is one for the narrow front: a read, a publish of moderate size, an upgrade.
fn narrow_body_bytes(head: &RequestHead<'_, '_>, bytes_max: u64) -> Option<usize> {
    let narrow_method = matches!(head.method, Method::Get | Method::Post);
    if !narrow_method || head.expects_continue {
        return None;
    }
    match head.body {
        BodyLength::Empty => Some(0),
        BodyLength::Known(bytes) if bytes <= bytes_max => usize::try_from(bytes).ok(),
        BodyLength::Known(_) | BodyLength::Chunked => None,
    }
}
