//! Bytes that were read and wait to be decoded.

/// What is left of a caller's buffer. Payloads are unmasked in it and lent out of it.
#[derive(Debug, Default)]
pub struct Input<'a> {
    rest: &'a mut [u8],
}

impl<'a> Input<'a> {
    /// All of these bytes.
    pub fn new(bytes: &'a mut [u8]) -> Input<'a> {
        Input { rest: bytes }
    }

    /// What nobody has taken.
    pub fn rest(&self) -> &[u8] {
        self.rest
    }

    /// Whether everything was taken.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Takes the first `count` bytes, which must be there.
    pub(super) fn take(&mut self, count: usize) -> &'a mut [u8] {
        let (front, rest) = std::mem::take(&mut self.rest).split_at_mut(count);
        self.rest = rest;
        front
    }

    /// Takes everything.
    pub(super) fn take_all(&mut self) -> &'a mut [u8] {
        std::mem::take(&mut self.rest)
    }
}
