//! The streams of a feed: a reader each, and whose turn it is.
//!
//! Most feeds follow one stream, and most of the time nothing happens: so the first subscription lies in the feed itself, and
//! what only others need is allocated with the second one.

use crate::about::About;
use crate::worker::core::Core;
use crate::worker::followers::{Following, Owner};
use std::collections::VecDeque;
use tidings_engine::{FollowerKind, Reader, Reply};
use tidings_model::StreamName;

/// One stream that is followed.
#[expect(clippy::struct_excessive_bools, reason = "facts that are independent of each other, a byte each")]
pub(super) struct Subscription {
    /// The feed's own number for it; never used twice.
    pub(super) number: u32,
    pub(super) reader: Reader,
    /// Whether the client was told that it has everything.
    pub(super) live: bool,
    pub(super) fetching: bool,
    /// There was no room for its next page.
    pub(super) is_large: bool,
    pub(super) fetched: Option<Box<Reply>>,
    /// `None` where it only reads what is there.
    following: Option<Following>,
    queued: bool,
}

const _: () = assert!(size_of::<Subscription>() <= 48, "a follower has one for each stream");

impl Subscription {
    fn leave(self, core: &mut Core) {
        if let Some(following) = self.following {
            core.followers.unfollow(following, self.reader.stream(), core.now);
        }
    }
}

/// All of one feed, and which of them can go on.
#[derive(Default)]
pub(super) struct Subscriptions {
    first: Option<Subscription>,
    others: Option<Box<Others>>,
}

/// What a feed of more than one stream has.
#[derive(Default)]
struct Others {
    /// By rising number.
    all: Vec<Subscription>,
    /// Also the first one, when it can go on: each has its turn. Without others, `queued` of the first says all there is to say.
    ready: VecDeque<u32>,
    /// Those that need the disk while another one waits for it, each once.
    for_disk: VecDeque<u32>,
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

    /// Room for so many.
    pub(super) fn with_room_for(count: usize) -> Subscriptions {
        let others = (1 < count).then(|| {
            let (all, ready) = (Vec::with_capacity(count - 1), VecDeque::with_capacity(count));
            Box::new(Others { all, ready, for_disk: VecDeque::new() })
        });
        Subscriptions { first: None, others }
    }

    /// Adds one. It follows its stream as one of that kind, or only reads what is there.
    pub(super) fn add(
        &mut self,
        number: u32,
        reader: Reader,
        live: bool,
        owner: Owner,
        kind: Option<FollowerKind>,
        core: &mut Core,
    ) {
        let following = kind.map(|kind| core.follow(reader.stream(), owner, number, kind));
        let fresh = Subscription {
            number,
            reader,
            live,
            fetching: false,
            is_large: false,
            fetched: None,
            following,
            queued: false,
        };
        match &self.first {
            None => self.first = Some(fresh),
            Some(first) => {
                let ready = first.queued.then_some(first.number);
                let fresh_others =
                    || Box::new(Others { ready: ready.into_iter().collect(), ..Others::default() });
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

    /// How many messages the furthest reader is behind.
    pub(super) fn lag(&self) -> u64 {
        let others = self.others.iter().flat_map(|others| &others.all);
        self.first.iter().chain(others).map(|it| it.reader.lag()).max().unwrap_or_default()
    }

    /// The number and the name of each.
    pub(super) fn names(&self) -> Vec<(u32, StreamName)> {
        let others = self.others.iter().flat_map(|others| &others.all);
        let all = self.first.iter().chain(others);
        all.map(|it| (it.number, it.reader.stream().name().clone())).collect()
    }

    /// Where the reader of that number stands.
    pub(super) fn place(&self, number: u32) -> Option<u64> {
        if let Some(first) = self.first.as_ref().filter(|first| first.number == number) {
            return Some(first.reader.next());
        }
        let others = self.others.as_ref()?;
        Some(others.all.get(others.place_of(number)?)?.reader.next())
    }

    /// Says which streams there are.
    pub(super) fn describe(&self, about: &mut About) {
        let others = self.others.iter().flat_map(|others| &others.all);
        for subscription in self.first.iter().chain(others) {
            about.reads(subscription.reader.stream(), subscription.reader.next());
        }
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
            gone.leave(core);
        }
    }

    fn take(&mut self, number: u32) -> Option<Subscription> {
        if let Some(first) = self.first.take_if(|first| first.number == number) {
            return Some(first);
        }
        let others = self.others.as_mut()?;
        let at = others.place_of(number)?;
        let gone = others.all.remove(at);
        let last_others = self.others.take_if(|others| others.all.is_empty());
        if last_others.is_some_and(|others| !others.for_disk.is_empty()) {
            // Nobody is before the one that is left.
            self.first.iter_mut().for_each(|first| first.queued = true);
        }
        Some(gone)
    }

    pub(super) fn remove_all(&mut self, core: &mut Core) {
        let others = self.others.take().into_iter().flat_map(|others| others.all);
        for gone in self.first.take().into_iter().chain(others) {
            gone.leave(core);
        }
    }

    /// That one can go on, when all that can have had their turn.
    pub(super) fn queue(&mut self, number: u32) {
        let Some(subscription) = self.get(number).filter(|it| !it.queued) else { return };
        subscription.queued = true;
        if let Some(others) = &mut self.others {
            others.ready.push_back(number);
        }
    }

    /// That one has what it waited for, and goes on with its turn.
    fn queue_first(&mut self, number: u32) {
        let Some(subscription) = self.get(number) else { return };
        let was_queued = std::mem::replace(&mut subscription.queued, true);
        if let Some(others) = &mut self.others {
            if was_queued {
                others.ready.retain(|queued| *queued != number);
            }
            others.ready.push_front(number);
        }
    }

    /// Whether one may ask the disk now. Otherwise it has its turn again when the one before it has what it asked for: what
    /// the disk gives is kept until its reader is stepped, and there shall be one such piece a feed.
    pub(super) fn may_fetch(&mut self, number: u32) -> bool {
        if !self.is_fetching() {
            return true;
        }
        let others = self.others.as_mut().expect("it is another one that waits for the disk");
        if !others.for_disk.contains(&number) {
            others.for_disk.push_back(number);
        }
        false
    }

    /// Whether one waits for the disk, or has what it waited for and was not stepped yet.
    fn is_fetching(&self) -> bool {
        let others = self.others.iter().flat_map(|others| &others.all);
        self.first.iter().chain(others).any(|it| it.fetching || it.fetched.is_some())
    }

    /// Whether some need the disk and none of them is using it: whose turn it was has found all it needed in what others had read, or is gone.
    fn disk_is_left(&self) -> bool {
        self.others.as_ref().is_some_and(|others| !others.for_disk.is_empty()) && !self.is_fetching()
    }

    /// What one asked the disk for is here. It may be gone meanwhile.
    pub(super) fn on_fetched(&mut self, number: u32, reply: Reply) {
        if let Some(next) = self.others.as_mut().and_then(|others| others.for_disk.pop_front()) {
            self.queue(next);
        }
        if let Some(subscription) = self.get(number) {
            subscription.fetching = false;
            subscription.fetched = Some(Box::new(reply));
            self.queue_first(number);
        }
    }

    /// The next one that can go on.
    pub(super) fn next_ready(&mut self) -> Option<u32> {
        if self.others.is_none() {
            let first = self.first.as_mut().filter(|first| first.queued)?;
            first.queued = false;
            return Some(first.number);
        }
        if self.disk_is_left()
            && let Some(next) = self.others.as_mut().and_then(|others| others.for_disk.pop_front())
        {
            self.queue(next);
        }
        while let Some(number) = self.others.as_mut().and_then(|others| others.ready.pop_front()) {
            if let Some(subscription) = self.get(number) {
                subscription.queued = false;
                return Some(number);
            }
        }
        None
    }

    /// Lets another one begin that is so many places further on.
    pub(super) fn turn_by(&mut self, count: usize) {
        if let Some(others) = self.others.as_mut().filter(|others| !others.ready.is_empty()) {
            let at = count % others.ready.len();
            others.ready.rotate_left(at);
        }
    }

    pub(super) fn any_ready(&self) -> bool {
        match &self.others {
            None => self.first.as_ref().is_some_and(|first| first.queued),
            Some(others) => !others.ready.is_empty() || self.disk_is_left(),
        }
    }
}
