//! The encoded entries of one operation, which share a frame.

use crate::format::{Entry, Location, encode};

/// The encoded entries of one operation. The buffer is used again for the next one.
#[derive(Default)]
pub(crate) struct Group {
    bytes: Vec<u8>,
    /// Where each entry begins.
    starts: Vec<u32>,
}

impl Group {
    /// A buffer that one large operation has grown beyond this is given back.
    const BYTES_KEPT: usize = 1 << 20;

    /// Empties it.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(Group::BYTES_KEPT);
        self.starts.clear();
    }

    /// Adds an entry, and in it the place of the one with messages before it.
    pub(crate) fn push(&mut self, entry: &Entry, previous: Option<Location>) {
        let start =
            u32::try_from(self.bytes.len()).expect("messages are checked against the size of a segment");
        self.starts.push(start);
        encode(entry, previous, &mut self.bytes);
    }

    /// All entries, one after another.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.starts.len()).expect("an operation has at most two entries")
    }

    /// Where each entry is if the first one is at `first`.
    pub(crate) fn locations(&self, first: Location) -> impl Iterator<Item = Location> {
        self.starts.iter().map(move |start| Location { at: first.at + start, ..first })
    }
}
