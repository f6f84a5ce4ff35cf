//! What the server has said about one name, kept by the test's own process, which nobody kills.

use crate::place::Place;
use std::collections::{BTreeMap, HashMap, HashSet};

/// What was acknowledged or shown.
#[derive(Debug)]
pub(crate) struct Truth {
    /// Which stream has the name; `None` where the deletion of the last one was acknowledged.
    pub(crate) incarnation: Option<String>,
    /// Those that had it before.
    ended: HashSet<String>,
    /// The numbers of the messages by their index.
    messages: BTreeMap<u64, u64>,
    /// The same, the other way round: no message is twice.
    indices: HashMap<u64, u64>,
    /// The greatest earliest index that was told.
    pub(crate) earliest: u64,
    /// The greatest tail that was told.
    pub(crate) tail: u64,
}

impl Truth {
    pub(crate) fn of_new(begin: &str) -> Truth {
        let mut truth = Truth {
            incarnation: None,
            ended: HashSet::new(),
            messages: BTreeMap::new(),
            indices: HashMap::new(),
            earliest: 0,
            tail: 0,
        };
        truth.on_created(&Place::parse(begin));
        truth
    }

    /// A stream has the name: the one that is known, or a new one where there was none.
    pub(crate) fn on_created(&mut self, begin: &Place) {
        assert!(!self.ended.contains(&begin.incarnation), "a deleted stream is back: {begin:?}");
        let known = self.incarnation.get_or_insert_with(|| begin.incarnation.clone());
        assert_eq!(*known, begin.incarnation, "another stream has the name");
    }

    pub(crate) fn on_deleted(&mut self) {
        let ended = self.incarnation.take();
        self.ended.extend(ended);
        self.messages.clear();
        self.indices.clear();
        (self.earliest, self.tail) = (0, 0);
    }

    /// These messages are stored, the last one directly before `end`.
    pub(crate) fn on_stored(&mut self, numbers: &[u64], end: &Place) {
        self.expect_same(end);
        let first = end.index - numbers.len() as u64;
        for (index, number) in (first..).zip(numbers) {
            self.note(index, *number);
        }
        self.tail = self.tail.max(end.index);
    }

    /// The stream was said to begin and end there; it may have gone on since.
    pub(crate) fn on_told(&mut self, earliest: &Place, tail: &Place) {
        self.expect_same(earliest);
        self.expect_same(tail);
        self.earliest = self.earliest.max(earliest.index);
        self.tail = self.tail.max(tail.index);
    }

    /// Which message was acknowledged or shown at that index.
    pub(crate) fn number_at(&self, index: u64) -> Option<u64> {
        self.messages.get(&index).copied()
    }

    /// Whether it was acknowledged or shown.
    pub(crate) fn knows(&self, number: u64) -> bool {
        self.indices.contains_key(&number)
    }

    /// One of those that had the name before.
    pub(crate) fn an_ended(&self) -> Option<&str> {
        self.ended.iter().next().map(String::as_str)
    }

    pub(crate) fn expect_same(&self, place: &Place) {
        assert_eq!(self.incarnation.as_deref(), Some(&*place.incarnation), "an offset of another stream");
    }

    fn note(&mut self, index: u64, number: u64) {
        let there = *self.messages.entry(index).or_insert(number);
        assert_eq!(there, number, "two messages at index {index}");
        let at = *self.indices.entry(number).or_insert(index);
        assert_eq!(at, index, "message {number} is stored twice");
    }
}
