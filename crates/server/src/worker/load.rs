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

    /// By how much the advice to those who poll is stretched, as the worker fills up.
    pub(crate) fn stretch(&self) -> u64 {
        match self.share {
            share if share < 0.5 => 1,
            share if share < 0.75 => 2,
            share if share < 0.9 => 5,
            _ => 10,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_grows_with_load_and_shrinks_again() {
        let mut load = Load::default();
        assert_eq!(load.stretch(), 1);
        for second in 1..=5 {
            load.on_turn(Duration::from_millis(990), second * 1_000);
        }
        assert_eq!(load.stretch(), 10);
        for second in 6..=10 {
            load.on_turn(Duration::ZERO, second * 1_000);
        }
        assert_eq!(load.stretch(), 1);
    }
}
