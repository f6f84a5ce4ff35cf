//! Numbers that look random and are the same in every run, so that all rivals get the same work.

/// An xorshift generator: a few instructions for a number, so that it costs nothing beside an append.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        // The state must not be zero, and small seeds should not begin alike.
        Random((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        let scaled = (self.bits() >> 32) * u64::from(bound);
        u32::try_from(scaled >> 32).expect("it is below a bound of 32 bits")
    }
}

/// All numbers below `count`, each once, in an order without locality: the one at place `at`.
pub(crate) fn scattered(at: u32, count: u32) -> u32 {
    // A prime that divides no smaller count, so that no two places meet.
    const PRIME: u64 = 2_654_435_761;
    let number = u64::from(at) * PRIME % u64::from(count);
    u32::try_from(number).expect("it is below a count of 32 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_scattered_is_all_there() {
        let mut numbers: Vec<u32> = (0..1_000).map(|at| scattered(at, 1_000)).collect();
        assert_ne!(numbers[..3], [0, 1, 2]);
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..1_000));
    }

    #[test]
    fn every_number_below_the_bound_comes_up() {
        let mut random = Random::new(1);
        let mut seen = [0; 10];
        for _ in 0..10_000 {
            seen[random.below(10) as usize] += 1;
        }
        assert!(seen.iter().all(|count| (800..1_200).contains(count)), "{seen:?}");
    }
}
