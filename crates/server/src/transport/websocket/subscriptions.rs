//! The streams that one WebSocket follows: a reader each.

use crate::transport::WEBSOCKET;
use crate::worker::core::Core;
use crate::worker::followers::{Following, Owner};
use std::collections::VecDeque;
use tidings_engine::{Reader, Reply};

/// One stream that is followed.
pub(super) struct Subscription {
    /// The connection's own number for it; never used twice.
    pub(super) number: u32,
    pub(super) reader: Reader,
    /// Whether the client was told that it has everything.
    pub(super) live: bool,
    pub(super) fetching: bool,
    pub(super) fetched: Option<Reply>,
    following: Following,
    queued: bool,
}

/// All of one connection, and which of them can go on.
#[derive(Default)]
pub(super) struct Subscriptions {
    /// By rising number.
    all: Vec<Subscription>,
    ready: VecDeque<u32>,
}

impl Subscriptions {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn add(&mut self, number: u32, reader: Reader, owner: Owner, core: &mut Core) {
        let following = core.followers.follow(reader.stream(), owner, number, WEBSOCKET);
        let fresh = Subscription {
            number,
            reader,
            live: false,
            fetching: false,
            fetched: None,
            following,
            queued: false,
        };
        self.all.push(fresh);
        self.queue(number);
    }

    pub(super) fn number_of(&self, name: &str) -> Option<u32> {
        self.all.iter().find(|it| it.reader.stream().name().as_str() == name).map(|it| it.number)
    }

    pub(super) fn get(&mut self, number: u32) -> Option<&mut Subscription> {
        let at = self.all.binary_search_by_key(&number, |it| it.number).ok()?;
        self.all.get_mut(at)
    }

    pub(super) fn remove(&mut self, number: u32, core: &mut Core) {
        if let Ok(at) = self.all.binary_search_by_key(&number, |it| it.number) {
            let gone = self.all.remove(at);
            core.followers.unfollow(gone.following, core.now);
        }
    }

    pub(super) fn remove_all(&mut self, core: &mut Core) {
        for gone in self.all.drain(..) {
            core.followers.unfollow(gone.following, core.now);
        }
    }

    /// That one can go on.
    pub(super) fn queue(&mut self, number: u32) {
        let Some(subscription) = self.get(number).filter(|it| !it.queued) else { return };
        subscription.queued = true;
        self.ready.push_back(number);
    }

    /// The next one that can go on.
    pub(super) fn next_ready(&mut self) -> Option<u32> {
        while let Some(number) = self.ready.pop_front() {
            if let Some(subscription) = self.get(number) {
                subscription.queued = false;
                return Some(number);
            }
        }
        None
    }

    pub(super) fn any_ready(&self) -> bool {
        !self.ready.is_empty()
    }
}
