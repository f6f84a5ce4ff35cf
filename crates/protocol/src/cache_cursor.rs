//! The `Stream-Cursor` of the base protocol: a key that keeps caches from answering a live read with an old answer.
//!
//! It is a number of 20-second steps since a fixed day, and not a place in a stream.

use crate::digits::INTEGER_MAX;
use tidings_model::Timestamp;

/// A cache key, written in decimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CacheCursor(u64);

impl CacheCursor {
    /// 2024-10-09T00:00:00Z, where the steps begin.
    const EPOCH: Timestamp = Timestamp(1_728_432_000_000);
    const STEP_MS: u64 = 20_000;
    /// The largest jump ahead of a cursor that is not behind: an hour.
    const JUMP_S_MAX: u64 = 3_600;

    /// The cursor of an answer: that of `now`, but always beyond the one that the request carried.
    /// `random` is any 64 random bits.
    pub fn next(now: Timestamp, asked: Option<u64>, random: u64) -> CacheCursor {
        let current = now.0.saturating_sub(CacheCursor::EPOCH.0) / CacheCursor::STEP_MS;
        match asked {
            Some(asked) if current <= asked => {
                let jump_s = 1 + random % CacheCursor::JUMP_S_MAX;
                CacheCursor(asked.saturating_add(jump_s.div_ceil(CacheCursor::STEP_MS / 1_000)))
            }
            Some(_) | None => CacheCursor(current),
        }
    }

    /// Reads `cursor=`; anything but a number that can be surpassed is as if it were absent.
    pub fn parse_asked(text: &str) -> Option<u64> {
        crate::digits::parse_integer(text.as_bytes()).filter(|&cursor| cursor < INTEGER_MAX)
    }

    /// The number.
    pub fn to_number(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_728_432_000_000 + 100 * 20_000 + 19_999);

    #[test]
    fn without_a_request_it_is_the_step_of_now() {
        assert_eq!(CacheCursor::next(NOW, None, 5).to_number(), 100);
        assert_eq!(CacheCursor::next(NOW, Some(99), 5).to_number(), 100);
        assert_eq!(CacheCursor::next(Timestamp(0), None, 5).to_number(), 0);
    }

    #[test]
    fn a_cursor_that_is_not_behind_is_surpassed_by_at_most_an_hour() {
        for asked in [100, 101, 1_000_000, INTEGER_MAX - 1] {
            for random in [0, 19, 20, 3_599, u64::MAX] {
                let next = CacheCursor::next(NOW, Some(asked), random).to_number();
                assert!((asked + 1..=asked + 180).contains(&next), "{asked} {random}: {next}");
            }
        }
    }

    #[test]
    fn what_is_not_a_number_is_ignored() {
        for bad in ["", "x", "-1", "1.5", "9007199254740991", "99999999999999999999"] {
            assert_eq!(CacheCursor::parse_asked(bad), None, "{bad}");
        }
        assert_eq!(CacheCursor::parse_asked("57201"), Some(57_201));
    }
}
