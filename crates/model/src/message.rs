//! Messages, as they are stored and handed around.

use crate::Timestamp;
use bytes::Bytes;

/// Messages of one stream that were published together and stand one after another. Never empty.
///
/// Message `i` stands before the offset `first_index + i + 1` and after `first_index + i`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// How many messages of the stream lie before the first one here.
    pub first_index: u64,
    /// When the server stored them.
    pub time: Timestamp,
    /// The messages: JSON values without white space around them, or the bytes of one publish.
    pub messages: Vec<Bytes>,
}

impl Batch {
    /// The index after the last message.
    pub fn end_index(&self) -> u64 {
        self.first_index + self.messages.len() as u64
    }

    /// The bytes of all its messages.
    pub fn bytes(&self) -> usize {
        self.messages.iter().map(Bytes::len).sum()
    }
}
