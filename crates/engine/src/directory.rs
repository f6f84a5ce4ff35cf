//! The live streams, by name: one map for those who look a name up, one for those who list.

use crate::stream::Stream;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::ops::Bound;
use std::sync::{Arc, Mutex, RwLock};
use tidings_model::StreamName;

/// Written by the commit thread only. Listing has a lock of its own, so that it never delays a read or a publish.
pub(crate) struct Directory {
    hasher: RandomState,
    shards: Vec<RwLock<HashMap<StreamName, Arc<Stream>>>>,
    listing: Mutex<BTreeMap<StreamName, Arc<Stream>>>,
}

impl Directory {
    const SHARDS: usize = 64;

    pub(crate) fn new() -> Directory {
        Directory {
            hasher: RandomState::new(),
            shards: (0..Directory::SHARDS).map(|_| RwLock::default()).collect(),
            listing: Mutex::default(),
        }
    }

    pub(crate) fn find(&self, name: &StreamName) -> Option<Arc<Stream>> {
        let shard = self.shard(name).read().expect("nobody panics while holding the directory");
        shard.get(name).cloned()
    }

    pub(crate) fn insert(&self, stream: Arc<Stream>) {
        let name = stream.name().clone();
        let mut listing = self.listing.lock().expect("nobody panics while holding the list");
        listing.insert(name.clone(), Arc::clone(&stream));
        drop(listing);
        let mut shard = self.shard(&name).write().expect("nobody panics while holding the directory");
        shard.insert(name, stream);
    }

    /// Removes the stream, but not another one that has its name by now.
    pub(crate) fn remove(&self, stream: &Stream) {
        let name = stream.name();
        let is_it = |found: Option<&Arc<Stream>>| {
            found.is_some_and(|found| found.incarnation() == stream.incarnation())
        };
        let mut listing = self.listing.lock().expect("nobody panics while holding the list");
        if is_it(listing.get(name)) {
            listing.remove(name);
        }
        drop(listing);
        let mut shard = self.shard(name).write().expect("nobody panics while holding the directory");
        if is_it(shard.get(name)) {
            shard.remove(name);
        }
    }

    /// Up to `limit` streams whose names begin with `prefix`, after the name `after`.
    pub(crate) fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Vec<Arc<Stream>> {
        let listing = self.listing.lock().expect("nobody panics while holding the list");
        let from = match after {
            Some(after) if prefix <= after => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let names = listing.range::<str, _>((from, Bound::Unbounded));
        names
            .take_while(|(name, _)| name.as_str().starts_with(prefix))
            .take(limit)
            .map(|(_, it)| Arc::clone(it))
            .collect()
    }

    fn shard(&self, name: &StreamName) -> &RwLock<HashMap<StreamName, Arc<Stream>>> {
        let hash = usize::try_from(self.hasher.hash_one(name) % Directory::SHARDS as u64);
        &self.shards[hash.expect("a shard's index is small")]
    }
}
