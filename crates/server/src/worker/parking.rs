//! Connections on their way to hyper, and back into a slot.

use super::Worker;
use super::odd::HandedOver;
use super::output::Written;
use super::poller::Rank;
use super::slots::{Channel, Phase, Slot};
use crate::limits::Caller;
use crate::story::Story;
use crate::transport::websocket::{self, FirstSubscription};
use bytes::Bytes;

/// Who has made a connection, and what it has done so far where somebody wants to know.
pub(super) type Whose = (Caller, Option<Box<Story>>);

impl Worker {
    pub(super) fn hand_over(&mut self, key: u64, input: &[u8], out: &mut Vec<Bytes>) {
        match self.send(key, out) {
            Written::All => {}
            // Answers of earlier requests still wait: the odd one is looked at again when they are gone.
            Written::Part => return self.keep_input(key, input),
            Written::Broken => return self.close(key),
        }
        if let Some(slot) = self.slots.remove(key) {
            self.poller.remove(&slot.socket, key, slot.rank);
            let Slot { socket, secured, peer, share, story, .. } = slot;
            let (channel, input) = (Channel { socket, secured }, Bytes::copy_from_slice(input));
            self.handed_over.push(HandedOver { channel, input, whose: (Caller { peer, share }, story) });
        }
    }

    /// Takes a connection back into a slot, with what was read from it.
    pub(super) fn park(&mut self, channel: Channel, whose: Whose, input: Vec<u8>) {
        let mut slot = self.slot_of(channel, whose);
        slot.due_ms = self.core.ms_after(self.core.settings.keep_alive_timeout);
        self.park_slot(slot, input);
    }

    /// Takes a connection that hyper has upgraded.
    pub(super) fn park_upgraded(
        &mut self,
        channel: Channel,
        (caller, story): Whose,
        mut input: Vec<u8>,
        first: FirstSubscription,
    ) {
        // Nobody else will ask over this connection.
        let caller = Caller { peer: first.peer(), ..caller };
        let mut slot = self.slot_of(channel, (caller, story));
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
    pub(super) fn park_last(&mut self, channel: Channel, whose: Whose) {
        let mut slot = self.slot_of(channel, whose);
        slot.phase = Phase::Last;
        if let Some(key) = self.park_slot(slot, Vec::new()) {
            self.linger(key);
        }
    }

    fn slot_of(&self, channel: Channel, (caller, story): Whose) -> Slot {
        let mut slot = Slot::new(channel, caller, self.core.now_ms);
        slot.story = story;
        slot
    }

    fn park_slot(&mut self, mut slot: Slot, mut input: Vec<u8>) -> Option<u64> {
        slot.rank = if slot.is_unfinished() { Rank::Behind } else { Rank::First };
        let key = self.slots.insert(slot);
        let added =
            self.slots.get(key).map(|slot| self.poller.add(&slot.socket, key, slot.interest, slot.rank));
        if !matches!(added, Some(Ok(()))) {
            self.close(key);
            return None;
        }
        if !input.is_empty() {
            self.on_input(key, &mut input);
            self.rank(key, true);
            // This is no turn, and in the next one an event of this connection may come first.
            self.send_together();
        }
        Some(key)
    }
}
