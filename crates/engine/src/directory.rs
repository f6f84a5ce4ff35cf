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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::stream;

    fn directory(names: &[&str]) -> Directory {
        let directory = Directory::new();
        for name in names {
            directory.insert(stream(name));
        }
        directory
    }

    fn list(directory: &Directory, prefix: &str, after: Option<&str>, limit: usize) -> Vec<String> {
        directory.list(prefix, after, limit).iter().map(|stream| stream.name().to_string()).collect()
    }

    #[test]
    fn a_list_is_by_name_and_of_a_prefix() {
        let directory = directory(&["b/2", "a", "b/10", "b", "c", "b/1", "bb"]);
        assert_eq!(list(&directory, "", None, 100), ["a", "b", "b/1", "b/10", "b/2", "bb", "c"]);
        assert_eq!(list(&directory, "b/", None, 100), ["b/1", "b/10", "b/2"]);
        assert_eq!(list(&directory, "b/10", None, 100), ["b/10"]);
        assert_eq!(list(&directory, "d", None, 100), [""; 0]);
    }

    #[test]
    fn a_list_goes_on_after_a_name_even_if_that_is_gone() {
        let directory = directory(&["a", "b/1", "b/2", "b/3", "c"]);
        assert_eq!(list(&directory, "b/", Some("b/1"), 1), ["b/2"]);
        assert_eq!(list(&directory, "b/", Some("b/15"), 100), ["b/2", "b/3"]);
        assert_eq!(list(&directory, "b/", Some("a"), 2), ["b/1", "b/2"]);
        assert_eq!(list(&directory, "b/", Some("c"), 100), [""; 0]);
        assert_eq!(list(&directory, "", Some("c"), 100), [""; 0]);
        assert_eq!(list(&directory, "", None, 0), [""; 0]);
    }

    #[test]
    fn removing_a_stream_leaves_another_of_its_name() {
        let directory = Directory::new();
        let (old, new) = (stream("a"), stream("a"));
        directory.insert(Arc::clone(&old));
        directory.insert(Arc::clone(&new));
        directory.remove(&old);
        assert_eq!(directory.find(new.name()).unwrap().incarnation(), new.incarnation());
        assert_eq!(list(&directory, "", None, 10), ["a"]);
        directory.remove(&new);
        assert!(directory.find(new.name()).is_none());
        assert_eq!(list(&directory, "", None, 10), [""; 0]);
    }
}
