//! The poller of Linux: an epoll with an eventfd and a timerfd of its own, and in it another one, with those who come behind: the kernel
//! keeps two queues. No allocation, no bookkeeping.

use super::{CLOCK, Interest, Rank, Ready, WAKE};
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};
use std::io::Result;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

/// What the readiness of those behind is told under: above every key, and none of the poller's users.
const BEHIND: u64 = u64::MAX - 4;

/// Level-triggered, with the two descriptors that are the worker's own.
pub(crate) struct Epoll {
    first: Queue,
    behind: Queue,
    /// Whether some of those behind are ready.
    are_ready: bool,
    wake: Arc<OwnedFd>,
    clock: OwnedFd,
}

/// An epoll, and what it told last.
struct Queue {
    descriptor: Arc<OwnedFd>,
    events: Vec<Event>,
}

impl Epoll {
    /// Readiness taken at a time.
    const EVENTS: usize = 256;
    /// The same of those behind. Others may have something to say meanwhile.
    const EVENTS_BEHIND: usize = 64;

    pub(super) fn new(tick_ms: u32) -> Result<Epoll> {
        let first = Queue::new(Epoll::EVENTS)?;
        let behind = Queue::new(Epoll::EVENTS_BEHIND)?;
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let clock =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        let tick = Timespec { tv_sec: 0, tv_nsec: i64::from(tick_ms) * 1_000_000 };
        let every = Itimerspec { it_interval: tick, it_value: tick };
        timerfd_settime(&clock, TimerfdTimerFlags::empty(), &every)?;
        epoll::add(&first.descriptor, &wake, EventData::new_u64(WAKE), EventFlags::IN)?;
        epoll::add(&first.descriptor, &clock, EventData::new_u64(CLOCK), EventFlags::IN)?;
        epoll::add(&first.descriptor, &behind.descriptor, EventData::new_u64(BEHIND), EventFlags::IN)?;
        Ok(Epoll { first, behind, are_ready: false, wake: Arc::new(wake), clock })
    }

    pub(super) fn waker(&self) -> Arc<dyn Fn() + Send + Sync> {
        let wake = Arc::clone(&self.wake);
        Arc::new(move || add_one(&wake))
    }

    pub(super) fn wake(&self) {
        add_one(&self.wake);
    }

    pub(super) fn descriptor(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.first.descriptor)
    }

    pub(super) fn add(&self, socket: BorrowedFd<'_>, key: u64, interest: Interest, rank: Rank) -> Result<()> {
        let queue = &self.queue(rank).descriptor;
        Ok(epoll::add(queue, socket, EventData::new_u64(key), flags(interest))?)
    }

    pub(super) fn change(
        &self,
        socket: BorrowedFd<'_>,
        key: u64,
        interest: Interest,
        rank: Rank,
    ) -> Result<()> {
        let queue = &self.queue(rank).descriptor;
        Ok(epoll::modify(queue, socket, EventData::new_u64(key), flags(interest))?)
    }

    pub(super) fn set_rank(
        &self,
        socket: BorrowedFd<'_>,
        key: u64,
        interest: Interest,
        rank: Rank,
    ) -> Result<()> {
        let other = match rank {
            Rank::First => Rank::Behind,
            Rank::Behind => Rank::First,
        };
        epoll::delete(&self.queue(other).descriptor, socket)?;
        self.add(socket, key, interest, rank)
    }

    pub(super) fn remove(&self, socket: BorrowedFd<'_>, rank: Rank) {
        // Not there any more is what is asked for.
        let _gone = epoll::delete(&self.queue(rank).descriptor, socket);
    }

    fn queue(&self, rank: Rank) -> &Queue {
        match rank {
            Rank::First => &self.first,
            Rank::Behind => &self.behind,
        }
    }

    pub(super) fn take(&mut self, ready: &mut Vec<Ready>) -> Result<()> {
        self.wait(ready, Some(&NO_TIME))
    }

    pub(super) fn sleep(&mut self, ready: &mut Vec<Ready>) -> Result<()> {
        self.wait(ready, None)
    }

    fn wait(&mut self, ready: &mut Vec<Ready>, time: Option<&Timespec>) -> Result<()> {
        self.first.wait(ready, time)?;
        let all = ready.len();
        ready.retain(|event| event.key != BEHIND);
        // Where there are more than it tells at once, it tells of those behind only now and then.
        self.are_ready |= ready.len() < all || all == Epoll::EVENTS;
        Ok(())
    }

    pub(super) fn take_behind(&mut self, ready: &mut Vec<Ready>) -> Result<()> {
        if !std::mem::take(&mut self.are_ready) {
            ready.clear();
            return Ok(());
        }
        self.behind.wait(ready, Some(&NO_TIME))
    }

    pub(super) fn clear_wake(&self) {
        let _count = rustix::io::read(&*self.wake, &mut [0_u8; 8]);
    }

    pub(super) fn clear_clock(&self) {
        let _count = rustix::io::read(&self.clock, &mut [0_u8; 8]);
    }
}

const NO_TIME: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

impl Queue {
    fn new(events: usize) -> Result<Queue> {
        let descriptor = Arc::new(epoll::create(CreateFlags::CLOEXEC)?);
        Ok(Queue { descriptor, events: Vec::with_capacity(events) })
    }

    /// Takes what is ready in place of what is in `ready`.
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
