//! Answers on a parked connection: whole ones, and those that an exchange says piece by piece.

use super::output::{Then, Written};
use super::slots::Phase;
use super::{Owner, Worker};
use crate::exchange::{Advance, Exchange, Opened};
use crate::transport::websocket;
use bytes::Bytes;
use tidings_protocol::{Connection, Http1Form, OpenBody, Response, Version};

/// A head rarely takes more.
const HEAD_BYTES: usize = 1_024;

/// A larger body is not copied behind its head: two pieces are sent, which costs less.
const COPIED_BYTES_MAX: usize = 16 << 10;

impl Worker {
    pub(super) fn on_opened(&mut self, key: u64, opened: Opened, out: &mut Vec<Bytes>) {
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
                let mut bytes = Vec::with_capacity(HEAD_BYTES);
                head.write_http1_open(&form, body, &mut bytes);
                out.push(bytes.into());
                self.queue(Owner(key));
            }
            Opened::Upgrade(head, first) => {
                slot.phase = Phase::Duplex;
                slot.streaming = true;
                // Nobody else will ask over this connection.
                slot.peer = first.peer();
                slot.exchange = Some(websocket::begin(first, &self.core));
                let form = self.http1_form(key, connection);
                let mut bytes = Vec::with_capacity(HEAD_BYTES);
                head.write_http1(&form, &mut bytes);
                out.push(bytes.into());
                self.queue(Owner(key));
            }
        }
    }

    /// One step of the exchange of a connection.
    pub(super) fn advance(&mut self, key: u64) {
        let Some(slot) = self.slots.get(key).filter(|slot| !slot.is_blocked()) else { return };
        let Some(mut exchange) = slot.exchange.take() else {
            // Requests may be left of what it had sent before.
            if slot.phase == Phase::Request {
                self.resume(key);
            }
            return;
        };
        let mut out = std::mem::take(&mut self.said);
        let advance = exchange.advance(Owner(key), &mut self.core, &mut out);
        self.tell(key);
        self.on_advanced(key, exchange, advance, &mut out);
        out.clear();
        self.said = out;
    }

    fn on_advanced(
        &mut self,
        key: u64,
        mut exchange: Box<dyn Exchange>,
        advance: Advance,
        out: &mut Vec<Bytes>,
    ) {
        let keep_alive_ms = self.core.ms_after(self.core.settings.keep_alive_timeout);
        let Some(slot) = self.slots.get(key) else { return };
        match advance {
            Advance::Wait { until_ms } => {
                slot.due_ms = until_ms;
                slot.exchange = Some(exchange);
                self.send_with_others(key, out, Then::Wait);
            }
            Advance::More => {
                slot.exchange = Some(exchange);
                self.send_with_others(key, out, Then::GoOn);
            }
            Advance::Respond(response) => {
                let connection = if slot.keep_alive { Connection::KeepAlive } else { Connection::Close };
                self.core.metrics.on_answer(exchange.asked(), &response);
                exchange.leave(&mut self.core);
                self.respond(key, &response, connection, out);
                self.flush(key, out);
            }
            Advance::Become(opened) => {
                exchange.leave(&mut self.core);
                self.turn_into(key, *opened, out);
            }
            Advance::End => {
                slot.streaming = false;
                slot.due_ms = keep_alive_ms;
                let ends = slot.phase == Phase::Duplex || !slot.keep_alive;
                slot.phase = if ends { Phase::Last } else { Phase::Request };
                exchange.leave(&mut self.core);
                self.flush(key, out);
            }
        }
    }

    /// What was held has become something else, as if the request had come now. What came behind it goes on.
    fn turn_into(&mut self, key: u64, opened: Opened, out: &mut Vec<Bytes>) {
        self.on_opened(key, opened, out);
        self.flush(key, out);
        let Some(slot) = self.slots.get(key).filter(|slot| slot.phase == Phase::Duplex) else { return };
        // Frames may have come behind the handshake: bytes that were read before make no readiness.
        let mut held = slot.take_input();
        if !held.is_empty() {
            self.on_duplex_input(key, &mut held);
        }
        if self.core.draining {
            self.drain_slot(key);
        }
    }

    /// Puts a whole answer behind `out`; after it the connection waits for the next request, or ends.
    pub(super) fn respond(
        &mut self,
        key: u64,
        response: &Response,
        connection: Connection,
        out: &mut Vec<Bytes>,
    ) {
        let keep_alive_ms = self.core.ms_after(self.core.settings.keep_alive_timeout);
        let form = self.http1_form(key, connection);
        let Some(slot) = self.slots.get(key) else { return };
        slot.phase = if connection == Connection::Close { Phase::Last } else { Phase::Request };
        slot.due_ms = keep_alive_ms;
        if response.body.len() <= COPIED_BYTES_MAX {
            let mut bytes = Vec::with_capacity(HEAD_BYTES + response.body.len());
            response.write_http1(&form, &mut bytes);
            out.push(bytes.into());
        } else {
            let mut head = Vec::with_capacity(HEAD_BYTES);
            response.write_http1_head(&form, &mut head);
            out.extend([head.into(), response.body.clone()]);
        }
    }

    fn http1_form(&mut self, key: u64, connection: Connection) -> Http1Form {
        let http10 = self.slots.get(key).is_some_and(|slot| slot.http10);
        let version = if http10 { Version::Http10 } else { Version::Http11 };
        Http1Form { version, connection, is_head: false, date: self.date() }
    }

    /// Sends, and goes on with what comes after.
    pub(super) fn flush(&mut self, key: u64, out: &mut Vec<Bytes>) {
        match self.send(key, out) {
            Written::All => self.resume(key),
            Written::Part => {}
            Written::Broken => self.close(key),
        }
    }

    /// Everything was flushed: what can go on does.
    pub(super) fn resume(&mut self, key: u64) {
        let Some(slot) = self.slots.get(key) else { return };
        match slot.phase {
            Phase::Last => self.linger(key),
            Phase::Answer | Phase::Duplex => {
                // While the socket was full nobody asked the exchange, whatever happened meanwhile.
                self.wait_by_phase(key);
                self.queue(Owner(key));
            }
            Phase::ProxyHeader | Phase::Handshake => self.wait_by_phase(key),
            Phase::Request => {
                // Bytes that were read before make no readiness.
                let held = slot.take_input();
                slot.slim();
                self.wait_by_phase(key);
                self.on_held_input(key, held);
            }
        }
    }
}
