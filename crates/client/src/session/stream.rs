//! The streams that a session follows.

use super::Place;
use std::collections::{BTreeMap, HashMap};
use std::time::Instant;
use tidings_model::{Offset, Start, StreamName};

/// One stream that a session follows.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) name: StreamName,
    pub(super) place: Place,
    /// Whether to go on asking while there is no such stream.
    pub(super) wait: bool,
    /// The place at which it was told that everything stored was given; `None` when it has fallen behind since.
    pub(super) told: Option<Offset>,
    /// How often in a row it was answered with an error. While it is not 0, only polls and web sockets ask for it.
    pub(super) troubles: u32,
    /// When it may be asked for again.
    pub(super) retry_at: Option<Instant>,
    /// When a poll last asked for it; `None` when it has to be asked for at once.
    pub(super) polled_at: Option<Instant>,
}

impl Stream {
    /// A stream that nobody has asked for yet.
    pub(super) fn new(name: StreamName, start: Start, wait: bool) -> Stream {
        let place = Place::new(start);
        Stream { name, place, wait, told: None, troubles: 0, retry_at: None, polled_at: None }
    }

    /// Whether it may be asked for now.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.retry_at.is_none_or(|at| at <= now)
    }

    /// Everything that is stored was given: where that is, if it is news.
    pub(super) fn on_up_to_date(&mut self) -> Option<Offset> {
        let offset = self.place.offset()?;
        let is_news = self.told.replace(offset).is_none();
        is_news.then_some(offset)
    }
}

/// All of them, by name, and in the order in which they were wanted.
#[derive(Debug, Default)]
pub(super) struct Streams {
    by_order: BTreeMap<u64, Stream>,
    orders: HashMap<StreamName, u64>,
    last_order: u64,
}

impl Streams {
    pub(super) fn insert(&mut self, stream: Stream) {
        self.remove(&stream.name);
        self.last_order += 1;
        self.orders.insert(stream.name.clone(), self.last_order);
        self.by_order.insert(self.last_order, stream);
    }

    pub(super) fn remove(&mut self, name: &StreamName) -> Option<Stream> {
        self.by_order.remove(&self.orders.remove(name)?)
    }

    pub(super) fn get(&self, name: &StreamName) -> Option<&Stream> {
        self.by_order.get(self.orders.get(name)?)
    }

    pub(super) fn get_mut(&mut self, name: &StreamName) -> Option<&mut Stream> {
        self.by_order.get_mut(self.orders.get(name)?)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_order.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Stream> {
        self.by_order.values()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Stream> {
        self.by_order.values_mut()
    }
}
