//! What happens on a parked socket: bytes come in, the peer goes, and the connection ends.

use super::Worker;
use super::output::Written;
use super::poller::{Interest, Rank, Ready};
use super::slots::{Inbound, Phase, Slot};
use crate::story::{self, End};
use crate::worker::core::Core;
use crate::worker::followers::Owner;
use rustix::io::Errno;
use tidings_protocol::websocket::input::Input;

/// How much is read of pipelined requests in one go. A thousand connections may have as much, and the last of them
/// waits for all.
pub(super) const REQUEST_BYTES_MAX: usize = 16 << 10;

/// What is read from one connection while so many are ready: less from each, the more there are, so that the last of them does not wait
/// for all that the others have. Who is in the middle of something large gets all that there is room for: it would be copied again and
/// again.
pub(super) fn share_bytes(most: usize, held_bytes: usize, ready_count: usize) -> usize {
    const LEAST: usize = 1 << 10;
    if LEAST < held_bytes { most } else { (most / ready_count.max(1)).max(LEAST) }
}

impl Worker {
    pub(super) fn on_socket(&mut self, key: u64, event: Ready) {
        if event.broken {
            return self.close(key);
        }
        if event.writable {
            self.flush(key, &mut Vec::new());
        }
        if event.readable {
            let was_unfinished = self.slots.peek(key).is_some_and(Slot::is_unfinished);
            self.on_readable(key);
            self.rank(key, was_unfinished);
        }
    }

    /// Who has said all that it began to say comes before all who have not. A request in two pieces is no reason to move.
    pub(super) fn rank(&mut self, key: u64, was_unfinished: bool) {
        let Some(slot) = self.slots.get(key) else { return };
        let rank = match (slot.is_unfinished(), was_unfinished) {
            (false, _) => Rank::First,
            (true, true) => Rank::Behind,
            (true, false) => return,
        };
        if slot.rank == rank {
            return;
        }
        slot.rank = rank;
        if self.poller.set_rank(&slot.socket, key, slot.interest, rank).is_err() {
            self.close(key);
        }
    }

    pub(super) fn on_readable(&mut self, key: u64) {
        let now_ms = self.core.now_ms;
        let due_ms = self.core.ms_after(self.core.settings.request_timeout);
        let Some(slot) = self.slots.get(key) else { return };
        match slot.phase {
            Phase::ProxyHeader => return self.on_proxy_header(key),
            Phase::Answer => return self.on_hung_up(key),
            Phase::Last => return self.on_lingering(key),
            Phase::Handshake | Phase::Request | Phase::Duplex => {}
        }
        if slot.secured.is_some() {
            return self.on_readable_secured(key);
        }
        let held_bytes = slot.rare.as_ref().map_or(0, |rare| rare.input.len());
        let most = if slot.phase == Phase::Request { REQUEST_BYTES_MAX } else { Worker::BUFFER_BYTES };
        let bytes_max = share_bytes(most, held_bytes, self.ready_count).min(slot.input_bytes_max());
        let mut buffer = std::mem::take(&mut self.buffer);
        match rustix::io::read(&slot.socket, &mut buffer[..bytes_max]) {
            Ok(0) => {
                slot.inbound = Inbound::Ended;
                let mut held = slot.take_input();
                self.on_input(key, &mut held);
            }
            Ok(count) => {
                slot.seen_ms = now_ms;
                slot.asked = false;
                if let Some(story) = &mut slot.story {
                    story.on_received(count);
                }
                if slot.phase == Phase::Request && held_bytes == 0 {
                    slot.due_ms = due_ms;
                }
                if held_bytes == 0 {
                    self.on_input(key, &mut buffer[..count]);
                } else {
                    let mut held = slot.take_input();
                    held.extend_from_slice(&buffer[..count]);
                    self.on_input(key, &mut held);
                }
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_broken) => self.close(key),
        }
        self.buffer = buffer;
    }

    /// The peer has ended its direction while it is being answered. A stream is probed: if the peer is gone
    /// altogether, the kernel says so at once.
    fn on_hung_up(&mut self, key: u64) {
        let Some(slot) = self.slots.get(key) else { return };
        if !slot.streaming {
            // It is read once it is answered.
            return self.wait_for(key, Interest::Neither);
        }
        slot.inbound = Inbound::HungUp;
        let mut out = Vec::new();
        if let Some(exchange) = slot.exchange.as_mut() {
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

    pub(super) fn linger(&mut self, key: u64) {
        const LINGER_MS: u64 = 1_000;
        let due_ms = self.core.now_ms + LINGER_MS;
        let Some(slot) = self.slots.get(key) else { return };
        if let Some(secured) = &mut slot.secured {
            super::tls::say_closed(&slot.socket, secured);
        }
        let shut = rustix::net::shutdown(&slot.socket, rustix::net::Shutdown::Write);
        if slot.inbound == Inbound::Ended || shut.is_err() {
            return self.close(key);
        }
        slot.due_ms = due_ms;
        self.wait_by_phase(key);
    }

    pub(super) fn on_input(&mut self, key: u64, input: &mut [u8]) {
        let Some(slot) = self.slots.get(key) else { return };
        match slot.phase {
            Phase::Request => self.on_requests(key, input),
            Phase::Duplex => self.on_duplex_input(key, input),
            Phase::ProxyHeader | Phase::Handshake | Phase::Answer | Phase::Last => {
                self.keep_input(key, input);
            }
        }
    }

    pub(super) fn on_duplex_input(&mut self, key: u64, input: &mut [u8]) {
        let Some(slot) = self.slots.get(key) else { return };
        if slot.inbound == Inbound::Ended && input.is_empty() {
            return self.close(key);
        }
        let Some(mut exchange) = slot.exchange.take() else { return };
        let mut out = Vec::new();
        exchange.on_input(&mut Input::new(input), Owner(key), &mut self.core, &mut out);
        self.tell(key);
        if let Some(slot) = self.slots.get(key) {
            slot.exchange = Some(exchange);
        }
        self.flush(key, &mut out);
        self.queue(Owner(key));
    }

    /// A step was taken for it.
    pub(super) fn tell(&mut self, key: u64) {
        if self.core.notes.is_on {
            let story = self.slots.get(key).and_then(|slot| slot.story.as_deref_mut());
            story::tell(story, &mut self.core.notes);
        }
    }

    pub(super) fn close(&mut self, key: u64) {
        let Some(mut slot) = self.slots.remove(key) else { return };
        self.poller.remove(&slot.socket, key, slot.rank);
        if let Some(story) = slot.story.take() {
            story.tell(end_of(&slot, &self.core), self.core.now_ms);
        }
        self.on_stranger_gone(&slot);
        if let Some(secured) = &mut slot.secured {
            super::tls::say_closed(&slot.socket, secured);
        }
        if let Some(exchange) = slot.exchange.as_mut() {
            exchange.leave(&mut self.core);
        }
    }
}

/// Why the connection of a slot ends, by what it was doing.
fn end_of(slot: &Slot, core: &Core) -> End {
    match slot.inbound {
        Inbound::HungUp | Inbound::Ended => End::Peer,
        Inbound::Open if core.draining => End::Drained,
        Inbound::Open if slot.phase == Phase::Last => End::Server,
        // The hand of the clock has stood here: it leaves no time limit behind.
        Inbound::Open if slot.due_ms == u64::MAX && slot.phase == Phase::Request => End::TimedOut,
        Inbound::Open => End::Broken,
    }
}
