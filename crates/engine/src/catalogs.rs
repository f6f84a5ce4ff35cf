//! What is committed, of both logs: where a stream that nobody uses is found.

use std::iter::Peekable;
use tidings_log::{Catalog, StreamView};
use tidings_model::{Durability, Incarnation, StreamName};

/// The catalogs of both logs. A name is in one of them; while it moves from one to the other perhaps in none, or both.
pub(crate) struct Catalogs {
    pub(crate) disk: Catalog,
    pub(crate) memory: Catalog,
}

/// Streams that are asked of a catalog at once: its lock is held for some 20 µs.
const PAGE: usize = 64;

impl Catalogs {
    /// The stream of that name.
    pub(crate) fn find(&self, name: &StreamName) -> Option<StreamView> {
        self.disk.find(name.as_str()).or_else(|| self.memory.find(name.as_str()))
    }

    /// The stream of that incarnation.
    pub(crate) fn of(&self, incarnation: Incarnation) -> Option<StreamView> {
        match durability_of(incarnation) {
            Durability::Disk => self.disk.of(incarnation),
            Durability::Memory => self.memory.of(incarnation),
        }
    }

    /// How many streams there are.
    pub(crate) fn count(&self) -> usize {
        self.disk.count() + self.memory.count()
    }

    /// All streams, in no particular order but the same one each time.
    pub(crate) fn for_each(&self, mut look: impl FnMut(StreamView)) {
        self.disk.for_each(&mut look);
        self.memory.for_each(&mut look);
    }

    /// Up to `limit` streams by name, with names that begin with `prefix`, after the name `after`.
    pub(crate) fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Vec<StreamView> {
        let mut disk = by_name(&self.disk, prefix, after, limit).peekable();
        let mut memory = by_name(&self.memory, prefix, after, limit).peekable();
        std::iter::from_fn(|| next(&mut disk, &mut memory)).take(limit).collect()
    }
}

/// The log that has a stream.
pub(crate) fn durability_of(incarnation: Incarnation) -> Durability {
    if incarnation.is_of_memory() { Durability::Memory } else { Durability::Disk }
}

/// The one that comes first by name. A name that is in both, because it moves, is shown once.
fn next(
    one: &mut Peekable<impl Iterator<Item = StreamView>>,
    other: &mut Peekable<impl Iterator<Item = StreamView>>,
) -> Option<StreamView> {
    match (one.peek(), other.peek()) {
        (Some(a), Some(b)) if b.name < a.name => other.next(),
        (Some(a), Some(b)) if a.name == b.name => {
            one.next();
            other.next()
        }
        (Some(_), _) => one.next(),
        (None, _) => other.next(),
    }
}

/// The streams of one catalog, a page at a time, and not more than `limit`.
fn by_name(
    catalog: &Catalog,
    prefix: &str,
    after: Option<&str>,
    limit: usize,
) -> impl Iterator<Item = StreamView> {
    let mut after = after.map(str::to_owned);
    let mut ended = false;
    let pages = std::iter::from_fn(move || {
        if ended {
            return None;
        }
        let count = limit.min(PAGE);
        let page = catalog.list(prefix, after.as_deref(), count);
        ended = page.len() < count || count == 0;
        after = page.last().map(|last| last.name.as_str().to_owned());
        Some(page)
    });
    pages.flatten()
}
