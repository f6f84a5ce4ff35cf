//! Who follows what on this worker.

use super::pages::Pages;
use crate::metrics::{FollowedBy, Metrics};
use std::collections::HashMap;
use std::num::{NonZeroU8, NonZeroU32};
use std::sync::Arc;
use tidings_engine::{FollowerKind, Stream, WorkerId};
use tidings_model::{Incarnation, Timestamp};

/// Who owns an exchange: a slot's key, or a task's with [`Owner::TASK`] set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Owner(pub(crate) u64);

impl Owner {
    const TASK: u64 = 1 << 62;

    pub(crate) fn of_task(index: usize) -> Owner {
        Owner(Owner::TASK | index as u64)
    }

    /// Its place among all that a worker may hold, in an order that stays: tasks stand behind slots.
    pub(crate) fn place(self) -> u64 {
        if self.task().is_some() { self.0 } else { self.0 & 0xffff_ffff }
    }

    /// The index of the task, if it is one.
    pub(crate) fn task(self) -> Option<usize> {
        let is_task = self.0 & Owner::TASK != 0;
        is_task.then(|| usize::try_from(self.0 & !Owner::TASK).expect("it was made of an index"))
    }
}

/// One exchange that follows one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Following(Place);

/// A place among the links: one above its index, so that "none" takes no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place(NonZeroU32);

impl Place {
    fn of(index: usize) -> Place {
        let above = u32::try_from(index + 1).ok().and_then(NonZeroU32::new);
        Place(above.expect("there are fewer followers than a worker has memory for"))
    }

    fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// The followers of each stream, in the order in which they came.
pub(crate) struct Followers {
    worker: WorkerId,
    metrics: Arc<Metrics>,
    groups: HashMap<Incarnation, Group>,
    links: Pages<Link>,
}

struct Group {
    first: Option<Place>,
    last: Option<Place>,
}

/// The stream is known to the owner.
struct Link {
    owner: Owner,
    /// The owner's own number for it.
    number: u32,
    kind: Kind,
    previous: Option<Place>,
    next: Option<Place>,
}

const _: () = assert!(size_of::<Option<Link>>() <= 24, "a follower has one for each stream");

/// The number of a [`FollowerKind`], of which there are a few: one above it, so that "no link" takes no room.
#[derive(Clone, Copy, Debug)]
struct Kind(NonZeroU8);

impl Kind {
    fn of(kind: FollowerKind) -> Kind {
        let above = u8::try_from(kind.0 + 1).ok().and_then(NonZeroU8::new);
        Kind(above.expect("there are a few kinds"))
    }

    fn follower_kind(self) -> FollowerKind {
        FollowerKind(usize::from(self.0.get()) - 1)
    }
}

impl Followers {
    pub(crate) fn new(worker: WorkerId, metrics: Arc<Metrics>) -> Followers {
        Followers { worker, metrics, groups: HashMap::new(), links: Pages::default() }
    }

    /// From here on the owner hears of every change of the stream. Call it before the step that may find the tail.
    pub(crate) fn follow(
        &mut self,
        stream: &Stream,
        owner: Owner,
        number: u32,
        kind: FollowerKind,
    ) -> Following {
        stream.follower_came(kind);
        self.metrics.followers.of(FollowedBy::of(kind)).up();
        let link = Link { owner, number, kind: Kind::of(kind), previous: None, next: None };
        let place = Place::of(self.links.insert(link));
        let worker = self.worker;
        let group = self.groups.entry(stream.incarnation()).or_insert_with(|| {
            stream.watch(worker);
            Group { first: None, last: None }
        });
        match group.last.replace(place) {
            None => group.first = Some(place),
            Some(last) => {
                link_at(&mut self.links, last).next = Some(place);
                link_at(&mut self.links, place).previous = Some(last);
            }
        }
        Following(place)
    }

    /// Ends it. The stream is the one that was followed.
    pub(crate) fn unfollow(&mut self, following: Following, stream: &Stream, now: Timestamp) {
        let link = self.links.remove(following.0.index()).expect("who follows has a link");
        let kind = link.kind.follower_kind();
        stream.follower_left(kind);
        self.metrics.followers.of(FollowedBy::of(kind)).down();
        let incarnation = stream.incarnation();
        let Some(group) = self.groups.get_mut(&incarnation) else { return };
        match link.previous {
            None => group.first = link.next,
            Some(previous) => link_at(&mut self.links, previous).next = link.next,
        }
        match link.next {
            None => group.last = link.previous,
            Some(next) => link_at(&mut self.links, next).previous = link.previous,
        }
        if group.first.is_none() {
            self.groups.remove(&incarnation);
            stream.unwatch(self.worker, now);
        }
    }

    /// Those who follow the stream, with their own number for it.
    pub(crate) fn of(&self, stream: &Stream) -> impl Iterator<Item = (Owner, u32)> {
        self.links_of(stream).map(|link| (link.owner, link.number))
    }

    fn links_of(&self, stream: &Stream) -> impl Iterator<Item = &Link> {
        let mut at = self.groups.get(&stream.incarnation()).and_then(|group| group.first);
        std::iter::from_fn(move || {
            let link = self.links.get(at?.index())?;
            at = link.next;
            Some(link)
        })
    }
}

fn link_at(links: &mut Pages<Link>, place: Place) -> &mut Link {
    links.get_mut(place.index()).expect("links lead to links")
}
