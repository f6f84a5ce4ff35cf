//! Connections on their way to hyper, and back into a slot.

use super::Worker;
use super::odd::HandedOver;
use super::output::Written;
use super::poller::Interest;
use super::slots::{Phase, Slot};
use crate::peer::Peer;
use crate::transport::websocket::{self, FirstSubscription};
use bytes::Bytes;
use std::net::TcpStream;

impl Worker {
    pub(super) fn hand_over(&mut self, key: u64, input: &[u8], out: &mut Vec<Bytes>) {
        match self.send(key, out) {
            Written::All => {}
            // Answers of earlier requests still wait: the odd one is looked at again when they are gone.
            Written::Part => return self.keep_input(key, input),
            Written::Broken => return self.close(key),
        }
        if let Some(slot) = self.slots.remove(key) {
            self.poller.remove(&slot.socket, key);
            let Slot { socket, peer, .. } = slot;
            let (socket, input) = (TcpStream::from(socket), Bytes::copy_from_slice(input));
            self.handed_over.push(HandedOver { socket, input, peer });
        }
    }

    /// Takes a connection back into a slot, with what was read from it.
    pub(super) fn park(&mut self, socket: TcpStream, peer: Peer, input: Vec<u8>) {
        let mut slot = Slot::new(socket.into(), peer, self.core.now_ms);
        slot.due_ms = self.core.ms_after(self.core.settings.keep_alive_timeout);
        self.park_slot(slot, input);
    }

    /// Takes a connection that hyper has upgraded.
    pub(super) fn park_upgraded(&mut self, socket: TcpStream, mut input: Vec<u8>, first: FirstSubscription) {
        let mut slot = Slot::new(socket.into(), first.peer(), self.core.now_ms);
        slot.phase = Phase::Duplex;
        slot.streaming = true;
        let Some(key) = self.park_slot(slot, Vec::new()) else { return };
        let exchange = websocket::begin(first, &self.core);
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
    pub(super) fn park_last(&mut self, socket: TcpStream, peer: Peer) {
        let mut slot = Slot::new(socket.into(), peer, self.core.now_ms);
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
            // This is no turn, and in the next one an event of this connection may come first.
            self.send_together();
        }
        Some(key)
    }
}
