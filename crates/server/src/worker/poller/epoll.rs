//! The poller of Linux: one epoll, with an eventfd and a timerfd of its own. No allocation, no bookkeeping.

use super::{CLOCK, Interest, Ready, WAKE};
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};
use std::io::Result;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

/// An epoll, level-triggered, with the two descriptors that are the worker's own.
pub(crate) struct Epoll {
    descriptor: Arc<OwnedFd>,
    wake: Arc<OwnedFd>,
    clock: OwnedFd,
    events: Vec<Event>,
}

impl Epoll {
    /// Readiness taken at a time.
    const EVENTS: usize = 256;

    pub(super) fn new(tick_ms: u32) -> Result<Epoll> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let clock =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        let tick = Timespec { tv_sec: 0, tv_nsec: i64::from(tick_ms) * 1_000_000 };
        let every = Itimerspec { it_interval: tick, it_value: tick };
        timerfd_settime(&clock, TimerfdTimerFlags::empty(), &every)?;
        epoll::add(&epoll, &wake, EventData::new_u64(WAKE), EventFlags::IN)?;
        epoll::add(&epoll, &clock, EventData::new_u64(CLOCK), EventFlags::IN)?;
        Ok(Epoll {
            descriptor: Arc::new(epoll),
            wake: Arc::new(wake),
            clock,
            events: Vec::with_capacity(Epoll::EVENTS),
        })
    }

    pub(super) fn waker(&self) -> Arc<dyn Fn() + Send + Sync> {
        let wake = Arc::clone(&self.wake);
        Arc::new(move || add_one(&wake))
    }

    pub(super) fn wake(&self) {
        add_one(&self.wake);
    }

    pub(super) fn descriptor(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.descriptor)
    }

    pub(super) fn add(&self, socket: BorrowedFd<'_>, key: u64, interest: Interest) -> Result<()> {
        Ok(epoll::add(&self.descriptor, socket, EventData::new_u64(key), flags(interest))?)
    }

    pub(super) fn change(&self, socket: BorrowedFd<'_>, key: u64, interest: Interest) -> Result<()> {
        Ok(epoll::modify(&self.descriptor, socket, EventData::new_u64(key), flags(interest))?)
    }

    pub(super) fn remove(&self, socket: BorrowedFd<'_>) {
        // Not there any more is what is asked for.
        let _gone = epoll::delete(&self.descriptor, socket);
    }

    pub(super) fn take(&mut self, ready: &mut Vec<Ready>) -> Result<()> {
        self.wait(ready, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))
    }

    pub(super) fn sleep(&mut self, ready: &mut Vec<Ready>) -> Result<()> {
        self.wait(ready, None)
    }

    fn wait(&mut self, ready: &mut Vec<Ready>, time: Option<&Timespec>) -> Result<()> {
        ready.clear();
        self.events.clear();
        rustix::io::retry_on_intr(|| {
            let spare = rustix::buffer::spare_capacity(&mut self.events);
            epoll::wait(&self.descriptor, spare, time)
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

    pub(super) fn clear_wake(&self) {
        let _count = rustix::io::read(&*self.wake, &mut [0_u8; 8]);
    }

    pub(super) fn clear_clock(&self) {
        let _count = rustix::io::read(&self.clock, &mut [0_u8; 8]);
    }
}

fn flags(interest: Interest) -> EventFlags {
    match interest {
        Interest::Read => EventFlags::IN | EventFlags::RDHUP,
        Interest::Write => EventFlags::OUT,
        Interest::HangUp => EventFlags::RDHUP,
        Interest::Neither => EventFlags::empty(),
    }
}

fn add_one(counter: &OwnedFd) {
    // The only failure is a counter that is full, and then the worker is woken anyhow.
    let _full = rustix::io::write(counter, &1_u64.to_ne_bytes());
}
