//! The only unsafe code of tidings: what the safe wrappers of others lack.
//!
//! Knows descriptors. Does not know anything of tidings.

#[cfg_attr(not(target_os = "linux"), path = "no_send_ring.rs")]
mod send_ring;

pub use send_ring::SendRing;

use std::io;
use std::os::fd::OwnedFd;
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

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
