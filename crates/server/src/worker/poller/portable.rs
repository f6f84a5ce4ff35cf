//! The portable twin: what mio finds in any Unix, made level-triggered by asking anew for what was told.

use super::{CLOCK, Interest, Ready, WAKE};
use mio::unix::SourceFd;
use mio::{Events, Poll, Token};
use std::cell::Cell;
use std::collections::HashMap;
use std::io::{ErrorKind, Result};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Costs one more system call for each readiness than epoll does, and a place in a table for each socket.
pub(crate) struct Portable {
    poll: Poll,
    descriptor: Arc<OwnedFd>,
    waker: Arc<mio::Waker>,
    events: Events,
    sockets: HashMap<u64, (RawFd, Interest)>,
    /// What the last `take` told. mio says it once; if it is still so, the next one must say it again.
    told: Vec<u64>,
    ticked: Rc<Cell<bool>>,
}

impl Portable {
    const EVENTS: usize = 256;

    pub(super) fn new(tick_ms: u32) -> Result<Portable> {
        let poll = Poll::new()?;
        let waker = Arc::new(mio::Waker::new(poll.registry(), token(WAKE))?);
        let ticked = Rc::new(Cell::new(false));
        tokio::task::spawn_local(tick(Rc::clone(&ticked), Arc::clone(&waker), tick_ms));
        Ok(Portable {
            descriptor: Arc::new(poll.registry().as_fd().try_clone_to_owned()?),
            poll,
            waker,
            events: Events::with_capacity(Portable::EVENTS),
            sockets: HashMap::new(),
            told: Vec::new(),
            ticked,
        })
    }

    pub(super) fn waker(&self) -> Arc<dyn Fn() + Send + Sync> {
        let waker = Arc::clone(&self.waker);
        Arc::new(move || wake(&waker))
    }

    pub(super) fn wake(&self) {
        wake(&self.waker);
    }

    pub(super) fn descriptor(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.descriptor)
    }

    pub(super) fn add(&mut self, socket: BorrowedFd<'_>, key: u64, interest: Interest) -> Result<()> {
        let socket = socket.as_raw_fd();
        self.poll.registry().register(&mut SourceFd(&socket), token(key), mio_interest(interest))?;
        self.sockets.insert(key, (socket, interest));
        Ok(())
    }

    pub(super) fn change(&mut self, socket: BorrowedFd<'_>, key: u64, interest: Interest) -> Result<()> {
        let socket = socket.as_raw_fd();
        self.poll.registry().reregister(&mut SourceFd(&socket), token(key), mio_interest(interest))?;
        self.sockets.insert(key, (socket, interest));
        Ok(())
    }

    pub(super) fn remove(&mut self, socket: BorrowedFd<'_>, key: u64) {
        // Not there any more is what is asked for.
        let _gone = self.poll.registry().deregister(&mut SourceFd(&socket.as_raw_fd()));
        self.sockets.remove(&key);
    }

    pub(super) fn take(&mut self, ready: &mut Vec<Ready>) -> Result<()> {
        ready.clear();
        for key in self.told.drain(..) {
            let Some((socket, interest)) = self.sockets.get(&key) else { continue };
            self.poll.registry().reregister(&mut SourceFd(socket), token(key), mio_interest(*interest))?;
        }
        match self.poll.poll(&mut self.events, Some(Duration::ZERO)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            Ok(()) | Err(_) => {}
        }
        for event in &self.events {
            let key = event.token().0 as u64;
            if key == WAKE {
                ready.push(Ready { key, readable: true, writable: false, broken: false });
                continue;
            }
            let Some((_, interest)) = self.sockets.get(&key) else { continue };
            let broken =
                event.is_error() || event.is_read_closed() && event.is_write_closed() && !event.is_readable();
            let readable = match interest {
                Interest::Read => event.is_readable() || event.is_read_closed(),
                Interest::HangUp => event.is_read_closed(),
                Interest::Write | Interest::Neither => false,
            };
            let writable = *interest == Interest::Write && event.is_writable();
            // Who waits for neither is not asked anew: bytes that may wait with the kernel would be told for ever.
            if readable || writable || broken {
                self.told.push(key);
                ready.push(Ready { key, readable, writable, broken });
            }
        }
        if self.ticked.take() {
            ready.push(Ready { key: CLOCK, readable: true, writable: false, broken: false });
        }
        Ok(())
    }
}

/// Sets the mark of the clock and wakes the worker, for as long as the runtime lives.
async fn tick(ticked: Rc<Cell<bool>>, waker: Arc<mio::Waker>, tick_ms: u32) {
    let mut ticks = tokio::time::interval(Duration::from_millis(u64::from(tick_ms)));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        ticked.set(true);
        wake(&waker);
    }
}

fn wake(waker: &mio::Waker) {
    // The only failure is one that a worker which is awake anyhow can't mend.
    let _woken = waker.wake();
}

fn token(key: u64) -> Token {
    Token(usize::try_from(key).expect("servers have 64 bits"))
}

/// A socket that waits for nothing is watched all the same: mio tells errors and ends with either interest.
fn mio_interest(interest: Interest) -> mio::Interest {
    match interest {
        Interest::Read | Interest::HangUp | Interest::Neither => mio::Interest::READABLE,
        Interest::Write => mio::Interest::WRITABLE,
    }
}
