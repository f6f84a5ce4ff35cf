//! A table in pages: what is in it never moves, little room is left over, and an empty page is given back.

use std::collections::BTreeSet;

/// Values by their place. A place that was left is used again.
pub(super) struct Pages<T> {
    all: Vec<Option<Box<Page<T>>>>,
    /// Pages with a free place; the first is filled first, so that the last become empty.
    with_room: BTreeSet<usize>,
    count: usize,
}

struct Page<T> {
    places: [Option<T>; PAGE],
    /// A bit for each place that is taken: a free one is found without looking at the places themselves.
    taken: [u64; PAGE / 64],
}

impl<T> Page<T> {
    fn free_place(&self) -> Option<usize> {
        let word = self.taken.iter().position(|bits| *bits != u64::MAX)?;
        Some(word * 64 + self.taken[word].trailing_ones() as usize)
    }

    fn is_empty(&self) -> bool {
        self.taken == [0; PAGE / 64]
    }
}

/// Places of a page.
const PAGE: usize = 256;

impl<T> Default for Pages<T> {
    fn default() -> Pages<T> {
        Pages { all: Vec::new(), with_room: BTreeSet::new(), count: 0 }
    }
}

impl<T> Pages<T> {
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// One above the highest place that may be taken.
    pub(super) fn end(&self) -> usize {
        self.all.len() * PAGE
    }

    pub(super) fn insert(&mut self, value: T) -> usize {
        let number = self.with_room.first().copied().unwrap_or_else(|| self.grow());
        let page = self.all[number].as_mut().expect("a page with room is there");
        let at = page.free_place().expect("this page has room");
        page.places[at] = Some(value);
        page.taken[at / 64] |= 1 << (at % 64);
        if page.free_place().is_none() {
            self.with_room.remove(&number);
        }
        self.count += 1;
        number * PAGE + at
    }

    pub(super) fn get(&self, place: usize) -> Option<&T> {
        self.all.get(place / PAGE)?.as_ref()?.places[place % PAGE].as_ref()
    }

    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        self.all.get_mut(place / PAGE)?.as_mut()?.places[place % PAGE].as_mut()
    }

    pub(super) fn remove(&mut self, place: usize) -> Option<T> {
        let number = place / PAGE;
        let page = self.all.get_mut(number)?.as_mut()?;
        let at = place % PAGE;
        let value = page.places[at].take()?;
        page.taken[at / 64] &= !(1 << (at % 64));
        let is_empty = page.is_empty();
        self.with_room.insert(number);
        self.count -= 1;
        if is_empty {
            self.give_back(number);
        }
        Some(value)
    }

    fn grow(&mut self) -> usize {
        let number = self.all.iter().position(Option::is_none).unwrap_or(self.all.len());
        let page = Box::new(Page { places: [const { None }; PAGE], taken: [0; PAGE / 64] });
        match self.all.get_mut(number) {
            Some(gone) => *gone = Some(page),
            None => self.all.push(Some(page)),
        }
        self.with_room.insert(number);
        number
    }

    fn give_back(&mut self, number: usize) {
        self.all[number] = None;
        self.with_room.remove(&number);
        while matches!(self.all.last(), Some(None)) {
            self.all.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_stays_at_its_place_until_it_is_removed() {
        let mut pages = Pages::default();
        let places: Vec<_> = (0..3 * PAGE).map(|value| pages.insert(value)).collect();
        assert_eq!((pages.len(), pages.end()), (3 * PAGE, 3 * PAGE));
        for (value, place) in places.iter().enumerate() {
            assert_eq!(pages.get(*place), Some(&value));
        }
        assert_eq!(pages.remove(places[5]), Some(5));
        assert_eq!(pages.get(places[5]), None);
        assert_eq!(pages.remove(places[5]), None);
        assert_eq!(pages.insert(99), places[5]);
        *pages.get_mut(places[5]).unwrap() = 100;
        assert_eq!(pages.get(places[5]), Some(&100));
    }

    #[test]
    fn an_empty_page_is_given_back() {
        let mut pages = Pages::default();
        let places: Vec<_> = (0..4 * PAGE).map(|value| pages.insert(value)).collect();
        for place in &places[PAGE..2 * PAGE] {
            pages.remove(*place);
        }
        assert!(pages.all[1].is_none());
        assert_eq!(pages.end(), 4 * PAGE);
        assert_eq!(pages.insert(1) / PAGE, 1, "it is made anew");
        for place in &places[2 * PAGE..] {
            pages.remove(*place);
        }
        assert_eq!((pages.len(), pages.end()), (PAGE + 1, 2 * PAGE));
    }
}
