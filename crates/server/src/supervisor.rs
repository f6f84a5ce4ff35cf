//! What a supervisor such as systemd is told: ready, reloading, about to end, alive. Where there is none, nothing is said.

use crate::worker::Common;
use crate::worker::arrivals::Door;
use sd_notify::NotifyState;
use std::time::Duration;

/// It serves.
pub(crate) fn tell_ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// Settings are being read again; [`tell_ready`] says that this is over.
pub(crate) fn tell_reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => log::warn!("the system has no monotonic clock: {error}"),
    }
}

/// It is about to end, within that time and a little for the disk.
pub(crate) fn tell_stopping(within: Duration) {
    /// For the last commits, and for the snapshot of the log.
    const BESIDE: Duration = Duration::from_secs(30);
    let micros = u32::try_from((within + BESIDE).as_micros()).unwrap_or(u32::MAX);
    let draining = NotifyState::Status("followers are told to come back elsewhere");
    tell(&[NotifyState::Stopping, draining, NotifyState::ExtendTimeoutUsec(micros)]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        log::warn!("the supervisor (NOTIFY_SOCKET) can't be told: {error}");
    }
}

/// Tells a supervisor that asks for it (`WatchdogSec`) that the server is alive: for as long as every worker turns.
#[derive(Debug, Default)]
pub(crate) struct Watchdog {
    /// What the workers had counted when it was told last.
    ticks: Vec<usize>,
    is_asked: bool,
}

impl Watchdog {
    pub(crate) fn of_environment() -> Watchdog {
        Watchdog { ticks: Vec::new(), is_asked: sd_notify::watchdog_enabled().is_some() }
    }

    /// To be called each second. A worker counts many times a second, also where it has nothing to do.
    pub(crate) fn look(&mut self, common: &Common) {
        if self.is_asked && self.is_alive(common.doors.iter().map(Door::ticks).collect()) {
            tell(&[NotifyState::Watchdog]);
        }
    }

    /// Whether each has counted on since all of them had.
    fn is_alive(&mut self, ticks: Vec<usize>) -> bool {
        let all_turn =
            self.ticks.len() != ticks.len() || self.ticks.iter().zip(&ticks).all(|(old, new)| old != new);
        if all_turn {
            self.ticks = ticks;
        }
        all_turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_alive_while_all_workers_are() {
        let mut watchdog = Watchdog::default();
        assert!(watchdog.is_alive(vec![0, 0]));
        assert!(watchdog.is_alive(vec![20, 20]));
        assert!(!watchdog.is_alive(vec![40, 20]));
        assert!(!watchdog.is_alive(vec![60, 20]));
        assert!(watchdog.is_alive(vec![80, 21]));
    }
}
