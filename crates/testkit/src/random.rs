//! Random numbers that a seed repeats.

use std::time::Duration;

/// `SplitMix64`: small, and good enough to choose when to break something.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The same seed gives the same numbers.
    pub fn seeded(seed: u64) -> Random {
        Random(seed)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not zero.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.number() % end as u64).expect("it is less than a usize")
    }

    /// A time from `shortest` up to but not including `longest`.
    pub fn duration(&mut self, shortest: Duration, longest: Duration) -> Duration {
        let span = u64::try_from(longest.saturating_sub(shortest).as_micros()).unwrap_or(u64::MAX);
        shortest + Duration::from_micros(self.number() % span.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_numbers() {
        let (mut one, mut two) = (Random::seeded(7), Random::seeded(7));
        assert!((0..100).all(|_| one.number() == two.number()));
        assert!((0..100).all(|_| one.below(10) < 10));
    }
}
