//! Parked connections over TLS: what they read and write goes through their [`Secured`], and all else is as without.

use super::Worker;
use super::connection::{REQUEST_BYTES_MAX, share_bytes};
use super::held::HeldOutput;
use super::output::{SENT_BYTES_MAX, Written, send_now};
use super::poller::Interest;
use super::secured::{Heard, Secured};
use super::slots::{Inbound, Phase, Rare};
use bytes::Bytes;
use rustix::io::Errno;
use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};
use tidings_protocol::{Connection, ErrorCode, Http1Form, Problem, Response, Version};

/// A piece that is about to be sent together with others.
pub(super) enum Sealed {
    /// As it goes to the socket.
    Piece(Bytes),
    /// It is to be sent by itself.
    Not(Bytes),
}

impl Worker {
    pub(super) fn on_readable_secured(&mut self, key: u64) {
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut plain = std::mem::take(&mut self.plain);
        self.read_records(key, &mut buffer, &mut plain);
        buffer.truncate(Worker::BUFFER_BYTES);
        buffer.shrink_to(Worker::BUFFER_BYTES);
        self.buffer = buffer;
        plain.clear();
        plain.shrink_to(Worker::BUFFER_BYTES);
        self.plain = plain;
    }

    /// Reads once, and attends to what it brings.
    fn read_records(&mut self, key: u64, buffer: &mut Vec<u8>, plain: &mut Vec<u8>) {
        let now_ms = self.core.now_ms;
        let Some(slot) = self.slots.get(key) else { return };
        let of_exchange = slot.input_bytes_max();
        let Some(secured) = &mut slot.secured else { return };
        let incoming = secured.take_incoming();
        let start = incoming.len();
        let most = if slot.phase == Phase::Duplex { Worker::BUFFER_BYTES } else { REQUEST_BYTES_MAX };
        let bytes_max = share_bytes(most, start, self.ready_count).min(of_exchange);
        let until = start + bytes_max;
        if buffer.len() < until {
            buffer.resize(until, 0);
        }
        buffer[..start].copy_from_slice(&incoming);
        match rustix::io::read(&slot.socket, &mut buffer[start..until]) {
            // The rest of a record that is not whole will not come.
            Ok(0) => self.on_plain(key, plain, Heard::Ended),
            Ok(count) => {
                slot.seen_ms = now_ms;
                slot.asked = false;
                if start == 0 && is_plain_request(slot.phase, &buffer[..count]) {
                    return self.on_plain_request(key);
                }
                let heard = secured.open(&mut buffer[..start + count], plain);
                self.on_records(key, plain, heard);
            }
            Err(Errno::AGAIN | Errno::INTR) => secured.keep_incoming(incoming),
            Err(_broken) => self.close(key),
        }
    }

    /// Records were opened: TLS may have to say something itself, and what the peer said goes on as without TLS.
    fn on_records(&mut self, key: u64, plain: &mut Vec<u8>, heard: Result<Heard, rustls::Error>) {
        if self.has_pieces() {
            // These are sealed already, so they must leave before what is sealed now.
            self.send_together();
        }
        let Some(slot) = self.slots.get(key) else { return };
        let says = slot.is_blocked();
        if says && self.send_secured(key, &mut Vec::new()) == Written::Broken {
            return self.close(key);
        }
        match heard {
            Err(error) => self.on_bad_records(key, &error),
            Ok(heard) => {
                self.on_shaken(key);
                if !plain.is_empty() || heard == Heard::Ended {
                    self.on_plain(key, plain, heard);
                }
            }
        }
    }

    /// If the handshake is over now, requests may come.
    fn on_shaken(&mut self, key: u64) {
        let due_ms = self.core.ms_after(self.core.settings.request_timeout);
        let Some(slot) = self.slots.get(key) else { return };
        let is_over = slot.secured.as_ref().is_none_or(|secured| !secured.is_handshaking());
        if slot.phase == Phase::Handshake && is_over {
            slot.phase = Phase::Request;
            slot.due_ms = due_ms;
            self.on_known();
        }
    }

    /// Bytes in plain text, behind those that were kept.
    fn on_plain(&mut self, key: u64, plain: &mut Vec<u8>, heard: Heard) {
        let due_ms = self.core.ms_after(self.core.settings.request_timeout);
        let Some(slot) = self.slots.get(key) else { return };
        if slot.phase == Phase::Handshake {
            return self.close(key);
        }
        let held = slot.take_input();
        if heard == Heard::Ended {
            slot.inbound = Inbound::Ended;
        }
        if slot.phase == Phase::Request && held.is_empty() && !plain.is_empty() {
            slot.due_ms = due_ms;
        }
        if !held.is_empty() {
            plain.splice(..0, held);
        }
        self.on_input(key, plain);
    }

    /// The peer does not speak TLS as it should. A stranger learns why, so that a person can find out.
    fn on_bad_records(&mut self, key: u64, error: &rustls::Error) {
        let Some(slot) = self.slots.get(key) else { return };
        log::debug!("a connection breaks the rules of TLS: {error}");
        if slot.phase != Phase::Handshake || slot.is_blocked() {
            return self.close(key);
        }
        self.end_stranger(key);
    }

    /// Somebody speaks HTTP where TLS is spoken: it is told so in words that it understands.
    fn on_plain_request(&mut self, key: u64) {
        let mut answer = Vec::new();
        let detail = "this port speaks TLS: write `https:` or `wss:` in place of `http:` or `ws:`";
        let response = Response::problem(&Problem::new(ErrorCode::InvalidRequest, detail));
        let (version, connection) = (Version::Http11, Connection::Close);
        let form = Http1Form { version, connection, is_head: false, date: self.date() };
        response.write_http1(&form, &mut answer);
        let Some(slot) = self.slots.get(key) else { return };
        // As much as fits into the empty buffer of a new socket, which is all of it.
        let _sent = send_now(slot.socket.as_fd(), &answer);
        self.end_stranger(key);
    }

    /// Everything is said to a stranger.
    fn end_stranger(&mut self, key: u64) {
        if let Some(slot) = self.slots.get(key) {
            slot.phase = Phase::Last;
        }
        self.on_known();
        self.linger(key);
    }

    /// Sends `out` behind what still waits, as [`Worker::send`] does.
    pub(super) fn send_secured(&mut self, key: u64, out: &mut Vec<Bytes>) -> Written {
        let now_ms = self.core.now_ms;
        let Some(slot) = self.slots.get(key) else { return Written::Broken };
        let was_blocked = slot.is_blocked();
        let Some(secured) = &mut slot.secured else { return Written::Broken };
        let mut queue = match &mut slot.rare {
            Some(rare) => rare.output.take(),
            None => VecDeque::new(),
        };
        queue.extend(out.drain(..));
        let socket = slot.socket.as_fd();
        let mut total = 0;
        let send = |bytes: &[u8]| {
            if SENT_BYTES_MAX <= total {
                return Err(std::io::ErrorKind::WouldBlock.into());
            }
            send_now(socket, bytes).inspect(|count| total += count)
        };
        match secured.send(&mut queue, send) {
            Err(_broken) => return Written::Broken,
            Ok(0) => {}
            Ok(_) => {
                slot.sent_ms = now_ms;
                // A full socket that takes bytes again has a peer that reads: slow, but there.
                if was_blocked {
                    slot.seen_ms = now_ms;
                }
            }
        }
        if !queue.is_empty() {
            let output = HeldOutput::new(queue, &self.core.held_output);
            slot.rare.get_or_insert_with(Box::<Rare>::default).output = output;
        }
        if !slot.is_blocked() {
            slot.slim();
            return Written::All;
        }
        self.wait_for(key, Interest::Write);
        Written::Part
    }

    /// A piece as it goes to the socket. One that needs several records is sent by itself, record by record: a turn may have as many
    /// pieces as there are followers.
    pub(super) fn sealed_piece(&mut self, key: u64, bytes: Bytes) -> Sealed {
        let Some(secured) = self.slots.get(key).and_then(|slot| slot.secured.as_mut()) else {
            return Sealed::Piece(bytes);
        };
        if Secured::RECORD_BYTES < bytes.len() {
            return Sealed::Not(bytes);
        }
        let mut records = Vec::new();
        match secured.seal(&bytes, &mut records) {
            Ok(()) => Sealed::Piece(records.into()),
            // Sent by itself it fails in the same way, where that can be told.
            Err(_broken) => Sealed::Not(bytes),
        }
    }
}

/// Whether what a stranger says first is the method of HTTP rather than a record.
fn is_plain_request(phase: Phase, bytes: &[u8]) -> bool {
    phase == Phase::Handshake && bytes.first().is_some_and(u8::is_ascii_uppercase)
}

/// Says that nothing follows, if the socket takes it at once.
pub(super) fn say_closed(socket: &OwnedFd, secured: &mut Secured) {
    if !secured.has_sealed() {
        secured.close();
        let _sent = secured.send(&mut VecDeque::new(), |bytes| send_now(socket.as_fd(), bytes));
    }
}
