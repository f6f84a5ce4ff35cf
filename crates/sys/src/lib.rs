//! The only unsafe code of tidings: what the safe wrappers of others lack.
//!
//! Knows descriptors and memory. Does not know anything of tidings.

mod clock;
pub mod heap;
#[cfg_attr(not(target_os = "linux"), path = "no_send_ring.rs")]
mod send_ring;

pub use clock::{ClockState, clock_state};
pub use send_ring::SendRing;

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Lets a tokio runtime wait for a descriptor to be readable, for as long as the result lives.
///
/// To be called inside the runtime. An error comes from the system's own list of descriptors to wait for.
pub fn readable(descriptor: Arc<OwnedFd>) -> io::Result<AsyncFd<Arc<OwnedFd>>> {
    // SAFETY: the descriptor must stay open, and `as_raw_fd` must give the same one, until the `AsyncFd` is dropped.
    // The `AsyncFd` keeps the `Arc`, and nobody can close or exchange what an `Arc<OwnedFd>` holds.
    let registered = unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) };
    registered.map_err(io::Error::from)
}

/// Sets how many bytes of a TCP connection the kernel takes that it has not sent yet (`TCP_NOTSENT_LOWAT`); what is sent
/// and on its way does not count. Above it no new segment is begun and the socket is not writable; the last segment is
/// still filled, up to half of the peer's window and 64 KiB at most.
///
/// Where a system lacks the option, it does nothing.
pub fn set_not_sent_max(socket: &impl AsFd, bytes: u32) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        /// Of the value, which the kernel takes for an `int`.
        const LENGTH: libc::socklen_t = 4;
        let value: u32 = bytes;
        // SAFETY: the descriptor is open for as long as `socket` is borrowed, and the kernel reads `LENGTH` bytes of
        // `value`, which has as many and lives until the call returns.
        let set = unsafe {
            libc::setsockopt(
                socket.as_fd().as_raw_fd(),
                libc::IPPROTO_TCP,
                libc::TCP_NOTSENT_LOWAT,
                (&raw const value).cast(),
                LENGTH,
            )
        };
        if set != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _unused = (socket, bytes);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// Asks how many bytes are not sent yet (`linux/sockios.h`).
    const SIOCOUTQNSD: libc::Ioctl = 0x894B;

    #[test]
    fn what_is_not_sent_is_limited() {
        const NOT_SENT_MAX: usize = 16 << 10;
        const PIECE: usize = 1 << 10;
        const SEGMENT_MAX: usize = 64 << 10;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut socket = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (_peer_that_does_not_read, _) = listener.accept().unwrap();
        socket.set_nonblocking(true).unwrap();
        set_not_sent_max(&socket, u32::try_from(NOT_SENT_MAX).unwrap()).unwrap();
        while socket.write(&[0; PIECE]).is_ok() {}
        let mut not_sent: libc::c_int = 0;
        // SAFETY: the kernel writes an `int`, and `not_sent` is one.
        let asked = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCOUTQNSD, &raw mut not_sent) };
        assert_eq!(asked, 0);
        let not_sent = usize::try_from(not_sent).unwrap();
        assert!(0 < not_sent && not_sent <= NOT_SENT_MAX + SEGMENT_MAX, "{not_sent}");
        assert!(set_not_sent_max(&io::stdin(), 1).is_err(), "it is no socket");
    }

    #[test]
    fn a_descriptor_becomes_readable() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        runtime.block_on(async {
            let (reader, mut writer) = io::pipe().unwrap();
            let readable = readable(Arc::new(OwnedFd::from(reader))).unwrap();
            writer.write_all(b"x").unwrap();
            readable.readable().await.unwrap().clear_ready();
        });
    }
}
