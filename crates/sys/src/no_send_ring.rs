//! Where there is no `io_uring`: the same type, of which there is never a value.

use std::convert::Infallible;
use std::io;
use std::os::fd::BorrowedFd;

/// There is none on this system.
pub struct SendRing(Infallible);

impl SendRing {
    /// Sends in one call, at most.
    pub const CAPACITY: u32 = 512;

    /// Always an error.
    pub fn new() -> io::Result<SendRing> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "only Linux has io_uring"))
    }

    /// Never called.
    pub fn send_all<'a>(
        &mut self,
        _pieces: impl ExactSizeIterator<Item = (BorrowedFd<'a>, &'a [u8])>,
        _sent: &mut Vec<io::Result<usize>>,
    ) -> io::Result<()> {
        match self.0 {}
    }
}
