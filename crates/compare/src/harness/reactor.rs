//! Waits for sockets and for moments, and knows for how long it waited.

use crate::clock::Clock;
use anyhow::Context as _;
use mio::{Events, Poll, Registry, Token};
use std::io::ErrorKind;
use std::time::Duration;

/// The token of the alarm; no socket has it.
const ALARM: Token = Token(usize::MAX - 1);

/// The longest wait at once.
const WAIT_MAX: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Reactor {
    poll: Poll,
    alarm: alarm::Alarm,
    clock: Clock,
    waited_ns: u64,
}

impl Reactor {
    /// How many sockets are told of at once.
    pub(super) const EVENTS_MAX: usize = 1_024;

    pub(super) fn new(clock: Clock) -> anyhow::Result<Reactor> {
        let poll = Poll::new().context("asking the system to watch sockets")?;
        let alarm = alarm::Alarm::new(poll.registry(), ALARM).context("making a timer")?;
        Ok(Reactor { poll, alarm, clock, waited_ns: 0 })
    }

    pub(super) fn registry(&self) -> &Registry {
        self.poll.registry()
    }

    /// For how long it has waited since it was made.
    pub(super) fn waited_ns(&self) -> u64 {
        self.waited_ns
    }

    /// Waits for sockets, until that moment at the latest.
    pub(super) fn wait(&mut self, until_ns: u64, events: &mut Events) -> anyhow::Result<()> {
        let began_ns = self.clock.now_ns();
        let left = Duration::from_nanos(until_ns.saturating_sub(began_ns)).min(WAIT_MAX);
        let timeout = self.alarm.set(left).context("setting a timer")?;
        match self.poll.poll(events, Some(timeout)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => events.clear(),
            polled => polled.context("waiting for sockets")?,
        }
        self.waited_ns += self.clock.now_ns() - began_ns;
        Ok(())
    }
}

/// The system rounds a wait up to whole milliseconds, which is as long as a delivery takes. A timer is exact.
#[cfg(target_os = "linux")]
mod alarm {
    use mio::unix::SourceFd;
    use mio::{Interest, Registry, Token};
    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use std::os::fd::{AsRawFd as _, OwnedFd};
    use std::time::Duration;

    #[derive(Debug)]
    pub(super) struct Alarm {
        timer: OwnedFd,
    }

    impl Alarm {
        pub(super) fn new(registry: &Registry, token: Token) -> std::io::Result<Alarm> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            registry.register(&mut SourceFd(&timer.as_raw_fd()), token, Interest::READABLE)?;
            Ok(Alarm { timer })
        }

        /// Rings after that time. Returns for how long to wait beside it.
        pub(super) fn set(&mut self, left: Duration) -> std::io::Result<Duration> {
            if left.is_zero() {
                return Ok(left);
            }
            // Setting it anew also takes back that it rang: it is never read.
            let nothing = Timespec { tv_sec: 0, tv_nsec: 0 };
            let value = Timespec { tv_sec: 0, tv_nsec: left.subsec_nanos().into() };
            let value = Timespec { tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX), ..value };
            timerfd_settime(
                &self.timer,
                TimerfdTimerFlags::empty(),
                &Itimerspec { it_interval: nothing, it_value: value },
            )?;
            Ok(left + Duration::from_millis(2))
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod alarm {
    use mio::{Registry, Token};
    use std::time::Duration;

    #[derive(Debug)]
    pub(super) struct Alarm;

    impl Alarm {
        #[expect(clippy::unnecessary_wraps, reason = "as the other alarm")]
        pub(super) fn new(_registry: &Registry, _token: Token) -> std::io::Result<Alarm> {
            Ok(Alarm)
        }

        #[expect(clippy::unnecessary_wraps, reason = "as the other alarm")]
        pub(super) fn set(&mut self, left: Duration) -> std::io::Result<Duration> {
            Ok(left)
        }
    }
}
