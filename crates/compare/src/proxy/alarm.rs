//! Wakes a poll at a moment, to the microsecond where the system can: a wait of epoll counts whole milliseconds only.

#[cfg(target_os = "linux")]
pub(super) use linux::Alarm;
#[cfg(not(target_os = "linux"))]
pub(super) use portable::Alarm;

#[cfg(target_os = "linux")]
mod linux {
    use mio::unix::SourceFd;
    use mio::{Interest, Poll, Token};
    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use std::io;
    use std::os::fd::{AsRawFd, OwnedFd};
    use std::time::{Duration, Instant};

    /// A timer that the poll waits for as for a socket.
    #[derive(Debug)]
    pub(in crate::proxy) struct Alarm {
        timer: OwnedFd,
        set: Option<Instant>,
    }

    impl Alarm {
        /// One that is not set.
        pub(in crate::proxy) fn new(poll: &Poll, token: Token) -> io::Result<Alarm> {
            let timer =
                timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
            poll.registry().register(&mut SourceFd(&timer.as_raw_fd()), token, Interest::READABLE)?;
            Ok(Alarm { timer, set: None })
        }

        /// Sets it to that moment, in place of the one before. What remains is how long the poll may wait besides: for ever.
        pub(in crate::proxy) fn set(&mut self, due: Option<Instant>, now: Instant) -> Option<Duration> {
            // An alarm that has rung is set again even to the same moment: setting is what makes it ring anew.
            if self.set != due || due.is_some_and(|due| due <= now) {
                // 0 would unset it.
                let wait = due.map(|due| due.saturating_duration_since(now).max(Duration::from_nanos(1)));
                let value = Timespec::try_from(wait.unwrap_or_default()).expect("waits are far below 2^63 s");
                let spec = Itimerspec { it_interval: Timespec::default(), it_value: value };
                let set = timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &spec);
                set.expect("a timer can be set to any moment to come");
                self.set = due;
            }
            None
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod portable {
    use mio::{Poll, Token};
    use std::io;
    use std::time::{Duration, Instant};

    /// The time limit of the poll itself.
    #[derive(Debug)]
    pub(in crate::proxy) struct Alarm;

    impl Alarm {
        pub(in crate::proxy) fn new(_poll: &Poll, _token: Token) -> io::Result<Alarm> {
            Ok(Alarm)
        }

        /// How long the poll may wait.
        pub(in crate::proxy) fn set(&mut self, due: Option<Instant>, now: Instant) -> Option<Duration> {
            due.map(|due| due.saturating_duration_since(now))
        }
    }
}
