//! Slots: where parked connections live, a few bytes each, in pages that never move.

use super::held::{HeldInput, HeldOutput};
use super::pages::Pages;
use super::poller::{Interest, Rank};
use super::secured::Secured;
use crate::exchange::Exchange;
use crate::limits::{Caller, ConnectionShare};
use crate::peer::Peer;
use crate::story::Story;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use tidings_auth::ClientCertificate;

/// What a connection speaks through: its socket, and its TLS if it has any.
pub(crate) struct Channel {
    pub(crate) socket: OwnedFd,
    pub(crate) secured: Option<Box<Secured>>,
}

/// A connection as long as it is in the worker's own hands.
#[expect(clippy::struct_excessive_bools, reason = "facts that are independent of each other, a byte each")]
pub(crate) struct Slot {
    pub(crate) socket: OwnedFd,
    /// What its bytes go through, if it is not in plain text.
    pub(crate) secured: Option<Box<Secured>>,
    /// Which of the connections that its place has had.
    generation: u32,
    pub(crate) phase: Phase,
    /// It stands in the queue of those that can go on.
    pub(crate) queued: bool,
    /// What the poller waits for on its behalf.
    pub(crate) interest: Interest,
    /// Where it stands among those that are ready.
    pub(crate) rank: Rank,
    pub(crate) inbound: Inbound,
    /// Who has made it.
    pub(crate) peer: Peer,
    /// What it takes of what its address may have.
    pub(crate) share: Option<Box<ConnectionShare>>,
    /// Its answer goes on: heartbeats are due.
    pub(crate) streaming: bool,
    /// The peer was asked to speak and has not spoken since.
    pub(crate) asked: bool,
    pub(crate) http10: bool,
    /// Whether another request may follow the one that is being answered.
    pub(crate) keep_alive: bool,
    /// When the peer was last heard, and last written to; milliseconds of the worker's clock.
    pub(crate) seen_ms: u64,
    pub(crate) sent_ms: u64,
    /// When it is looked at again at the latest; `u64::MAX` for never.
    pub(crate) due_ms: u64,
    /// When it was opened, in seconds of the worker's clock.
    pub(crate) opened_s: u32,
    pub(crate) exchange: Option<Box<dyn Exchange>>,
    pub(crate) rare: Option<Box<Rare>>,
    /// What it has done, where somebody wants to know.
    pub(crate) story: Option<Box<Story>>,
}

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Waits for what a proxy says of its client, before the first byte of that one.
    ProxyHeader,
    /// The peer is a stranger: TLS is not agreed on yet.
    Handshake,
    /// Waits for a request, or for the rest of one.
    Request,
    /// A request is being answered; what was sent behind it waits.
    Answer,
    /// Upgraded: bytes from the peer go to the exchange.
    Duplex,
    /// Everything is said: flush, then close.
    Last,
}

impl Phase {
    /// What a connection is doing whose peer is known, and that has said nothing yet.
    pub(crate) fn after_proxy_header(secured: Option<&Secured>) -> Phase {
        let is_stranger = secured.is_some_and(Secured::is_handshaking);
        if is_stranger { Phase::Handshake } else { Phase::Request }
    }
}

/// What is known of the peer's own direction. One that has ended it still gets its answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inbound {
    /// More may come.
    Open,
    /// It has ended it; requests that it sent before may still wait to be read.
    HungUp,
    /// Everything was read.
    Ended,
}

/// What few connections have at a time.
#[derive(Default)]
pub(crate) struct Rare {
    /// Bytes of a request that is not complete, or that waits behind a held answer.
    pub(super) input: HeldInput,
    /// Bytes that the socket did not take.
    pub(super) output: HeldOutput,
}

impl Slot {
    pub(crate) fn new(channel: Channel, caller: Caller, now_ms: u64) -> Slot {
        let Channel { socket, secured } = channel;
        Slot {
            socket,
            phase: Phase::after_proxy_header(secured.as_deref()),
            secured,
            generation: 0,
            queued: false,
            interest: Interest::Read,
            rank: Rank::Behind,
            inbound: Inbound::Open,
            peer: caller.peer,
            share: caller.share,
            streaming: false,
            asked: false,
            http10: false,
            keep_alive: true,
            seen_ms: now_ms,
            sent_ms: now_ms,
            due_ms: u64::MAX,
            opened_s: u32::try_from(now_ms / 1_000).unwrap_or(u32::MAX),
            exchange: None,
            rare: None,
            story: None,
        }
    }

    /// Whether the socket has yet to take bytes.
    pub(crate) fn is_blocked(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| !rare.output.is_empty())
            || self.secured.as_ref().is_some_and(|secured| secured.has_sealed())
    }

    /// The certificate that its peer has shown, if it is somebody's.
    pub(crate) fn certificate(&self) -> Option<Arc<ClientCertificate>> {
        self.secured.as_ref().and_then(|secured| secured.certificate().cloned())
    }

    /// Whether bytes of a request wait for the rest of it.
    pub(crate) fn has_input(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| !rare.input.is_empty())
    }

    /// Whether its peer has said the beginning of something, and not the rest.
    pub(super) fn is_unfinished(&self) -> bool {
        match self.phase {
            Phase::ProxyHeader | Phase::Handshake | Phase::Last => true,
            Phase::Request | Phase::Answer | Phase::Duplex => {
                self.has_input()
                    || self.secured.as_ref().is_some_and(|secured| secured.has_incoming())
                    || self.exchange.as_ref().is_some_and(|exchange| exchange.is_unfinished())
            }
        }
    }

    /// Takes these bytes, for what comes next to be put behind them.
    pub(super) fn take_input(&mut self) -> Vec<u8> {
        self.rare.as_mut().map(|rare| rare.input.take()).unwrap_or_default()
    }

    /// What is kept for it that was not sent, or has not fully arrived.
    pub(crate) fn held_bytes(&self) -> usize {
        let of_records = self.secured.as_ref().map_or(0, |secured| secured.held_bytes());
        let Some(rare) = &self.rare else { return of_records };
        of_records + rare.input.len() + rare.output.len()
    }

    /// How much may be read for it at once.
    pub(super) fn input_bytes_max(&self) -> usize {
        self.exchange.as_ref().map_or(usize::MAX, |exchange| exchange.input_bytes_max())
    }

    /// Frees what is empty: a connection that waits holds no buffer.
    pub(crate) fn slim(&mut self) {
        if self.rare.as_ref().is_some_and(|rare| rare.input.is_empty() && rare.output.is_empty()) {
            self.rare = None;
        }
    }
}

/// Slots by key: the place and the generation, so that a stale key finds nothing.
#[derive(Default)]
pub(crate) struct Slots {
    pages: Pages<Slot>,
    /// That of the next slot. It comes round again after a thousand million connections.
    generation: u32,
    hand: usize,
}

const _: () = assert!(size_of::<Option<Slot>>() <= 112, "a parked connection costs at most 112 bytes");

impl Slots {
    /// Generations stay below this, so that keys stay below those of tasks and of the poller itself.
    const GENERATIONS: u32 = 1 << 30;

    pub(crate) fn len(&self) -> usize {
        self.pages.len()
    }

    pub(crate) fn insert(&mut self, slot: Slot) -> u64 {
        let generation = self.generation;
        self.generation = (generation + 1) % Slots::GENERATIONS;
        key(index_of(self.pages.insert(Slot { generation, ..slot })), generation)
    }

    pub(crate) fn get(&mut self, key: u64) -> Option<&mut Slot> {
        let (place, generation) = parts(key);
        self.pages.get_mut(place).filter(|slot| slot.generation == generation)
    }

    /// The same, to look at only.
    pub(crate) fn peek(&self, key: u64) -> Option<&Slot> {
        let (place, generation) = parts(key);
        self.pages.get(place).filter(|slot| slot.generation == generation)
    }

    pub(crate) fn remove(&mut self, key: u64) -> Option<Slot> {
        self.peek(key)?;
        let (place, _) = parts(key);
        self.pages.remove(place)
    }

    /// How many places the hand goes over: one above the highest that may be taken.
    pub(crate) fn places(&self) -> usize {
        self.pages.end()
    }

    /// The keys of the next `share` places, round and round: the hand of the clock.
    pub(crate) fn under_the_hand(&mut self, share: usize, keys: &mut Vec<u64>) {
        keys.clear();
        let places = self.pages.end();
        for _ in 0..share.min(places) {
            self.hand = (self.hand + 1) % places;
            keys.extend(self.key_at(self.hand));
        }
    }

    /// The keys of what stands at that place and behind it.
    pub(crate) fn keys_from(&self, place: u64) -> impl Iterator<Item = u64> {
        let first = usize::try_from(place).unwrap_or(usize::MAX);
        (first..self.pages.end()).filter_map(|place| self.key_at(place))
    }

    /// All keys, for what concerns every connection.
    pub(crate) fn keys(&self) -> Vec<u64> {
        self.keys_at(0..self.places())
    }

    /// The keys of those places.
    pub(crate) fn keys_at(&self, places: std::ops::Range<usize>) -> Vec<u64> {
        places.filter_map(|place| self.key_at(place)).collect()
    }

    fn key_at(&self, place: usize) -> Option<u64> {
        self.pages.get(place).map(|slot| key(index_of(place), slot.generation))
    }
}

fn index_of(place: usize) -> u32 {
    u32::try_from(place).expect("there are fewer connections than descriptors, and those have 31 bits")
}

fn key(index: u32, generation: u32) -> u64 {
    u64::from(generation) << 32 | u64::from(index)
}

fn parts(key: u64) -> (usize, u32) {
    let index = u32::try_from(key & 0xffff_ffff).expect("32 bits were kept");
    let generation = u32::try_from(key >> 32).expect("32 bits are left");
    (index as usize, generation)
}
