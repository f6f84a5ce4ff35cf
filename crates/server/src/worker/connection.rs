//! What happens on one parked connection: requests come in, answers go out, in order.

use super::odd::HandedOver;
use super::output::Written;
use super::poller::{Interest, Ready};
use super::slots::{Peer, Phase, Rare, Slot};
use super::{Owner, Worker};
use crate::exchange::{Advance, Opened};
use crate::request::{self, Request};
use crate::transport::websocket::{self, FirstSubscription};
use bytes::Bytes;
use rustix::io::Errno;
use std::net::TcpStream;
use std::time::Duration;
use tidings_protocol::websocket::input::Input;
use tidings_protocol::{
    BodyLength, Connection, ErrorCode, FieldSlots, Head, Http1Form, Method, OpenBody, Problem, RequestHead,
    Response, Version, parse_head,
};

/// The largest body of a publish that the narrow front reads; a larger one goes to hyper, which streams it.
const NARROW_BODY_BYTES_MAX: u64 = 64 << 10;

/// How much is read of pipelined requests in one go. A thousand connections may have as much, and the last of them
/// waits for all.
const REQUEST_BYTES_MAX: usize = 16 << 10;

/// How much is answered to pipelined requests before it is looked whether the peer reads.
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
    pub(super) fn on_socket(&mut self, key: u64, event: Ready) {
        if event.broken {
            return self.close(key);
        }
        if event.writable {
            match self.send(key, &mut Vec::new()) {
                Written::All => self.resume(key),
                Written::Part => {}
                Written::Broken => return self.close(key),
            }
        }
        if event.readable {
            self.on_readable(key);
        }
    }

    fn on_readable(&mut self, key: u64) {
        let now_ms = self.core.now_ms;
        let due_ms = self.core.ms_after(self.core.settings.request_timeout);
        let Some(slot) = self.slots.get(key) else { return };
        match slot.phase {
            Phase::Answer => return self.on_hung_up(key),
            Phase::Last => return self.on_lingering(key),
            Phase::Request | Phase::Duplex => {}
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        let held = slot.rare.as_mut().map(|rare| std::mem::take(&mut rare.input)).unwrap_or_default();
        let start = held.len();
        buffer.resize(start + Worker::BUFFER_BYTES, 0);
        buffer[..start].copy_from_slice(&held);
        let bytes_max = if slot.phase == Phase::Request { REQUEST_BYTES_MAX } else { Worker::BUFFER_BYTES };
        match rustix::io::read(&slot.socket, &mut buffer[start..start + bytes_max]) {
            Ok(0) => {
                slot.peer = Peer::Ended;
                self.on_input(key, &mut buffer[..start]);
            }
            Ok(count) => {
                slot.seen_ms = now_ms;
                slot.asked = false;
                if slot.phase == Phase::Request && start == 0 {
                    slot.due_ms = due_ms;
                }
                self.on_input(key, &mut buffer[..start + count]);
            }
            Err(Errno::AGAIN | Errno::INTR) => self.keep_input(key, &buffer[..start]),
            Err(_broken) => self.close(key),
        }
        buffer.truncate(Worker::BUFFER_BYTES);
        buffer.shrink_to(Worker::BUFFER_BYTES);
        self.buffer = buffer;
    }

    /// The peer has ended its direction while it is being answered. A stream is probed: if the peer is gone
    /// altogether, the kernel says so at once.
    fn on_hung_up(&mut self, key: u64) {
        let Some(slot) = self.slots.get(key) else { return };
        slot.peer = Peer::HungUp;
        let mut out = Vec::new();
        if let Some(exchange) = slot.exchange.as_mut().filter(|_| slot.streaming) {
            exchange.on_silence(&mut out);
        }
        match self.send(key, &mut out) {
            Written::Broken => self.close(key),
            Written::All | Written::Part => self.wait_by_phase(key),
        }
    }

    /// The last answer is sent and our direction closed. What the peer still sends is dropped until it closes too: a
    /// connection that is closed with unread bytes is reset, and the reset may overtake the answer.
    fn on_lingering(&mut self, key: u64) {
        let Some(slot) = self.slots.get(key) else { return };
        match rustix::io::read(&slot.socket, &mut self.buffer[..]) {
            Ok(0) => self.close(key),
            Ok(_) | Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_broken) => self.close(key),
        }
    }

    fn linger(&mut self, key: u64) {
        const LINGER_MS: u64 = 1_000;
        let due_ms = self.core.now_ms + LINGER_MS;
        let Some(slot) = self.slots.get(key) else { return };
        let shut = rustix::net::shutdown(&slot.socket, rustix::net::Shutdown::Write);
        if slot.peer == Peer::Ended || shut.is_err() {
            return self.close(key);
        }
        slot.due_ms = due_ms;
        self.wait_by_phase(key);
    }

    fn on_input(&mut self, key: u64, input: &mut [u8]) {
        let Some(slot) = self.slots.get(key) else { return };
        match slot.phase {
            Phase::Request => self.on_requests(key, input),
            Phase::Duplex => self.on_duplex_input(key, input),
            Phase::Answer | Phase::Last => self.keep_input(key, input),
        }
    }

    /// Requests, as many as are here and can be answered at once; their answers leave in one write.
    fn on_requests(&mut self, key: u64, input: &mut [u8]) {
        let mut at = 0;
        let mut out: Vec<Bytes> = Vec::new();
        while at < input.len() {
            let Some(slot) = self.slots.get(key) else { return };
            if slot.phase != Phase::Request {
                break;
            }
            match self.parse(key, &input[at..]) {
                Parsed::Incomplete => break,
                Parsed::Odd => return self.hand_over(key, &input[at..], &mut out),
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
        self.keep_input(key, &input[at..]);
        self.flush(key, &mut out);
    }

    fn parse(&mut self, key: u64, input: &[u8]) -> Parsed {
        let mut fields = FieldSlots::new();
        let head = match parse_head(input, &mut fields, self.core.settings.max_header_bytes) {
            Head::Partial => return Parsed::Incomplete,
            Head::Rare => return Parsed::Odd,
            Head::Invalid(problem) => return Parsed::Invalid(problem),
            Head::Complete(head) => head,
        };
        let Some(body_bytes) = narrow_body_bytes(&head) else { return Parsed::Odd };
        let Some(body) = input.get(head.bytes..head.bytes + body_bytes) else { return Parsed::Incomplete };
        let Some(slot) = self.slots.get(key) else { return Parsed::Incomplete };
        slot.http10 = head.version == Version::Http10;
        slot.keep_alive = head.keep_alive && !self.core.draining;
        let request = Request {
            method: head.method,
            target: head.target,
            headers: head.fields,
            body: Bytes::copy_from_slice(body),
            upgrades: head.upgrades_to_websocket,
            chunked: head.version == Version::Http11,
            owner: Owner(key),
        };
        let opened = request::open(&request, &mut self.core);
        Parsed::Opened { bytes: head.bytes + body_bytes, opened }
    }

    fn on_opened(&mut self, key: u64, opened: Opened, out: &mut Vec<Bytes>) {
        let Some(slot) = self.slots.get(key) else { return };
        let connection = if slot.keep_alive { Connection::KeepAlive } else { Connection::Close };
        slot.due_ms = u64::MAX;
        match opened {
            Opened::Response(response) => self.respond(key, &response, connection, out),
            Opened::Held(exchange) => {
                slot.phase = Phase::Answer;
                slot.exchange = Some(exchange);
                self.queue(Owner(key));
            }
            Opened::Stream(head, exchange) => {
                slot.phase = Phase::Answer;
                slot.streaming = true;
                slot.exchange = Some(exchange);
                slot.keep_alive &= !slot.http10;
                let body = if slot.http10 { OpenBody::UntilClose } else { OpenBody::Chunked };
                let form = self.http1_form(key, connection);
                let mut bytes = Vec::new();
                head.write_http1_open(&form, body, &mut bytes);
                out.push(bytes.into());
                self.queue(Owner(key));
            }
            Opened::Upgrade(head, first) => {
                slot.phase = Phase::Duplex;
                slot.streaming = true;
                slot.exchange = Some(websocket::begin(first, Owner(key), &self.core));
                let form = self.http1_form(key, connection);
                let mut bytes = Vec::new();
                head.write_http1(&form, &mut bytes);
                out.push(bytes.into());
                self.queue(Owner(key));
            }
        }
    }

    fn on_duplex_input(&mut self, key: u64, input: &mut [u8]) {
        let Some(slot) = self.slots.get(key) else { return };
        if slot.peer == Peer::Ended && input.is_empty() {
            return self.close(key);
        }
        let Some(mut exchange) = slot.exchange.take() else { return };
        let mut out = Vec::new();
        exchange.on_input(&mut Input::new(input), &mut self.core, &mut out);
        if let Some(slot) = self.slots.get(key) {
            slot.exchange = Some(exchange);
        }
        self.flush(key, &mut out);
        self.queue(Owner(key));
    }

    /// One step of the exchange of a connection.
    pub(super) fn advance(&mut self, key: u64) {
        let Some(slot) = self.slots.get(key).filter(|slot| !slot.is_blocked()) else { return };
        let Some(mut exchange) = slot.exchange.take() else { return };
        let keep_alive_ms = self.core.ms_after(self.core.settings.keep_alive_timeout);
        let mut out = Vec::new();
        let advance = exchange.advance(&mut self.core, &mut out);
        let Some(slot) = self.slots.get(key) else { return };
        match advance {
            Advance::Wait { until_ms } => {
                slot.due_ms = until_ms;
                slot.exchange = Some(exchange);
                // Not `flush`: that would ask it again at once, for ever.
                match self.send(key, &mut out) {
                    Written::All | Written::Part => self.wait_by_phase(key),
                    Written::Broken => self.close(key),
                }
            }
            Advance::More => {
                slot.exchange = Some(exchange);
                if self.send(key, &mut out) == Written::Broken {
                    return self.close(key);
                }
                // Blocked, it goes on when there is room.
                self.queue(Owner(key));
            }
            Advance::Respond(response) => {
                let connection = if slot.keep_alive { Connection::KeepAlive } else { Connection::Close };
                exchange.leave(&mut self.core);
                self.respond(key, &response, connection, &mut out);
                self.flush(key, &mut out);
            }
            Advance::End => {
                slot.streaming = false;
                slot.due_ms = keep_alive_ms;
                let ends = slot.phase == Phase::Duplex || !slot.keep_alive;
                slot.phase = if ends { Phase::Last } else { Phase::Request };
                exchange.leave(&mut self.core);
                self.flush(key, &mut out);
            }
        }
    }

    /// Puts a whole answer behind `out`; after it the connection waits for the next request, or ends.
    fn respond(&mut self, key: u64, response: &Response, connection: Connection, out: &mut Vec<Bytes>) {
        let keep_alive_ms = self.core.ms_after(self.core.settings.keep_alive_timeout);
        let form = self.http1_form(key, connection);
        let Some(slot) = self.slots.get(key) else { return };
        slot.phase = if connection == Connection::Close { Phase::Last } else { Phase::Request };
        slot.due_ms = keep_alive_ms;
        let mut bytes = Vec::with_capacity(1_024 + response.body.len());
        response.write_http1(&form, &mut bytes);
        out.push(bytes.into());
    }

    fn http1_form(&mut self, key: u64, connection: Connection) -> Http1Form {
        let http10 = self.slots.get(key).is_some_and(|slot| slot.http10);
        let version = if http10 { Version::Http10 } else { Version::Http11 };
        Http1Form { version, connection, is_head: false, date: self.date() }
    }

    /// Sends, and goes on with what comes after.
    fn flush(&mut self, key: u64, out: &mut Vec<Bytes>) {
        match self.send(key, out) {
            Written::All => self.resume(key),
            Written::Part => {}
            Written::Broken => self.close(key),
        }
    }

    /// Everything was flushed: what can go on does.
    fn resume(&mut self, key: u64) {
        let Some(slot) = self.slots.get(key) else { return };
        match slot.phase {
            Phase::Last => self.linger(key),
            Phase::Answer | Phase::Duplex => {
                // While the socket was full nobody asked the exchange, whatever happened meanwhile.
                self.wait_by_phase(key);
                self.queue(Owner(key));
            }
            Phase::Request => {
                // Bytes that were read before make no readiness.
                let held = slot.rare.as_mut().map(|rare| std::mem::take(&mut rare.input)).unwrap_or_default();
                slot.slim();
                self.wait_by_phase(key);
                self.on_held_input(key, held);
            }
        }
    }

    fn on_held_input(&mut self, key: u64, mut held: Vec<u8>) {
        if self.has_whole_request(&held) {
            return self.on_requests(key, &mut held);
        }
        if self.slots.get(key).is_some_and(|slot| slot.peer == Peer::Ended) {
            // Nobody will send the rest.
            return self.close(key);
        }
        self.keep_input(key, &held);
    }

    /// Whether what is held is more than the beginning of a request.
    fn has_whole_request(&self, held: &[u8]) -> bool {
        let mut fields = FieldSlots::new();
        match parse_head(held, &mut fields, self.core.settings.max_header_bytes) {
            Head::Partial => false,
            Head::Complete(head) => {
                narrow_body_bytes(&head).is_none_or(|body_bytes| head.bytes + body_bytes <= held.len())
            }
            Head::Rare | Head::Invalid(_) => true,
        }
    }

    fn keep_input(&mut self, key: u64, input: &[u8]) {
        let due_ms = self.core.ms_after(self.core.settings.request_timeout);
        let Some(slot) = self.slots.get(key) else { return };
        if input.is_empty() {
            return slot.slim();
        }
        if slot.phase == Phase::Request {
            // It is no later than it was when the request began.
            slot.due_ms = slot.due_ms.min(due_ms);
        }
        slot.rare.get_or_insert_with(Box::<Rare>::default).input = input.to_vec();
    }

    /// The hand of the clock stands on this connection.
    pub(super) fn on_hand(&mut self, key: u64) {
        let now_ms = self.core.now_ms;
        let heartbeat_ms = millis(self.core.settings.heartbeat);
        let keep_alive_ms = millis(self.core.settings.keep_alive_timeout);
        let Some(slot) = self.slots.get(key) else { return };
        if slot.due_ms <= now_ms {
            // Who still takes what it was sent, however slowly, is not idle.
            let moves = slot.is_blocked() && now_ms < slot.sent_ms.saturating_add(keep_alive_ms);
            if moves && matches!(slot.phase, Phase::Request | Phase::Last) {
                slot.due_ms = slot.sent_ms.saturating_add(keep_alive_ms);
                return;
            }
            slot.due_ms = u64::MAX;
            return match slot.phase {
                Phase::Request => self.on_request_timeout(key),
                Phase::Answer | Phase::Duplex => self.queue(Owner(key)),
                Phase::Last => self.close(key),
            };
        }
        if !slot.streaming || slot.is_blocked() {
            return;
        }
        let mut out = Vec::new();
        if slot.phase == Phase::Duplex && slot.seen_ms + heartbeat_ms * 5 / 2 <= now_ms {
            if let Some(exchange) = slot.exchange.as_mut() {
                exchange.on_unheard(&mut out);
            }
        } else if slot.sent_ms + heartbeat_ms <= now_ms {
            slot.asked = true;
            if let Some(exchange) = slot.exchange.as_mut() {
                exchange.on_silence(&mut out);
            }
        } else if !slot.asked && slot.seen_ms + heartbeat_ms <= now_ms {
            // It may well be there: on a busy stream it is only sent to, and nothing that it must answer.
            slot.asked = true;
            if let Some(exchange) = slot.exchange.as_mut() {
                exchange.on_unanswered(&mut out);
            }
        }
        if !out.is_empty() {
            self.flush(key, &mut out);
        }
    }

    fn on_request_timeout(&mut self, key: u64) {
        let begun = self.slots.get(key).is_some_and(|slot| slot.has_input() && !slot.is_blocked());
        if !begun {
            return self.close(key);
        }
        let problem =
            Problem::new(ErrorCode::RequestTimeout, "send the whole request within `request_timeout`");
        let mut out = Vec::new();
        self.respond(key, &Response::problem(&problem), Connection::Close, &mut out);
        self.flush(key, &mut out);
    }

    /// Everything that waits is told that the server is about to end.
    pub(super) fn drain_slots(&mut self) {
        for key in self.slots.keys() {
            self.drain_slot(key);
        }
    }

    fn drain_slot(&mut self, key: u64) {
        let Some(slot) = self.slots.get(key) else { return };
        slot.keep_alive = false;
        let Some(mut exchange) = slot.exchange.take() else {
            if slot.phase == Phase::Request && slot.rare.is_none() {
                self.close(key);
            }
            return;
        };
        let mut out = Vec::new();
        exchange.on_drain(&mut self.core, &mut out);
        if let Some(slot) = self.slots.get(key) {
            slot.exchange = Some(exchange);
        }
        if self.send(key, &mut out) == Written::Broken {
            self.close(key);
        }
        self.queue(Owner(key));
    }

    fn hand_over(&mut self, key: u64, input: &[u8], out: &mut Vec<Bytes>) {
        match self.send(key, out) {
            Written::All => {}
            // Answers of earlier requests still wait: the odd one is looked at again when they are gone.
            Written::Part => return self.keep_input(key, input),
            Written::Broken => return self.close(key),
        }
        if let Some(slot) = self.slots.remove(key) {
            self.poller.remove(&slot.socket);
            let Slot { socket, .. } = slot;
            self.handed_over
                .push(HandedOver { socket: TcpStream::from(socket), input: Bytes::copy_from_slice(input) });
        }
    }

    /// Takes a connection back into a slot, with what was read from it.
    pub(super) fn park(&mut self, socket: TcpStream, input: Vec<u8>) {
        let mut slot = Slot::new(socket.into(), self.core.now_ms);
        slot.due_ms = self.core.ms_after(self.core.settings.keep_alive_timeout);
        self.park_slot(slot, input);
    }

    /// Takes a connection that hyper has upgraded.
    pub(super) fn park_upgraded(&mut self, socket: TcpStream, mut input: Vec<u8>, first: FirstSubscription) {
        let mut slot = Slot::new(socket.into(), self.core.now_ms);
        slot.phase = Phase::Duplex;
        slot.streaming = true;
        let Some(key) = self.park_slot(slot, Vec::new()) else { return };
        let exchange = websocket::begin(first, Owner(key), &self.core);
        if let Some(slot) = self.slots.get(key) {
            slot.exchange = Some(exchange);
        }
        self.on_duplex_input(key, &mut input);
        if self.core.draining {
            // Everybody else was told while hyper had this one.
            self.drain_slot(key);
        }
    }

    /// Takes a connection that hyper has answered for the last time, to end it in order.
    pub(super) fn park_last(&mut self, socket: TcpStream) {
        let mut slot = Slot::new(socket.into(), self.core.now_ms);
        slot.phase = Phase::Last;
        if let Some(key) = self.park_slot(slot, Vec::new()) {
            self.linger(key);
        }
    }

    fn park_slot(&mut self, slot: Slot, mut input: Vec<u8>) -> Option<u64> {
        let key = self.slots.insert(slot);
        let added = self.slots.get(key).map(|slot| self.poller.add(&slot.socket, key, Interest::Read));
        if !matches!(added, Some(Ok(()))) {
            self.close(key);
            return None;
        }
        if !input.is_empty() {
            self.on_input(key, &mut input);
        }
        Some(key)
    }

    pub(super) fn close(&mut self, key: u64) {
        let Some(mut slot) = self.slots.remove(key) else { return };
        self.poller.remove(&slot.socket);
        if let Some(exchange) = slot.exchange.as_mut() {
            exchange.leave(&mut self.core);
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The length of the body, if the request is one for the narrow front: a read, a publish of moderate size, an upgrade.
fn narrow_body_bytes(head: &RequestHead<'_, '_>) -> Option<usize> {
    let narrow_method = matches!(head.method, Method::Get | Method::Post);
    if !narrow_method || head.expects_continue {
        return None;
    }
    match head.body {
        BodyLength::Empty => Some(0),
        BodyLength::Known(bytes) if bytes <= NARROW_BODY_BYTES_MAX => usize::try_from(bytes).ok(),
        BodyLength::Known(_) | BodyLength::Chunked => None,
    }
}
