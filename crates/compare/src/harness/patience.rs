//! How long is waited for what has not come yet: as long as something moves, and not for ever.

use crate::clock::nanoseconds;
use std::time::Duration;

/// For how long is waited at most, whatever moves.
const LONGEST: Duration = Duration::from_mins(1);

/// Waits from one movement to the next. Who lost its connection pauses before it comes again, perhaps several times, and a server with too
/// much to do is late: neither has lost anything yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    each_ns: u64,
    longest_ns: u64,
    until_ns: u64,
    moved: u64,
}

impl Patience {
    /// From that moment on, at which so much has happened, `each` is waited after a movement.
    pub(super) fn new(from_ns: u64, each: Duration, moved: u64) -> Patience {
        let each_ns = nanoseconds(each);
        let until_ns = from_ns.saturating_add(each_ns);
        Patience { each_ns, longest_ns: until_ns.saturating_add(nanoseconds(LONGEST)), until_ns, moved }
    }

    /// Until when is waited, now that so much has happened: a count of all that shows that more may come.
    pub(super) fn until_ns(&mut self, now_ns: u64, moved: u64) -> u64 {
        if self.moved != moved {
            self.moved = moved;
            self.until_ns = now_ns.saturating_add(self.each_ns).max(self.until_ns).min(self.longest_ns);
        }
        self.until_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_lasts_as_long_as_something_moves_and_not_for_ever() {
        let s = |seconds: u64| seconds * 1_000_000_000;
        let mut patience = Patience::new(s(10), Duration::from_secs(5), 7);
        assert_eq!(patience.until_ns(s(14), 7), s(15), "nothing moved");
        assert_eq!(patience.until_ns(s(14), 8), s(19));
        assert_eq!(patience.until_ns(s(18), 8), s(19));
        let until = (19..200).map(|at| patience.until_ns(s(at), at)).max();
        assert_eq!(until, Some(s(10 + 5 + 60)), "a minute more than where nothing moves");
    }
}
