//! The streams that one WebSocket follows: a reader each.
//!
//! Most connections follow one stream, and most of the time nothing happens: so the first subscription lies in the connection itself, and
//! what only others need is allocated with the second one.

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
    pub(super) fetched: Option<Box<Reply>>,
    following: Following,
    queued: bool,
}

const _: () = assert!(size_of::<Subscription>() <= 48, "a follower has one for each stream");

/// All of one connection, and which of them can go on.
#[derive(Default)]
pub(super) struct Subscriptions {
    first: Option<Subscription>,
    others: Option<Box<Others>>,
}

/// What a connection has that follows more than one stream.
#[derive(Default)]
struct Others {
    /// By rising number.
    all: Vec<Subscription>,
    /// Also the first one, when it can go on: each has its turn. Without others, `queued` of the first says all there is to say.
    ready: VecDeque<u32>,
}

impl Others {
    fn add(&mut self, fresh: Subscription) {
        if self.all.len() == self.all.capacity() {
            // By half, and by one at first: nothing is left over where there are few.
            self.all.reserve_exact((self.all.len() / 2).max(1));
        }
        self.all.push(fresh);
    }

    fn place_of(&self, number: u32) -> Option<usize> {
        self.all.binary_search_by_key(&number, |it| it.number).ok()
    }
}

impl Subscriptions {
    pub(super) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.others.as_ref().map_or(0, |others| others.all.len())
    }

    pub(super) fn add(&mut self, number: u32, reader: Reader, owner: Owner, core: &mut Core) {
        let following = core.follow(reader.stream(), owner, number, WEBSOCKET);
        let fresh = Subscription {
            number,
            reader,
            live: false,
            fetching: false,
            fetched: None,
            following,
            queued: false,
        };
        match &self.first {
            None => self.first = Some(fresh),
            Some(first) => {
                let ready = first.queued.then_some(first.number);
                let fresh_others =
                    || Box::new(Others { all: Vec::new(), ready: ready.into_iter().collect() });
                self.others.get_or_insert_with(fresh_others).add(fresh);
            }
        }
        self.queue(number);
    }

    pub(super) fn number_of(&self, name: &str) -> Option<u32> {
        let others = self.others.iter().flat_map(|others| &others.all);
        let mut all = self.first.iter().chain(others);
        all.find(|it| it.reader.stream().name().as_str() == name).map(|it| it.number)
    }

    pub(super) fn get(&mut self, number: u32) -> Option<&mut Subscription> {
        if self.first.as_ref().is_some_and(|first| first.number == number) {
            return self.first.as_mut();
        }
        let others = self.others.as_mut()?;
        let at = others.place_of(number)?;
        others.all.get_mut(at)
    }

    pub(super) fn remove(&mut self, number: u32, core: &mut Core) {
        if let Some(gone) = self.take(number) {
            core.followers.unfollow(gone.following, gone.reader.stream(), core.now);
        }
    }

    fn take(&mut self, number: u32) -> Option<Subscription> {
        if let Some(first) = self.first.take_if(|first| first.number == number) {
            return Some(first);
        }
        let others = self.others.as_mut()?;
        let at = others.place_of(number)?;
        let gone = others.all.remove(at);
        self.others.take_if(|others| others.all.is_empty());
        Some(gone)
    }

    pub(super) fn remove_all(&mut self, core: &mut Core) {
        let others = self.others.take().into_iter().flat_map(|others| others.all);
        for gone in self.first.take().into_iter().chain(others) {
            core.followers.unfollow(gone.following, gone.reader.stream(), core.now);
        }
    }

    /// That one can go on.
    pub(super) fn queue(&mut self, number: u32) {
        let Some(subscription) = self.get(number).filter(|it| !it.queued) else { return };
        subscription.queued = true;
        if let Some(others) = &mut self.others {
            others.ready.push_back(number);
        }
    }

    /// The next one that can go on.
    pub(super) fn next_ready(&mut self) -> Option<u32> {
        if self.others.is_none() {
            let first = self.first.as_mut().filter(|first| first.queued)?;
            first.queued = false;
            return Some(first.number);
        }
        while let Some(number) = self.others.as_mut().and_then(|others| others.ready.pop_front()) {
            if let Some(subscription) = self.get(number) {
                subscription.queued = false;
                return Some(number);
            }
        }
        None
    }

    pub(super) fn any_ready(&self) -> bool {
        match &self.others {
            None => self.first.as_ref().is_some_and(|first| first.queued),
            Some(others) => !others.ready.is_empty(),
        }
    }
}
