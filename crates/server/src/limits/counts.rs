//! What is held at the moment, by key: exact over all workers. An entry is there only while it holds something.

use super::key::{Key, KeyHasher};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::BuildHasherDefault;
use std::sync::{Mutex, MutexGuard, PoisonError};

type Part = HashMap<Key, u32, BuildHasherDefault<KeyHasher>>;

/// Several tables, so that workers rarely meet at a lock. Each is held for one look-up.
#[derive(Default)]
pub(super) struct Counts {
    parts: [Mutex<Part>; Counts::PARTS],
}

impl Counts {
    const PARTS: usize = 16;
    /// A table is made smaller when less than a quarter of it is used, and it is larger than this.
    const ROOM_MIN: usize = 256;

    /// Takes so many more, if that are no more than may be; `most` of 0 is as many as one likes.
    pub(super) fn take(&self, key: Key, count: u32, most: usize) -> bool {
        let mut part = self.part(key);
        let held = part.get(&key).copied().unwrap_or_default();
        let Some(more) = held.checked_add(count) else { return false };
        if most != 0 && most < more as usize {
            return false;
        }
        if more != 0 {
            part.insert(key, more);
        }
        true
    }

    /// Gives so many back.
    pub(super) fn give_back(&self, key: Key, count: u32) {
        let mut part = self.part(key);
        if let Entry::Occupied(mut held) = part.entry(key) {
            *held.get_mut() = held.get().saturating_sub(count);
            if *held.get() == 0 {
                held.remove();
            }
        }
        if Counts::ROOM_MIN < part.capacity() && part.len() < part.capacity() / 4 {
            let room = part.len() * 2;
            part.shrink_to(room);
        }
    }

    fn part(&self, key: Key) -> MutexGuard<'_, Part> {
        self.parts[key.part(Counts::PARTS)].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many keys hold something, and for how many there is room.
    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, usize) {
        let parts = self.parts.iter().map(|part| part.lock().unwrap());
        parts.fold((0, 0), |(len, room), part| (len + part.len(), room + part.capacity()))
    }
}
