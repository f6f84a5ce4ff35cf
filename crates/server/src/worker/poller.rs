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

/// Who comes first when more is ready than can be heard at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rank {
    /// Connections that have said all that they began to say, and the worker's own.
    First,
    /// New ones, and those in the middle of a handshake, a request or a message, however many there are.
    Behind,
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

    pub(crate) fn add(&mut self, socket: impl AsFd, key: u64, interest: Interest, rank: Rank) -> Result<()> {
        match self {
            #[cfg(target_os = "linux")]
            Poller::Epoll(inner) => inner.add(socket.as_fd(), key, interest, rank),
            Poller::Portable(inner) => inner.add(socket.as_fd(), key, interest),
        }
    }

    pub(crate) fn change(
        &mut self,
        socket: impl AsFd,
        key: u64,
        interest: Interest,
        rank: Rank,
    ) -> Result<()> {
        match self {
            #[cfg(target_os = "linux")]
            Poller::Epoll(inner) => inner.change(socket.as_fd(), key, interest, rank),
            Poller::Portable(inner) => inner.change(socket.as_fd(), key, interest),
        }
    }

    /// Gives it that rank in place of the other one. The portable twin knows no ranks.
    pub(crate) fn set_rank(
        &mut self,
        socket: impl AsFd,
        key: u64,
        interest: Interest,
        rank: Rank,
    ) -> Result<()> {
        match self {
            #[cfg(target_os = "linux")]
            Poller::Epoll(inner) => inner.set_rank(socket.as_fd(), key, interest, rank),
            Poller::Portable(_) => Ok(()),
        }
    }

    /// Before a descriptor is closed or goes elsewhere.
    pub(crate) fn remove(&mut self, socket: impl AsFd, key: u64, rank: Rank) {
        match self {
            #[cfg(target_os = "linux")]
            Poller::Epoll(inner) => inner.remove(socket.as_fd(), rank),
            Poller::Portable(inner) => inner.remove(socket.as_fd(), key),
        }
    }

    /// Takes what is ready, without waiting. Empty: nothing of the first rank is.
    pub(crate) fn take(&mut self, ready: &mut Vec<Ready>) -> Result<()> {
        either!(self, inner => inner.take(ready))
    }

    /// Takes some of those behind that were ready at the last `take` or `sleep`, without waiting.
    pub(crate) fn take_behind(&mut self, ready: &mut Vec<Ready>) -> Result<()> {
        match self {
            #[cfg(target_os = "linux")]
            Poller::Epoll(inner) => inner.take_behind(ready),
            Poller::Portable(_) => {
                ready.clear();
                Ok(())
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::write;
    use std::os::unix::net::UnixStream;

    /// The keys of what is ready: of the first rank, and of those behind.
    fn keys(poller: &mut Poller) -> [Vec<u64>; 2] {
        let (mut first, mut behind) = (Vec::new(), Vec::new());
        poller.take(&mut first).unwrap();
        poller.take_behind(&mut behind).unwrap();
        [first, behind].map(|ready| {
            let mut keys: Vec<u64> = ready.iter().map(|ready| ready.key).filter(|key| *key < CLOCK).collect();
            keys.sort_unstable();
            keys
        })
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn who_stands_behind_is_taken_by_itself_and_a_few_at_a_time() {
        const BEHIND: u64 = 100;
        let mut poller = Poller::new(EventLoop::Epoll, 900).unwrap();
        let pairs: Vec<_> = (0..=BEHIND).map(|_| UnixStream::pair().unwrap()).collect();
        for (key, (ours, theirs)) in (0..).zip(&pairs) {
            let rank = if key == BEHIND { Rank::First } else { Rank::Behind };
            poller.add(ours, key, Interest::Read, rank).unwrap();
            write(theirs, b"x").unwrap();
        }
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..2 {
            let [first, behind] = keys(&mut poller);
            assert_eq!(first, [BEHIND], "however many others are ready");
            assert!(behind.len() < pairs.len() - 1);
            seen.extend(behind);
        }
        assert_eq!(seen.len(), pairs.len() - 1, "each of them has its turn");
        // Whoever has finished comes first, and whoever begins comes behind.
        for (key, (ours, _)) in (0..).zip(&pairs[..99]) {
            poller.set_rank(ours, key, Interest::Read, Rank::First).unwrap();
        }
        poller.set_rank(&pairs[100].0, BEHIND, Interest::Read, Rank::Behind).unwrap();
        let [first, behind] = keys(&mut poller);
        assert_eq!((first, behind), ((0..99).collect(), vec![99, BEHIND]));
        poller.change(&pairs[99].0, 99, Interest::Neither, Rank::Behind).unwrap();
        poller.remove(&pairs[100].0, BEHIND, Rank::Behind);
        assert_eq!(keys(&mut poller)[1], Vec::<u64>::new());
    }

    #[test]
    fn the_portable_twin_has_one_rank() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, async {
            let mut poller = Poller::new(EventLoop::Portable, 900).unwrap();
            let pairs = [UnixStream::pair().unwrap(), UnixStream::pair().unwrap()];
            for ((key, rank), (ours, theirs)) in (0..).zip([Rank::First, Rank::Behind]).zip(&pairs) {
                poller.add(ours, key, Interest::Read, rank).unwrap();
                write(theirs, b"x").unwrap();
            }
            assert_eq!(keys(&mut poller), [vec![0, 1], vec![]]);
            poller.set_rank(&pairs[1].0, 1, Interest::Read, Rank::First).unwrap();
            poller.remove(&pairs[1].0, 1, Rank::First);
            assert_eq!(keys(&mut poller), [vec![0], vec![]]);
        });
    }
}
