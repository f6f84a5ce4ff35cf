//! Writing to parked sockets: what fits now, the rest when there is room.

use super::Worker;
use super::poller::Interest;
use super::slots::{Peer, Phase, Rare};
use bytes::{Buf, Bytes};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::io::IoSlice;

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

impl Worker {
    /// Sends `out` behind what still waits. What does not fit is kept, and the socket is waited for.
    pub(super) fn send(&mut self, key: u64, out: &mut Vec<Bytes>) -> Written {
        let now_ms = self.core.now_ms;
        let Some(slot) = self.slots.get(key) else { return Written::Broken };
        let mut queue = match &mut slot.rare {
            Some(rare) => std::mem::take(&mut rare.output),
            None => VecDeque::new(),
        };
        let was_blocked = !queue.is_empty();
        queue.extend(out.drain(..).filter(|bytes| !bytes.is_empty()));
        if queue.is_empty() {
            return Written::All;
        }
        let written = write_all(&slot.socket, &mut queue);
        match written {
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
        if queue.is_empty() {
            slot.slim();
            return Written::All;
        }
        slot.rare.get_or_insert_with(Box::<Rare>::default).output = queue;
        self.wait_for(key, Interest::Write);
        Written::Part
    }

    /// Changes what the poller waits for, if it must be changed.
    pub(super) fn wait_for(&mut self, key: u64, interest: Interest) {
        let Some(slot) = self.slots.get(key) else { return };
        if slot.interest != interest {
            slot.interest = interest;
            // The descriptor is registered for as long as the slot lives; the kernel has no reason to refuse.
            let _changed = self.poller.change(&slot.socket, key, interest);
        }
    }

    /// What the poller should wait for, by what the connection is doing.
    pub(super) fn wait_by_phase(&mut self, key: u64) {
        let Some(slot) = self.slots.get(key) else { return };
        let interest = match slot.phase {
            _ if slot.is_blocked() => Interest::Write,
            Phase::Request | Phase::Duplex | Phase::Last if slot.peer != Peer::Ended => Interest::Read,
            Phase::Answer if slot.streaming && slot.peer == Peer::Open => Interest::HangUp,
            Phase::Request | Phase::Answer | Phase::Duplex | Phase::Last => Interest::Neither,
        };
        self.wait_for(key, interest);
    }
}

/// Writes from the front of the queue until it is empty or the socket is full. Says how much went.
fn write_all(socket: &impl std::os::fd::AsFd, queue: &mut VecDeque<Bytes>) -> Result<usize, Errno> {
    /// The kernel takes at most 1,024 slices; a turn rarely has more than a few.
    const SLICES: usize = 64;
    let mut total = 0;
    while !queue.is_empty() {
        let slices: Vec<IoSlice<'_>> = queue.iter().take(SLICES).map(|bytes| IoSlice::new(bytes)).collect();
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
