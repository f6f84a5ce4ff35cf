//! What a worker waits with: for its listener, its wake-up, its clock tick and every parked socket.
//!
//! Two of them, chosen by the setting `event_loop`: an epoll, and the portable twin for systems that have none. The
//! twin runs on Linux too, so that both are tested.

#[cfg(target_os = "linux")]
mod epoll;
mod portable;

use crate::settings::EventLoop;
use portable::Portable;
use std::io::Result;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

/// What a readiness belongs to. Sockets use their slot's key; these are above every key.
pub(crate) const LISTENER: u64 = u64::MAX;
pub(crate) const WAKE: u64 = u64::MAX - 1;
pub(crate) const CLOCK: u64 = u64::MAX - 2;
pub(crate) const SECURED_LISTENER: u64 = u64::MAX - 3;

/// What a parked socket waits for. Errors and the end of both directions are always told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    /// Bytes from the peer, or its half-close.
    Read,
    /// Room for more bytes.
    Write,
    /// The half-close of the peer only.
    HangUp,
    /// Nothing: an answer is being waited for.
    Neither,
}

/// One readiness.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready {
    pub(crate) key: u64,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// The connection is gone in both directions, or broken.
    pub(crate) broken: bool,
}

/// Makes a worker look at its news; from any thread, never waits.
pub(crate) type Waker = Arc<dyn Fn() + Send + Sync>;

/// Level-triggered: what is ready and not attended to is told again by the next `take`.
pub(crate) enum Poller {
    /// Linux.
    #[cfg(target_os = "linux")]
    Epoll(epoll::Epoll),
    /// Any Unix.
    Portable(Portable),
}

/// Calls the same function of whichever poller it is.
macro_rules! either {
    ($poller:expr, $inner:ident => $call:expr) => {
        match $poller {
            #[cfg(target_os = "linux")]
            Poller::Epoll($inner) => $call,
            Poller::Portable($inner) => $call,
        }
    };
}

impl Poller {
    /// To be made inside the worker's runtime.
    pub(crate) fn new(event_loop: EventLoop, tick_ms: u32) -> Result<Poller> {
        match event_loop {
            #[cfg(target_os = "linux")]
            EventLoop::Auto | EventLoop::Epoll => Ok(Poller::Epoll(epoll::Epoll::new(tick_ms)?)),
            #[cfg(not(target_os = "linux"))]
            EventLoop::Epoll => Err(std::io::Error::other("`event_loop = \"epoll\"` needs Linux")),
            #[cfg(not(target_os = "linux"))]
            EventLoop::Auto => Ok(Poller::Portable(Portable::new(tick_ms)?)),
            EventLoop::Portable => Ok(Poller::Portable(Portable::new(tick_ms)?)),
        }
    }

    /// Its name in the log.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            #[cfg(target_os = "linux")]
            Poller::Epoll(_) => "epoll",
            Poller::Portable(_) => "portable",
        }
    }

    /// Wakes the worker that has this.
    pub(crate) fn waker(&self) -> Waker {
        either!(self, inner => inner.waker())
    }

    /// The same for the worker's own tasks.
    pub(crate) fn wake(&self) {
        either!(self, inner => inner.wake());
    }

    /// The descriptor that is readable when something is ready.
    pub(crate) fn descriptor(&self) -> Arc<OwnedFd> {
        either!(self, inner => inner.descriptor())
    }

    pub(crate) fn add(&mut self, socket: impl AsFd, key: u64, interest: Interest) -> Result<()> {
        either!(self, inner => inner.add(socket.as_fd(), key, interest))
    }

    pub(crate) fn change(&mut self, socket: impl AsFd, key: u64, interest: Interest) -> Result<()> {
        either!(self, inner => inner.change(socket.as_fd(), key, interest))
    }

    /// Before a descriptor is closed or goes elsewhere.
    pub(crate) fn remove(&mut self, socket: impl AsFd, key: u64) {
        match self {
            #[cfg(target_os = "linux")]
            Poller::Epoll(inner) => inner.remove(socket.as_fd()),
            Poller::Portable(inner) => inner.remove(socket.as_fd(), key),
        }
    }

    /// Takes what is ready, without waiting. Empty: nothing is.
    pub(crate) fn take(&mut self, ready: &mut Vec<Ready>) -> Result<()> {
        either!(self, inner => inner.take(ready))
    }

    /// Whether `sleep` may be called: nothing that wakes it is a task of the runtime.
    pub(crate) fn can_sleep(&self) -> bool {
        match self {
            #[cfg(target_os = "linux")]
            Poller::Epoll(_) => true,
            Poller::Portable(_) => false,
        }
    }

    /// Waits until something is ready, and takes it. Blocks the thread, and so its runtime.
    pub(crate) fn sleep(&mut self, ready: &mut Vec<Ready>) -> Result<()> {
        match self {
            #[cfg(target_os = "linux")]
            Poller::Epoll(inner) => inner.sleep(ready),
            Poller::Portable(inner) => inner.take(ready),
        }
    }

    /// Takes the wake-up back, before the news is looked at.
    pub(crate) fn clear_wake(&self) {
        match self {
            #[cfg(target_os = "linux")]
            Poller::Epoll(inner) => inner.clear_wake(),
            Poller::Portable(_) => {}
        }
    }

    /// Takes the tick back.
    pub(crate) fn clear_clock(&self) {
        match self {
            #[cfg(target_os = "linux")]
            Poller::Epoll(inner) => inner.clear_clock(),
            Poller::Portable(_) => {}
        }
    }
}
