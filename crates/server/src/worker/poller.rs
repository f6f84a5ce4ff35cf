//! The worker's own epoll: the listener, the wake-up, the clock tick and every parked socket.
//!
//! Linux only. What else the server needs of Linux is here too, so that a portable twin has one place to stand beside.

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use rustix::io::Result;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

/// What a readiness belongs to. Sockets use their slot's key; these two are above every key.
pub(crate) const LISTENER: u64 = u64::MAX;
pub(crate) const WAKE: u64 = u64::MAX - 1;
pub(crate) const CLOCK: u64 = u64::MAX - 2;

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

impl Interest {
    fn flags(self) -> EventFlags {
        match self {
            Interest::Read => EventFlags::IN | EventFlags::RDHUP,
            Interest::Write => EventFlags::OUT,
            Interest::HangUp => EventFlags::RDHUP,
            Interest::Neither => EventFlags::empty(),
        }
    }
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

/// An epoll, level-triggered, with the two descriptors that are the worker's own.
pub(crate) struct Poller {
    epoll: Arc<OwnedFd>,
    wake: Arc<OwnedFd>,
    clock: OwnedFd,
    events: Vec<Event>,
}

impl Poller {
    /// Readiness taken at a time.
    const EVENTS: usize = 256;

    pub(crate) fn new(tick_ms: u32) -> Result<Poller> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let clock =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        let tick = Timespec { tv_sec: 0, tv_nsec: i64::from(tick_ms) * 1_000_000 };
        let every = Itimerspec { it_interval: tick, it_value: tick };
        timerfd_settime(&clock, TimerfdTimerFlags::empty(), &every)?;
        epoll::add(&epoll, &wake, EventData::new_u64(WAKE), EventFlags::IN)?;
        epoll::add(&epoll, &clock, EventData::new_u64(CLOCK), EventFlags::IN)?;
        Ok(Poller {
            epoll: Arc::new(epoll),
            wake: Arc::new(wake),
            clock,
            events: Vec::with_capacity(Poller::EVENTS),
        })
    }

    /// Makes `wait` return; from any thread, never waits.
    pub(crate) fn waker(&self) -> impl Fn() + Send + Sync + 'static {
        let wake = Arc::clone(&self.wake);
        move || add_one(&wake)
    }

    /// The same for the worker's own tasks.
    pub(crate) fn wake(&self) {
        add_one(&self.wake);
    }

    /// The descriptor that is readable when something is ready.
    pub(crate) fn descriptor(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.epoll)
    }

    pub(crate) fn add(&self, socket: impl AsFd, key: u64, interest: Interest) -> Result<()> {
        epoll::add(&self.epoll, socket, EventData::new_u64(key), interest.flags())
    }

    pub(crate) fn change(&self, socket: impl AsFd, key: u64, interest: Interest) -> Result<()> {
        epoll::modify(&self.epoll, socket, EventData::new_u64(key), interest.flags())
    }

    /// Before a descriptor is closed or goes elsewhere.
    pub(crate) fn remove(&self, socket: impl AsFd) {
        // Not there any more is what is asked for.
        let _gone = epoll::delete(&self.epoll, socket);
    }

    /// Takes what is ready, without waiting. Empty: nothing is.
    pub(crate) fn take(&mut self, ready: &mut Vec<Ready>) -> Result<()> {
        ready.clear();
        self.events.clear();
        let no_wait = Timespec { tv_sec: 0, tv_nsec: 0 };
        rustix::io::retry_on_intr(|| {
            let spare = rustix::buffer::spare_capacity(&mut self.events);
            epoll::wait(&self.epoll, spare, Some(&no_wait))
        })?;
        ready.extend(self.events.iter().map(|event| {
            let flags = event.flags;
            Ready {
                key: event.data.u64(),
                readable: flags.intersects(EventFlags::IN | EventFlags::RDHUP),
                writable: flags.contains(EventFlags::OUT),
                // With bytes to read the end is found behind them.
                broken: flags.contains(EventFlags::ERR)
                    || flags.contains(EventFlags::HUP) && !flags.contains(EventFlags::IN),
            }
        }));
        Ok(())
    }

    /// Takes the wake-up back, before the news is looked at.
    pub(crate) fn clear_wake(&self) {
        let _count = rustix::io::read(&*self.wake, &mut [0_u8; 8]);
    }

    /// Takes the tick back.
    pub(crate) fn clear_clock(&self) {
        let _count = rustix::io::read(&self.clock, &mut [0_u8; 8]);
    }
}

fn add_one(counter: &OwnedFd) {
    // The only failure is a counter that is full, and then the worker is woken anyhow.
    let _full = rustix::io::write(counter, &1_u64.to_ne_bytes());
}
