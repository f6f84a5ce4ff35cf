//! Writing to parked sockets: what fits now, the rest when there is room.
//!
//! Hot path: fan-out. What one turn says to many leaves together, in one system call for many sockets where the
//! kernel has `io_uring`. Budget: no allocation for who gets one piece that fits.

use super::Worker;
use super::held::HeldOutput;
use super::poller::Interest;
use super::slots::{Inbound, Phase, Rare, Slot};
use super::tls::Sealed;
use crate::settings::Sends;
use bytes::{Buf, Bytes};
use rustix::io::Errno;
use rustix::net::SendFlags;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd};
use tidings_sys::SendRing;

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// The kernel has all of it.
    All,
    /// The socket is full.
    Part,
    /// The connection is gone.
    Broken,
}

/// What a connection does once the kernel has what it said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// It waits.
    Wait,
    /// It has more to say.
    GoOn,
    /// Its request is answered: the next one, if it is here.
    Resume,
}

/// What is sent together. Nothing of it outlasts a turn.
#[derive(Default)]
pub(super) struct Together {
    /// `None` where each is sent by itself.
    ring: Option<SendRing>,
    pieces: Vec<Piece>,
    sent: Vec<io::Result<usize>>,
}

struct Piece {
    key: u64,
    bytes: Bytes,
    then: Then,
}

impl Together {
    /// With fewer, a ring costs more than it saves.
    const PIECES_MIN: usize = 3;

    /// As the settings say. `IoUring` is an error where the system has none.
    pub(super) fn new(sends: Sends) -> io::Result<Together> {
        let ring = match sends {
            Sends::Send => None,
            Sends::Auto => SendRing::new()
                .inspect_err(|error| log::info!("io_uring can't be had, so each is sent by itself: {error}"))
                .ok(),
            Sends::IoUring => Some(SendRing::new()?),
        };
        Ok(Together { ring, ..Together::default() })
    }

    /// Its name in the log.
    pub(super) fn name(&self) -> &'static str {
        if self.ring.is_some() { "io-uring" } else { "send" }
    }
}

impl Worker {
    /// Sends `out` behind what still waits. What does not fit is kept, and the socket is waited for.
    pub(super) fn send(&mut self, key: u64, out: &mut Vec<Bytes>) -> Written {
        out.retain(|bytes| !bytes.is_empty());
        let Some(slot) = self.slots.get(key) else { return Written::Broken };
        if slot.secured.is_some() {
            return self.send_secured(key, out);
        }
        if out.len() == 1 && !slot.is_blocked() {
            let bytes = out.pop().unwrap_or_default();
            let sent = send_now(slot.socket.as_fd(), &bytes);
            return self.on_sent(key, bytes, sent);
        }
        let mut queue = match &mut slot.rare {
            Some(rare) => rare.output.take(),
            None => VecDeque::new(),
        };
        let was_blocked = !queue.is_empty();
        queue.extend(out.drain(..));
        if queue.is_empty() {
            return Written::All;
        }
        let now_ms = self.core.now_ms;
        match write_all(&slot.socket, &mut queue) {
            Err(_broken) => return Written::Broken,
            Ok(0) => {}
            Ok(count) => {
                slot.sent_ms = now_ms;
                if let Some(story) = &mut slot.story {
                    story.on_sent(count);
                }
                // A full socket that takes bytes again has a peer that reads: slow, but there.
                if was_blocked {
                    slot.seen_ms = now_ms;
                }
            }
        }
        if queue.is_empty() {
            slot.slim();
            return Written::All;
        }
        let output = HeldOutput::new(queue, &self.core.held_output);
        slot.rare.get_or_insert_with(Box::<Rare>::default).output = output;
        self.wait_for(key, Interest::Write);
        Written::Part
    }

    /// Sends it together with what others are sent in this turn, if it is one piece.
    pub(super) fn send_with_others(&mut self, key: u64, out: &mut Vec<Bytes>, then: Then) {
        out.retain(|bytes| !bytes.is_empty());
        let waits = self.slots.peek(key).is_some_and(Slot::is_blocked);
        if out.len() != 1 || waits || self.together.ring.is_none() {
            let written = self.send(key, out);
            return self.on_said(key, written, then);
        }
        let bytes = out.pop().unwrap_or_default();
        let bytes = match self.sealed_piece(key, bytes) {
            Sealed::Piece(bytes) => bytes,
            Sealed::Not(bytes) => {
                out.push(bytes);
                let written = self.send(key, out);
                return self.on_said(key, written, then);
            }
        };
        self.together.pieces.push(Piece { key, bytes, then });
        if self.together.pieces.len() == SendRing::CAPACITY as usize {
            self.send_together();
        }
    }

    /// Whether something of this turn is not sent yet.
    pub(super) fn has_pieces(&self) -> bool {
        !self.together.pieces.is_empty()
    }

    /// Sends what was put together. Before anything else happens to a connection.
    pub(super) fn send_together(&mut self) {
        // A connection that was answered may have sent its next request already.
        while !self.together.pieces.is_empty() {
            self.send_pieces();
        }
    }

    fn send_pieces(&mut self) {
        let mut pieces = std::mem::take(&mut self.together.pieces);
        pieces.retain(|piece| self.slots.peek(piece.key).is_some());
        let mut sent = std::mem::take(&mut self.together.sent);
        sent.clear();
        let slots = &self.slots;
        let sockets = pieces.iter().map(|piece| {
            let slot = slots.peek(piece.key).expect("the others were dropped above");
            (slot.socket.as_fd(), share_of(&piece.bytes))
        });
        match &mut self.together.ring {
            Some(ring) if Together::PIECES_MIN <= pieces.len() => {
                if let Err(error) = ring.send_all(sockets, &mut sent) {
                    log::warn!("io_uring fails, so messages are sent one by one from here on: {error}");
                    self.together.ring = None;
                }
            }
            Some(_) | None => sent.extend(sockets.map(|(socket, bytes)| send_now(socket, bytes))),
        }
        // A ring that broke before it sent anything tells nothing; who has no outcome is written to when it is writable.
        sent.resize_with(pieces.len(), || Err(io::ErrorKind::WouldBlock.into()));
        for (Piece { key, bytes, then }, sent) in pieces.drain(..).zip(sent.drain(..)) {
            let written = self.on_sent(key, bytes, sent);
            self.on_said(key, written, then);
        }
        if self.together.pieces.is_empty() {
            self.together.pieces = pieces;
        }
        self.together.sent = sent;
    }

    /// One piece was sent to a connection for which nothing else waited.
    fn on_sent(&mut self, key: u64, mut bytes: Bytes, sent: io::Result<usize>) -> Written {
        let now_ms = self.core.now_ms;
        let Some(slot) = self.slots.get(key) else { return Written::Broken };
        match sent {
            Ok(count) => {
                slot.sent_ms = now_ms;
                if let Some(story) = &mut slot.story {
                    story.on_sent(count);
                }
                if count == bytes.len() {
                    return Written::All;
                }
                bytes.advance(count);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_broken) => return Written::Broken,
        }
        match &mut slot.secured {
            // What is left of a record.
            Some(secured) => secured.push_sealed(bytes),
            None => {
                let output = HeldOutput::new([bytes].into(), &self.core.held_output);
                slot.rare.get_or_insert_with(Box::<Rare>::default).output = output;
            }
        }
        self.wait_for(key, Interest::Write);
        Written::Part
    }

    /// What a step has said is with the kernel, or waits for the socket.
    fn on_said(&mut self, key: u64, written: Written, then: Then) {
        match (written, then) {
            (Written::Broken, _) => self.close(key),
            // Not `resume`: that would ask it again at once, for ever.
            (Written::All | Written::Part, Then::Wait) => self.wait_by_phase(key),
            // Blocked, it goes on when there is room.
            (Written::All | Written::Part, Then::GoOn) => self.queue_later(key),
            (Written::All, Then::Resume) => self.resume(key),
            (Written::Part, Then::Resume) => {}
        }
    }

    /// Changes what the poller waits for, if it must be changed.
    pub(super) fn wait_for(&mut self, key: u64, interest: Interest) {
        let Some(slot) = self.slots.get(key) else { return };
        if slot.interest != interest {
            slot.interest = interest;
            // The descriptor is registered for as long as the slot lives; the kernel has no reason to refuse.
            let _changed = self.poller.change(&slot.socket, key, interest, slot.rank);
        }
    }

    /// What the poller should wait for, by what the connection is doing.
    pub(super) fn wait_by_phase(&mut self, key: u64) {
        let Some(slot) = self.slots.get(key) else { return };
        let interest = match slot.phase {
            _ if slot.is_blocked() => Interest::Write,
            Phase::Handshake => Interest::Read,
            Phase::ProxyHeader | Phase::Request | Phase::Duplex | Phase::Last
                if slot.inbound != Inbound::Ended =>
            {
                Interest::Read
            }
            Phase::Answer if slot.streaming && slot.inbound == Inbound::Open => Interest::HangUp,
            // Most often the answer comes first: two system calls less. Whoever sends more before it is not read.
            Phase::Answer if !slot.streaming && slot.interest == Interest::Read => Interest::Read,
            Phase::ProxyHeader | Phase::Request | Phase::Answer | Phase::Duplex | Phase::Last => {
                Interest::Neither
            }
        };
        self.wait_for(key, interest);
    }
}

/// The signal is one that Rust's runtime ignores anyhow, where the system can't be asked not to send it.
#[cfg(not(target_vendor = "apple"))]
pub(super) const SEND_FLAGS: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);
#[cfg(target_vendor = "apple")]
pub(super) const SEND_FLAGS: SendFlags = SendFlags::DONTWAIT;

/// What one connection is sent before others have their turn; it goes on as soon as its socket is writable, which it is.
pub(super) const SENT_BYTES_MAX: usize = 128 << 10;

/// One `send`: how much the socket took.
pub(super) fn send_now(socket: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    let bytes = share_of(bytes);
    Ok(rustix::io::retry_on_intr(|| rustix::net::send(socket, bytes, SEND_FLAGS))?)
}

/// What is sent of it before others have their turn.
fn share_of(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len().min(SENT_BYTES_MAX)]
}

/// Writes from the front of the queue until it is empty, the socket is full, or it has taken [`SENT_BYTES_MAX`]: a peer on the same network takes a
/// large answer as fast as it can be copied, and others wait meanwhile. Says how much went.
fn write_all(socket: &impl AsFd, queue: &mut VecDeque<Bytes>) -> Result<usize, Errno> {
    /// The kernel takes at most 1,024 slices; a turn rarely has more than a few.
    const SLICES: usize = 64;
    let mut total = 0;
    while !queue.is_empty() && total < SENT_BYTES_MAX {
        let mut left = SENT_BYTES_MAX - total;
        let slices = queue.iter().take(SLICES).map(|bytes| {
            let taken = bytes.len().min(left);
            left -= taken;
            IoSlice::new(&bytes[..taken])
        });
        let slices: Vec<IoSlice<'_>> = slices.take_while(|slice| !slice.is_empty()).collect();
        let mut sent = match rustix::io::writev(socket, &slices) {
            Ok(sent) => sent,
            Err(Errno::INTR) => continue,
            Err(Errno::AGAIN) => break,
            Err(broken) => return Err(broken),
        };
        total += sent;
        while let Some(front) = queue.front_mut().filter(|_| sent != 0) {
            let taken = sent.min(front.len());
            front.advance(taken);
            sent -= taken;
            if front.is_empty() {
                queue.pop_front();
            }
        }
    }
    Ok(total)
}
