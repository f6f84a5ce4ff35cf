//! Names in order, for lists: four bytes a stream.

/// Ids of streams by name, in chunks of a few hundred. What compares them is given with each call, since the names are
/// in the records.
#[derive(Default)]
pub(super) struct NameOrder {
    /// Never an empty one.
    chunks: Vec<Vec<u32>>,
}

/// A chunk, and a place in it.
pub(super) type OrderPlace = (usize, usize);

impl NameOrder {
    /// A chunk that has so many is cut in two.
    const CHUNK_MAX: usize = 512;

    /// Of ids that are in order.
    pub(super) fn from_sorted(ids: &[u32]) -> NameOrder {
        NameOrder { chunks: ids.chunks(NameOrder::CHUNK_MAX * 3 / 4).map(<[u32]>::to_vec).collect() }
    }

    /// Adds an id behind those of the same name.
    pub(super) fn insert<'a>(&mut self, id: u32, name_of: impl Fn(u32) -> &'a str) {
        let name = name_of(id);
        let (chunk, at) = self.place(|other| name_of(other) <= name);
        // Behind the end of a chunk rather than in front of the next one: names that come in order fill chunks.
        let (chunk, at) = match chunk.checked_sub(1) {
            Some(before) if at == 0 => (before, self.chunks[before].len()),
            _ => (chunk, at),
        };
        if self.chunks.is_empty() {
            self.chunks.push(Vec::new());
        }
        let ids = &mut self.chunks[chunk];
        ids.insert(at, id);
        if NameOrder::CHUNK_MAX <= ids.len() {
            // At the very end names often come in order: leave a full chunk behind.
            let cut = if at + 1 == ids.len() { ids.len() * 7 / 8 } else { ids.len() / 2 };
            let rest = ids.split_off(cut);
            ids.shrink_to_fit();
            self.chunks.insert(chunk + 1, rest);
        }
    }

    /// Removes an id.
    pub(super) fn remove<'a>(&mut self, id: u32, name_of: impl Fn(u32) -> &'a str) {
        let name = name_of(id);
        let (mut chunk, mut at) = self.place(|other| name_of(other) < name);
        // Among those of the same name; there are two for a moment when one is deleted and made again.
        while let Some(ids) = self.chunks.get_mut(chunk) {
            match ids.get(at) {
                Some(found) if *found == id => {
                    ids.remove(at);
                    if ids.is_empty() {
                        self.chunks.remove(chunk);
                    }
                    return;
                }
                Some(_) => at += 1,
                None => (chunk, at) = (chunk + 1, 0),
            }
        }
    }

    /// The place of the first name that is not before this one.
    pub(super) fn from<'a>(&self, name: &str, name_of: impl Fn(u32) -> &'a str) -> OrderPlace {
        self.place(|other| name_of(other) < name)
    }

    /// The place of the first name after this one.
    pub(super) fn after<'a>(&self, name: &str, name_of: impl Fn(u32) -> &'a str) -> OrderPlace {
        self.place(|other| name_of(other) <= name)
    }

    /// The ids from a place on.
    pub(super) fn iter_from(&self, (chunk, at): OrderPlace) -> impl Iterator<Item = u32> {
        let first = self.chunks.get(chunk).into_iter().flat_map(move |ids| &ids[at..]);
        first.chain(self.chunks.iter().skip(chunk + 1).flatten()).copied()
    }

    /// Where the first id is for which `before` does not hold.
    fn place(&self, before: impl Fn(u32) -> bool) -> OrderPlace {
        let chunk = self.chunks.partition_point(|ids| ids.last().is_some_and(|last| before(*last)));
        let at = self.chunks.get(chunk).map_or(0, |ids| ids.partition_point(|id| before(*id)));
        (chunk, at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_in_the_order_of_their_names() {
        let mut names: Vec<String> = Vec::new();
        let mut order = NameOrder::default();
        let mut bits = 7_u64;
        for id in 0..5_000 {
            bits = bits.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
            names.push(format!("{:x}", bits >> 50));
            order.insert(id, |id| names[id as usize].as_str());
        }
        let name_of = |id: u32| names[id as usize].as_str();
        for id in (0..5_000).filter(|id| id % 3 == 0) {
            order.remove(id, name_of);
        }
        let mut expected: Vec<u32> = (0..5_000).filter(|id| id % 3 != 0).collect();
        expected.sort_by_key(|id| (name_of(*id), *id));
        let sorted = |ids: Vec<u32>| {
            let mut ids = ids;
            ids.sort_by_key(|id| (name_of(*id), *id));
            ids
        };
        let all: Vec<u32> = order.iter_from(order.from("", name_of)).collect();
        assert!(all.is_sorted_by_key(|id| name_of(*id)));
        assert_eq!(sorted(all), expected);
        let from =
            |name: &str| -> Vec<u32> { expected.iter().copied().filter(|id| name <= name_of(*id)).collect() };
        assert_eq!(sorted(order.iter_from(order.from("8", name_of)).collect()), from("8"));
        let same = name_of(expected[100]);
        assert!(order.iter_from(order.after(same, name_of)).all(|id| same < name_of(id)));
        assert_eq!(NameOrder::from_sorted(&expected).iter_from((0, 0)).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn names_that_come_in_order_fill_chunks() {
        let names: Vec<String> = (0..10_000).map(|n| format!("{n:05}")).collect();
        let mut order = NameOrder::default();
        for id in 0..10_000 {
            order.insert(id, |id| names[id as usize].as_str());
        }
        assert!(order.chunks.len() < 26, "{}", order.chunks.len());
        for id in 0..10_000 {
            order.remove(id, |id| names[id as usize].as_str());
        }
        assert!(order.chunks.is_empty());
    }
}
