//! How busy a worker is, and what it advises those who poll.

use std::time::Duration;

/// The share of its time that a worker was busy, over the last seconds.
#[derive(Default)]
pub(crate) struct Load {
    busy: Duration,
    since_ms: u64,
    share: f32,
}

impl Load {
    const WINDOW_MS: u64 = 1_000;

    /// A turn took that long.
    pub(crate) fn on_turn(&mut self, took: Duration, now_ms: u64) {
        self.busy += took;
        let window_ms = now_ms.saturating_sub(self.since_ms);
        if Load::WINDOW_MS <= window_ms {
            let window = Duration::from_millis(window_ms);
            let newest = self.busy.as_secs_f32() / window.as_secs_f32();
            self.share = self.share / 2.0 + newest.min(1.0) / 2.0;
            self.busy = Duration::ZERO;
            self.since_ms = now_ms;
        }
    }

    /// When it is worth asking again, in whole seconds: the settings' advice, stretched as the worker fills up.
    pub(crate) fn poll_interval_s(&self, base: Duration) -> u64 {
        let base_s = base.as_secs().max(1);
        let stretch = match self.share {
            share if share < 0.5 => 1,
            share if share < 0.75 => 2,
            share if share < 0.9 => 5,
            _ => 10,
        };
        base_s * stretch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_grows_with_load_and_shrinks_again() {
        let mut load = Load::default();
        let base = Duration::from_secs(2);
        assert_eq!(load.poll_interval_s(base), 2);
        for second in 1..=5 {
            load.on_turn(Duration::from_millis(990), second * 1_000);
        }
        assert_eq!(load.poll_interval_s(base), 20);
        for second in 6..=10 {
            load.on_turn(Duration::ZERO, second * 1_000);
        }
        assert_eq!(load.poll_interval_s(base), 2);
    }
}
