//! Bytes of requests that have not fully arrived, and the count of those that one worker holds.

use std::cell::Cell;
use std::rc::Rc;

/// How many such bytes a worker holds. They grow as fast as the network is, so they are counted as they come.
#[derive(Clone, Default)]
pub(super) struct HeldBytes(Rc<Cell<usize>>);

/// Those of one connection.
#[derive(Default)]
pub(super) struct HeldInput {
    bytes: Vec<u8>,
    /// Where they are counted, while there are any.
    count: Option<HeldBytes>,
}

impl HeldBytes {
    pub(super) fn get(&self) -> usize {
        self.0.get()
    }
}

impl HeldInput {
    /// A copy of these, which counts until it is taken or dropped.
    pub(super) fn new(bytes: &[u8], count: &HeldBytes) -> HeldInput {
        count.0.set(count.0.get() + bytes.len());
        HeldInput { bytes: bytes.to_vec(), count: Some(count.clone()) }
    }

    pub(super) fn take(&mut self) -> Vec<u8> {
        if let Some(count) = self.count.take() {
            count.0.set(count.0.get() - self.bytes.len());
        }
        std::mem::take(&mut self.bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }
}

impl Drop for HeldInput {
    fn drop(&mut self) {
        self.take();
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
    }
}
