//! Bytes that a worker holds for its connections: those of requests that have not fully arrived, and those that sockets did not take; and how
//! many that are.

use bytes::Bytes;
use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;

/// How many bytes of one kind a worker holds. They grow as fast as the network is, so they are counted as they come.
#[derive(Clone, Default)]
pub(super) struct HeldBytes(Rc<Cell<usize>>);

/// Those that a connection has sent.
#[derive(Default)]
pub(super) struct HeldInput {
    bytes: Vec<u8>,
    _counted: Counted,
}

/// Those that a connection is to be sent.
#[derive(Default)]
pub(super) struct HeldOutput {
    pieces: VecDeque<Bytes>,
    counted: Counted,
}

/// So many are counted until this is dropped.
#[derive(Default)]
struct Counted {
    bytes: usize,
    /// Where, while there are any.
    count: Option<HeldBytes>,
}

impl HeldBytes {
    pub(super) fn get(&self) -> usize {
        self.0.get()
    }

    fn add(&self, bytes: usize) {
        self.0.set(self.0.get().saturating_add(bytes));
    }

    fn count(&self, bytes: usize) -> Counted {
        self.add(bytes);
        Counted { bytes, count: Some(self.clone()) }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(HeldBytes(count)) = &self.count {
            count.set(count.get().saturating_sub(self.bytes));
        }
    }
}

impl HeldInput {
    /// A copy of these, which counts until it is taken or dropped.
    pub(super) fn new(bytes: &[u8], count: &HeldBytes) -> HeldInput {
        HeldInput { bytes: bytes.to_vec(), _counted: count.count(bytes.len()) }
    }

    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(self).bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }
}

impl HeldOutput {
    /// These, which count until they are taken or dropped. What many share counts for each.
    pub(super) fn new(pieces: VecDeque<Bytes>, count: &HeldBytes) -> HeldOutput {
        let bytes = pieces.iter().map(Bytes::len).sum();
        HeldOutput { pieces, counted: count.count(bytes) }
    }

    pub(super) fn take(&mut self) -> VecDeque<Bytes> {
        std::mem::take(self).pieces
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// How many bytes they are.
    pub(super) fn len(&self) -> usize {
        self.counted.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_count_until_they_are_taken_or_dropped() {
        let count = HeldBytes::default();
        let mut first = HeldInput::new(b"abc", &count);
        let second = HeldInput::new(b"de", &count);
        assert_eq!((count.get(), first.len(), first.is_empty()), (5, 3, false));
        assert_eq!(first.take(), b"abc");
        assert_eq!((count.get(), first.is_empty()), (2, true));
        drop(first);
        assert_eq!(count.get(), 2);
        drop(second);
        assert_eq!(count.get(), 0);
        let pieces = VecDeque::from([Bytes::from_static(b"abc"), Bytes::from_static(b"d")]);
        let mut output = HeldOutput::new(pieces.clone(), &count);
        assert_eq!((count.get(), output.len(), output.is_empty()), (4, 4, false));
        assert_eq!(output.take(), pieces);
        assert_eq!((count.get(), output.len(), output.is_empty()), (0, 0, true));
        drop(HeldOutput::new(pieces, &count));
        assert_eq!(count.get(), 0);
    }
}
