//! The live streams: those that somebody uses. All others are but a record in the directory of their log.
//!
//! A stream is made live by whoever looks for it and by the commit thread, and dropped by the commit thread. There is
//! never more than one [`Stream`] for one incarnation: whoever holds one sees what is committed to all.
//!
//! The log shows a commit in its directory before the commit thread tells the live streams. So the lock of a shard is
//! held from the (second) look at the directory until the stream is in the shard. If the look came before the commit,
//! the commit thread waits for that lock and finds the stream; if it came after, the stream knows the commit already, and
//! being told again changes nothing.

use crate::stream::Stream;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{Ordering, fence};
use std::sync::{Arc, Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;
use tidings_model::{Incarnation, Lifetime, StreamName, Timestamp};

/// Live streams by incarnation, and their incarnations by name. Where both locks are needed, that of the name comes last.
pub(crate) struct LiveStreams {
    hasher: RandomState,
    shards: Vec<RwLock<Shard>>,
    /// A name may lead to a stream that is gone; then it leads nowhere, and the catalogs are asked.
    names: Vec<RwLock<HashMap<StreamName, Incarnation>>>,
    /// Those made live since they were last taken.
    arrived: Mutex<Vec<Incarnation>>,
    started: Timestamp,
}

#[derive(Default)]
struct Shard {
    streams: HashMap<Incarnation, Arc<Stream>>,
    /// When streams with a TTL that are not live were last read or published to, if they were since the start.
    accesses: HashMap<Incarnation, Timestamp>,
}

/// What became of a live stream that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Somebody holds it.
    Used,
    /// Nobody holds it, but somebody did a moment ago.
    Idle,
    /// It is not live, or not any more.
    Gone,
}

impl LiveStreams {
    const SHARDS: usize = 64;

    pub(crate) fn new(started: Timestamp) -> LiveStreams {
        LiveStreams {
            hasher: RandomState::new(),
            shards: (0..LiveStreams::SHARDS).map(|_| RwLock::default()).collect(),
            names: (0..LiveStreams::SHARDS).map(|_| RwLock::default()).collect(),
            arrived: Mutex::default(),
            started,
        }
    }

    /// The live stream of that name. Two hashes and two short locks.
    pub(crate) fn find(&self, name: &StreamName) -> Option<Arc<Stream>> {
        let names = self.names(name).read().expect("nobody panics while holding the names");
        let incarnation = *names.get(name)?;
        drop(names);
        self.of(incarnation)
    }

    /// The live stream of that incarnation.
    pub(crate) fn of(&self, incarnation: Incarnation) -> Option<Arc<Stream>> {
        self.shard(incarnation).streams.get(&incarnation).cloned()
    }

    /// The live stream of that incarnation, or else what `make` makes, given when it was last accessed. `make` must look
    /// at what is committed: see the head of this file.
    pub(crate) fn find_or_make(
        &self,
        incarnation: Incarnation,
        make: impl FnOnce(Option<Timestamp>) -> Option<Stream>,
    ) -> Option<Arc<Stream>> {
        let mut shard = self.shard_mut(incarnation);
        let found = shard.streams.get(&incarnation).cloned();
        let is_new = found.is_none();
        let stream = match found {
            Some(stream) => stream,
            None => Arc::new(make(shard.accesses.get(&incarnation).copied())?),
        };
        if is_new {
            shard.accesses.remove(&incarnation);
            shard.streams.insert(incarnation, Arc::clone(&stream));
        }
        // Under both locks: who removes the stream removes its name too, or has done so before.
        let mut names = self.names(stream.name()).write().expect("nobody panics while holding the names");
        names.insert(stream.name().clone(), incarnation);
        drop((names, shard));
        if is_new {
            self.arrived.lock().expect("nobody panics while holding the arrived").push(incarnation);
        }
        Some(stream)
    }

    /// The stream is deleted: nobody finds it from here on.
    pub(crate) fn remove(&self, incarnation: Incarnation, name: &StreamName) -> Option<Arc<Stream>> {
        let mut shard = self.shard_mut(incarnation);
        shard.accesses.remove(&incarnation);
        self.forget_name(name, incarnation);
        shard.streams.remove(&incarnation)
    }

    /// Drops the stream if nobody holds it and nobody has used it for so long.
    pub(crate) fn drop_unused(&self, incarnation: Incarnation, now: Timestamp, unused_for: Duration) -> Use {
        // Most are used. That is seen without keeping others from the shard.
        match self.shard(incarnation).streams.get(&incarnation) {
            None => return Use::Gone,
            Some(stream) if 1 < Arc::strong_count(stream) => return Use::Used,
            Some(_) => {}
        }
        let mut shard = self.shard_mut(incarnation);
        let Some(stream) = shard.streams.get(&incarnation) else { return Use::Gone };
        if 1 < Arc::strong_count(stream) {
            return Use::Used;
        }
        // Whatever the last holder did to it comes before this.
        fence(Ordering::Acquire);
        // By the distance: a clock that was set back must not keep streams live for as long as that.
        if u128::from(now.0.abs_diff(stream.accessed().0)) < unused_for.as_millis() {
            return Use::Idle;
        }
        if let Lifetime::Ttl { .. } = stream.config().lifetime {
            let accessed = stream.accessed();
            shard.accesses.insert(incarnation, accessed);
        }
        if let Some(stream) = shard.streams.remove(&incarnation) {
            self.forget_name(stream.name(), incarnation);
        }
        shrink(&mut shard.streams);
        Use::Gone
    }

    /// When a stream was last read or published to, as far as a TTL is concerned. Now, while it is followed.
    pub(crate) fn accessed(&self, incarnation: Incarnation, created: Timestamp, now: Timestamp) -> Timestamp {
        let shard = self.shard(incarnation);
        match shard.streams.get(&incarnation) {
            Some(stream) => stream.idle_since(now),
            None => shard.accesses.get(&incarnation).copied().unwrap_or(self.first_access(created)),
        }
    }

    /// What counts as the last access where there was none since the start: a TTL begins anew then.
    pub(crate) fn first_access(&self, created: Timestamp) -> Timestamp {
        created.max(self.started)
    }

    /// A stream that is perhaps not live was accessed, and has a TTL.
    pub(crate) fn touch(&self, incarnation: Incarnation, now: Timestamp) {
        let mut shard = self.shard_mut(incarnation);
        match shard.streams.get(&incarnation) {
            Some(stream) => stream.touch(now),
            None => drop(shard.accesses.insert(incarnation, now)),
        }
    }

    /// How many parts the live streams have: see [`LiveStreams::part`].
    pub(crate) const PARTS: usize = LiveStreams::SHARDS;

    /// Some of the live streams: each is in one part. Keeps nobody but who makes one of that part live from it.
    pub(crate) fn part(&self, part: usize) -> Vec<Arc<Stream>> {
        let Some(shard) = self.shards.get(part) else { return Vec::new() };
        shard.read().expect("nobody panics while holding a shard").streams.values().cloned().collect()
    }

    /// Those that became live since the last call.
    pub(crate) fn take_arrived(&self) -> Vec<Incarnation> {
        std::mem::take(&mut *self.arrived.lock().expect("nobody panics while holding the arrived"))
    }

    fn forget_name(&self, name: &StreamName, incarnation: Incarnation) {
        let mut names = self.names(name).write().expect("nobody panics while holding the names");
        // The name may be another stream's by now.
        if names.get(name) == Some(&incarnation) {
            names.remove(name);
            shrink(&mut names);
        }
    }

    fn names(&self, name: &StreamName) -> &RwLock<HashMap<StreamName, Incarnation>> {
        &self.names[some_shard(self.hasher.hash_one(name))]
    }

    fn shard(&self, incarnation: Incarnation) -> RwLockReadGuard<'_, Shard> {
        self.shard_of(incarnation).read().expect("nobody panics while holding a shard")
    }

    fn shard_mut(&self, incarnation: Incarnation) -> RwLockWriteGuard<'_, Shard> {
        self.shard_of(incarnation).write().expect("nobody panics while holding a shard")
    }

    /// Incarnations are random: their bits are as good as a hash.
    fn shard_of(&self, incarnation: Incarnation) -> &RwLock<Shard> {
        &self.shards[some_shard(incarnation.to_bits())]
    }
}

fn some_shard(random: u64) -> usize {
    usize::try_from(random % LiveStreams::SHARDS as u64).expect("there are few shards")
}

/// Gives memory back after many streams were live once.
fn shrink<K: Eq + Hash, V>(map: &mut HashMap<K, V>) {
    const SMALL: usize = 64;
    if SMALL < map.capacity() && map.len() < map.capacity() / 4 {
        map.shrink_to(map.len() * 2);
    }
}
