//! How fast a stream is published to: a gauge for people.

use tidings_model::Timestamp;

/// Messages and bytes by windows of time: the running one and the one before it. Kept under the lock of the stream.
#[derive(Default)]
pub(super) struct Pace {
    /// Which window is running: they are numbered from the epoch.
    window: u64,
    running: Amount,
    last: Amount,
}

#[derive(Clone, Copy, Default)]
struct Amount {
    messages: u32,
    bytes: u64,
}

/// What is published in a second, over the last ten or so.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rate {
    /// Messages in a second.
    pub messages: f64,
    /// Bytes of messages in a second.
    pub bytes: f64,
}

impl Pace {
    const WINDOW_MS: u64 = 10_000;

    /// A batch was stored.
    pub(super) fn count(&mut self, messages: usize, bytes: usize, time: Timestamp) {
        self.turn(time);
        let Amount { messages: counted, bytes: summed } = self.running;
        self.running = Amount {
            messages: counted.saturating_add(u32::try_from(messages).unwrap_or(u32::MAX)),
            bytes: summed.saturating_add(bytes as u64),
        };
    }

    /// The rate over the last window's length: what was counted in the running one, and of the one before it the share that is still in.
    #[expect(clippy::cast_precision_loss, reason = "of rates that people read the first digits count")]
    pub(super) fn rate(&mut self, now: Timestamp) -> Rate {
        self.turn(now);
        let passed = (now.0 % Pace::WINDOW_MS) as f64 / Pace::WINDOW_MS as f64;
        let seconds = Pace::WINDOW_MS as f64 / 1_000.0;
        let of = |running: f64, last: f64| (running + last * (1.0 - passed)) / seconds;
        Rate {
            messages: of(f64::from(self.running.messages), f64::from(self.last.messages)),
            bytes: of(self.running.bytes as f64, self.last.bytes as f64),
        }
    }

    /// A clock that was set back begins anew.
    fn turn(&mut self, now: Timestamp) {
        let window = now.0 / Pace::WINDOW_MS;
        if self.window == window {
            return;
        }
        self.last = if self.window + 1 == window { self.running } else { Amount::default() };
        (self.window, self.running) = (window, Amount::default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_that_of_the_last_ten_seconds() {
        let at = |seconds: u64| Timestamp(1_000_000_000 + seconds * 1_000);
        let mut pace = Pace::default();
        for second in 0..20 {
            pace.count(5, 500, at(second));
        }
        assert_eq!(pace.rate(at(20)), Rate { messages: 5.0, bytes: 500.0 });
        assert_eq!(pace.rate(at(25)), Rate { messages: 2.5, bytes: 250.0 }, "nothing came for five seconds");
        assert_eq!(pace.rate(at(40)), Rate::default());
        pace.count(1, 1, at(3));
        assert_eq!(pace.rate(at(3)), Rate { messages: 0.1, bytes: 0.1 }, "the clock was set back");
    }
}
