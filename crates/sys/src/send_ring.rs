//! Many sends in one system call: the kernel's `io_uring`, used for nothing else.

use io_uring::{IoUring, Probe, opcode, types};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Sends to many sockets with one system call, and waits for none of them.
///
/// Belongs to the thread that made it. Nothing is in flight between calls.
pub struct SendRing {
    /// `None` once it has failed: then the kernel may not look at entries that were prepared before.
    ring: Option<IoUring>,
}

impl SendRing {
    /// Sends in one call, at most.
    pub const CAPACITY: u32 = 512;

    /// Asks the kernel for a ring. An error says why this system has none: an old kernel, or one that forbids it.
    pub fn new() -> io::Result<SendRing> {
        let ring = build()?;
        let mut probe = Probe::new();
        ring.submitter().register_probe(&mut probe)?;
        if !probe.is_supported(opcode::Send::CODE) {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "the kernel's io_uring has no `send`"));
        }
        Ok(SendRing { ring: Some(ring) })
    }

    /// Sends each piece to its socket, as `send` with `MSG_DONTWAIT` would, and puts what became of each into `sent`, in
    /// the order of `pieces`: how many bytes the socket took, or why none.
    ///
    /// An error says that the ring is broken, for good; who was not sent to
    /// then has [`io::ErrorKind::WouldBlock`] in `sent`, if anything was sent at all.
    ///
    /// # Panics
    /// With more than [`SendRing::CAPACITY`] pieces.
    pub fn send_all<'a>(
        &mut self,
        pieces: impl ExactSizeIterator<Item = (BorrowedFd<'a>, &'a [u8])>,
        sent: &mut Vec<io::Result<usize>>,
    ) -> io::Result<()> {
        sent.clear();
        let count = pieces.len();
        assert!(count <= SendRing::CAPACITY as usize, "more pieces than a ring has room for");
        let ring = self.ring.as_mut().ok_or_else(broken)?;
        for (index, (socket, bytes)) in pieces.enumerate() {
            let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            let entry = opcode::Send::new(types::Fd(socket.as_raw_fd()), bytes.as_ptr(), length)
                .flags(libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL)
                .build()
                .user_data(index as u64);
            // SAFETY: the socket and the bytes are borrowed for 'a, which outlives this call, and this call does not
            // return before the kernel is done with every entry that it took: `submit` waits for as many completions,
            // or drops the ring, after which the kernel takes no more.
            unsafe { ring.submission().push(&entry) }.expect("the ring was empty and has room for these");
        }
        let outcome = submit(ring, count, sent);
        if outcome.is_err() {
            self.ring = None;
        }
        outcome
    }
}

fn build() -> io::Result<IoUring> {
    // The kernel does what it must within our own calls only, and interrupts nobody (Linux 6.1).
    let modern = IoUring::builder()
        .setup_single_issuer()
        .setup_coop_taskrun()
        .setup_defer_taskrun()
        .build(SendRing::CAPACITY);
    match modern {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
            IoUring::builder().build(SendRing::CAPACITY)
        }
        built => built,
    }
}

fn broken() -> io::Error {
    io::Error::other("the ring is broken")
}

/// Submits `count` entries and waits until each that the kernel took is completed. With `MSG_DONTWAIT` that is at once.
fn submit(ring: &mut IoUring, count: usize, sent: &mut Vec<io::Result<usize>>) -> io::Result<()> {
    sent.extend((0..count).map(|_| Err(io::ErrorKind::WouldBlock.into())));
    let mut completed = 0;
    while completed < count {
        let failed = match ring.submit_and_wait(count - completed) {
            Ok(_) => None,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => None,
            Err(error) => Some(error),
        };
        for completion in ring.completion() {
            let index = usize::try_from(completion.user_data()).unwrap_or(usize::MAX);
            let result = completion.result();
            if let Some(place) = sent.get_mut(index) {
                *place = usize::try_from(result).map_err(|_| io::Error::from_raw_os_error(-result));
            }
            completed += 1;
        }
        let Some(error) = failed else { continue };
        // The kernel is short of memory, say. What it has not taken is given up together with the ring.
        let taken = count - ring.submission().len();
        if completed == taken {
            return Err(error);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    fn kinds(sent: &[io::Result<usize>]) -> Vec<Result<usize, io::ErrorKind>> {
        sent.iter().map(|one| one.as_ref().map(|bytes| *bytes).map_err(io::Error::kind)).collect()
    }

    /// Nothing where the kernel forbids rings or knows none.
    fn ring() -> Option<SendRing> {
        match SendRing::new() {
            Ok(ring) => Some(ring),
            Err(error) => {
                let absent = [io::ErrorKind::PermissionDenied, io::ErrorKind::Unsupported];
                assert!(absent.contains(&error.kind()), "{error}");
                None
            }
        }
    }

    #[test]
    fn each_piece_has_its_own_outcome() {
        let Some(mut ring) = ring() else { return };
        let pairs: Vec<_> = (0..3).map(|_| UnixStream::pair().unwrap()).collect();
        let mut pairs = pairs.into_iter();
        let (open, mut peer) = pairs.next().unwrap();
        let (gone, _) = pairs.next().unwrap();
        let (full, _kept) = pairs.next().unwrap();
        full.set_nonblocking(true).unwrap();
        while std::io::Write::write(&mut &full, &[0; 4_096]).is_ok() {}
        let pieces = [(open.as_fd(), &b"hello"[..]), (gone.as_fd(), b"nobody"), (full.as_fd(), b"no room")];
        let mut sent = Vec::new();
        ring.send_all(pieces.into_iter(), &mut sent).unwrap();
        let expected = [Ok(5), Err(io::ErrorKind::BrokenPipe), Err(io::ErrorKind::WouldBlock)];
        assert_eq!(kinds(&sent), expected);
        let mut heard = [0; 5];
        peer.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"hello");
    }

    #[test]
    fn a_ring_is_used_again_and_takes_as_many_as_it_has_room_for() {
        let Some(mut ring) = ring() else { return };
        let mut pairs: Vec<_> = (0..8).map(|_| UnixStream::pair().unwrap()).collect();
        let mut sent = Vec::new();
        for _ in 0..20 {
            let sockets = pairs.iter().cycle().take(SendRing::CAPACITY as usize);
            let pieces: Vec<_> = sockets.map(|(socket, _)| (socket.as_fd(), &b"x"[..])).collect();
            ring.send_all(pieces.into_iter(), &mut sent).unwrap();
            assert!(sent.iter().all(|one| matches!(one, Ok(1))));
            for (_, peer) in &mut pairs {
                peer.read_exact(&mut [0; SendRing::CAPACITY as usize / 8]).unwrap();
            }
        }
        ring.send_all(std::iter::empty(), &mut sent).unwrap();
        assert!(sent.is_empty());
    }
}
