//! How many signatures are checked in a second, and for whom: who makes up tokens gets no more of the processor than that, and takes nothing
//! from those who don't.

use std::collections::HashMap;
use std::net::Ipv6Addr;
use tidings_model::Timestamp;

/// Counts the signatures that were checked, and whose were false. Two classes, so that the one can't use up what the other has: senders of
/// whom a false signature came in this second or the one before, and all others.
///
/// Bounded by its own limits: only who has a signature checked is remembered.
#[derive(Debug, Default)]
pub struct Checks {
    second: u64,
    /// Checked in this second, for each class.
    unsuspected: u32,
    suspected: u32,
    /// How many of each sender's were false: in this second, and in the one before.
    failed: HashMap<Ipv6Addr, u32>,
    failed_before: HashMap<Ipv6Addr, u32>,
}

impl Checks {
    /// How many signatures are checked in a second for senders without a false one: a fifth of a core where each takes 0.1 ms.
    pub const UNSUSPECTED_MAX: u32 = 2_000;

    /// How many for all others together.
    pub const SUSPECTED_MAX: u32 = 1_000;

    /// How many false ones one sender may have in a second.
    pub const FAILED_MAX: u32 = 500;

    /// Whether another one may be checked now, for that sender.
    pub fn take(&mut self, sender: Ipv6Addr, now: Timestamp) -> bool {
        self.turn(now);
        let failed = self.failed.get(&sender).copied();
        let is_suspected = failed.is_some() || self.failed_before.contains_key(&sender);
        let (count, max) = if is_suspected {
            (&mut self.suspected, Checks::SUSPECTED_MAX)
        } else {
            (&mut self.unsuspected, Checks::UNSUSPECTED_MAX)
        };
        if *count == max || failed == Some(Checks::FAILED_MAX) {
            return false;
        }
        *count += 1;
        true
    }

    /// What was checked for that sender just now was false.
    pub fn on_false(&mut self, sender: Ipv6Addr) {
        *self.failed.entry(sender).or_default() += 1;
    }

    fn turn(&mut self, now: Timestamp) {
        let second = now.0 / 1_000;
        if self.second == second {
            return;
        }
        let failed = std::mem::take(&mut self.failed);
        self.failed_before = if self.second + 1 == second { failed } else { HashMap::new() };
        (self.second, self.unsuspected, self.suspected) = (second, 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender(number: u128) -> Ipv6Addr {
        Ipv6Addr::from(number)
    }

    /// How many of so many are checked, and turn out false.
    fn forge(checks: &mut Checks, from: impl Iterator<Item = u128>, now: Timestamp) -> usize {
        from.filter(|number| {
            let may = checks.take(sender(*number), now);
            if may {
                checks.on_false(sender(*number));
            }
            may
        })
        .count()
    }

    #[test]
    fn who_makes_up_tokens_takes_nothing_from_others() {
        let mut checks = Checks::default();
        for second in 1..5 {
            let now = Timestamp(second * 1_000);
            let checked = forge(&mut checks, std::iter::repeat_n(1, 10_000), now);
            assert_eq!(checked, 500);
            let others = (2..10_000).filter(|number| checks.take(sender(*number), now)).count();
            assert!(1_999 <= others, "{others}");
            assert!(!checks.take(sender(0), now), "all of a second is used up");
        }
        assert!(checks.take(sender(1), Timestamp(9_000)), "it is forgotten");
    }

    #[test]
    fn many_who_make_up_tokens_share_what_they_may() {
        let mut checks = Checks::default();
        let forgers = || (0..100_000).map(|number| number % 500);
        assert_eq!(forge(&mut checks, forgers(), Timestamp(1_000)), 1_500);
        // From here on they are known.
        assert_eq!(forge(&mut checks, forgers(), Timestamp(2_000)), 1_000);
        assert!((1_000..3_000).all(|number| checks.take(sender(number), Timestamp(2_999))));
    }

    #[test]
    fn what_it_remembers_is_bounded() {
        let mut checks = Checks::default();
        for second in 1..5 {
            forge(&mut checks, 0..20_000, Timestamp(second * 1_000));
            let max = Checks::UNSUSPECTED_MAX + Checks::SUSPECTED_MAX;
            assert!(checks.failed.len() <= max as usize && checks.failed_before.len() <= max as usize);
        }
    }
}
