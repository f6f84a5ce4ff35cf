//! The time over which followers shall come back that are lost at once: so much that they don't come faster than the server can take them.
//!
//! Pure: takes how many there are, says the window. Does not know how it is told.

use std::time::Duration;

/// The window that followers are told, in case the server is lost without a word. It is one of a few, and a smaller one is told only when
/// it would be a good deal smaller: so that it has to be told again only now and then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReturnWindow {
    seconds: u16,
}

impl ReturnWindow {
    /// Nobody is asked to stay away for longer than that, however many there are.
    pub(crate) const SECONDS_MAX: u16 = 600;

    /// The windows, in seconds. From one to the next by half or less: the crowd comes back that much slower than it might at most.
    const ALL: [u16; 19] = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 600];

    /// Clients spread over a quarter of a second by themselves: as long as that is enough, there is no window.
    const BY_THEMSELVES_MS: u64 = 250;

    /// As it is for so many, where so many can be taken in a second.
    fn of(connections: usize, per_second: usize) -> ReturnWindow {
        let needed_ms = needed_ms(connections, per_second);
        if needed_ms <= ReturnWindow::BY_THEMSELVES_MS {
            return ReturnWindow::default();
        }
        let is_enough = |seconds: &u16| needed_ms <= u64::from(*seconds) * 1_000;
        let seconds = ReturnWindow::ALL.into_iter().find(is_enough).unwrap_or(ReturnWindow::SECONDS_MAX);
        ReturnWindow { seconds }
    }

    /// There are so many now. Says whether the window is another one from here on.
    pub(crate) fn on_connections(&mut self, connections: usize, per_second: usize) -> bool {
        let needed = ReturnWindow::of(connections, per_second);
        // Shrinking, it waits until twice as many would need a smaller one too.
        let is_other = self.seconds < needed.seconds
            || ReturnWindow::of(connections.saturating_mul(2), per_second).seconds < self.seconds;
        if is_other {
            *self = needed;
        }
        is_other
    }

    /// Zero where nobody has to wait for others.
    pub(crate) fn seconds(self) -> u64 {
        u64::from(self.seconds)
    }

    pub(crate) fn duration(self) -> Duration {
        Duration::from_secs(self.seconds())
    }
}

/// The time that so many need to come back, without regard to what is usual.
fn needed_ms(connections: usize, per_second: usize) -> u64 {
    let needed_ms = (connections as u128 * 1_000).div_ceil(per_second.max(1) as u128);
    u64::try_from(needed_ms).unwrap_or(u64::MAX)
}

/// The window of a server that is about to end, in whole seconds: what the settings say, or longer for a large crowd.
pub(crate) fn drain_window(least: Duration, connections: usize, per_second: usize) -> Duration {
    let needed_s =
        needed_ms(connections, per_second).div_ceil(1_000).min(u64::from(ReturnWindow::SECONDS_MAX));
    least.max(Duration::from_secs(needed_s))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_long_enough_for_all_to_come_back_and_not_much_longer() {
        for connections in (0..600_000).step_by(37) {
            let mut window = ReturnWindow::default();
            window.on_connections(connections, 1_000);
            let seconds = usize::from(window.seconds);
            assert!(connections <= 250 || connections <= seconds * 1_000, "{connections}: {seconds}");
            assert!(seconds <= (connections / 1_000 * 3 / 2).max(1) + 1, "{connections}: {seconds}");
        }
        assert_eq!(ReturnWindow::of(250, 1_000).seconds(), 0);
        assert_eq!(ReturnWindow::of(usize::MAX, 1).seconds(), 600);
    }

    #[test]
    fn it_grows_at_once_and_shrinks_late() {
        let mut window = ReturnWindow::default();
        assert!(window.on_connections(10_000, 1_000) && window.seconds() == 12);
        assert!(!window.on_connections(12_000, 1_000));
        assert!(window.on_connections(12_001, 1_000) && window.seconds() == 16);
        for connections in (6_001..12_000).rev() {
            assert!(!window.on_connections(connections, 1_000), "{connections}");
        }
        assert!(window.on_connections(6_000, 1_000) && window.seconds() == 6);
        assert!(window.on_connections(100, 1_000) && window.seconds() == 0);
    }

    #[test]
    fn growing_to_any_number_it_is_told_a_few_times_only() {
        let (mut window, mut told) = (ReturnWindow::default(), 0);
        for connections in 0..100_000 {
            told += usize::from(window.on_connections(connections, 1_000));
        }
        assert!(told <= 14, "{told}");
    }

    #[test]
    fn a_drain_takes_as_long_as_the_settings_say_or_longer() {
        let least = Duration::from_secs(10);
        assert_eq!(drain_window(least, 10_000, 2_000), least);
        assert_eq!(drain_window(least, 40_001, 2_000), Duration::from_secs(21));
        assert_eq!(drain_window(least, usize::MAX, 2_000), Duration::from_mins(10));
        assert_eq!(drain_window(Duration::from_millis(200), 0, 2_000), Duration::from_millis(200));
    }
}
