//! Tickets: short-lived, for one use, for what can send no header, such as a browser's own `EventSource`.

use crate::digest::Digest;
use crate::grants::Grants;
use crate::principal::Principal;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;
use tidings_model::Timestamp;

/// The tickets that were asked for and not used yet, by their digests.
#[derive(Debug)]
pub struct Tickets {
    lifetime: Duration,
    count_max: usize,
    open: HashMap<Digest, Open>,
    /// What the grants of those take.
    bytes: usize,
    /// In the order of their ends, also those that were used.
    ends: VecDeque<(Timestamp, Digest)>,
}

#[derive(Debug)]
struct Open {
    principal: Principal,
    end: Timestamp,
    /// What its grants take.
    bytes: usize,
}

impl Tickets {
    /// What the names of the streams of all open tickets may take together: who asks chooses them, and as long as it likes.
    pub const BYTES_MAX: usize = 64 << 20;

    /// How many random bytes a ticket is made of.
    pub const RANDOM_BYTES: usize = 32;

    /// At most so many at a time, each for so long.
    pub fn new(lifetime: Duration, count_max: usize) -> Tickets {
        Tickets { lifetime, count_max, open: HashMap::new(), bytes: 0, ends: VecDeque::new() }
    }

    /// From now on. Tickets that are open stay so until their ends.
    pub fn set_limits(&mut self, lifetime: Duration, count_max: usize) {
        (self.lifetime, self.count_max) = (lifetime, count_max);
    }

    /// A ticket for what `principal` may do by `grants`, made of random bytes. `None` when there are as many as may be, or they
    /// take as much room as they may.
    pub fn issue(
        &mut self,
        random: [u8; Tickets::RANDOM_BYTES],
        principal: &Principal,
        grants: Grants,
        now: Timestamp,
    ) -> Option<String> {
        self.forget_ended(now);
        // Those that were used count until they would have ended: so a loop of asking and using is bounded too.
        let bytes = grants.bytes();
        if self.count_max <= self.ends.len() || Tickets::BYTES_MAX < self.bytes + bytes {
            return None;
        }
        let text: String = random.iter().flat_map(|byte| hex(*byte)).collect();
        let (digest, end) = (Digest::of(text.as_bytes()), now.after(self.lifetime));
        self.open.insert(digest, Open { principal: principal.with_ticket(grants), end, bytes });
        self.bytes += bytes;
        self.ends.push_back((end, digest));
        Some(text)
    }

    /// Who has that ticket, once. `None` for one that was used, has ended, or never was.
    pub fn redeem(&mut self, ticket: &str, now: Timestamp) -> Option<Principal> {
        let Open { principal, end, .. } = self.take(&Digest::of(ticket.as_bytes()))?;
        let is_in_time = now < end && end <= self.latest(now);
        (is_in_time && !principal.has_expired(now)).then_some(principal)
    }

    fn forget_ended(&mut self, now: Timestamp) {
        let latest = self.latest(now);
        while let Some((_, digest)) = self.ends.pop_front_if(|(end, _)| *end <= now || latest < *end) {
            let _was_used = self.take(&digest);
        }
    }

    /// The latest end of a ticket. One that ends later is of before the clock was set back.
    fn latest(&self, now: Timestamp) -> Timestamp {
        /// By how much the time of one worker, taken once a turn, may be behind that of another.
        const BEHIND: Duration = Duration::from_secs(1);
        now.after(self.lifetime + BEHIND)
    }

    fn take(&mut self, digest: &Digest) -> Option<Open> {
        let open = self.open.remove(digest)?;
        self.bytes -= open.bytes;
        Some(open)
    }
}

fn hex(byte: u8) -> impl Iterator<Item = char> {
    [byte >> 4, byte & 15].into_iter().filter_map(|digit| char::from_digit(u32::from(digit), 16))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Right;
    use tidings_model::StreamName;

    fn issue(tickets: &mut Tickets, number: u8, now: u64) -> Option<String> {
        let name = StreamName::parse("orders/42").unwrap();
        let grants = Grants::on_streams(Right::Read, [name]);
        tickets.issue([number; Tickets::RANDOM_BYTES], &Principal::unruled(), grants, Timestamp(now))
    }

    #[test]
    fn a_ticket_is_good_once_and_not_for_long() {
        let mut tickets = Tickets::new(Duration::from_secs(30), 10);
        let first = issue(&mut tickets, 1, 0).unwrap();
        let second = issue(&mut tickets, 2, 0).unwrap();
        let who = tickets.redeem(&first, Timestamp(29_999)).unwrap();
        assert!(who.may(Right::Read, &StreamName::parse("orders/42").unwrap()));
        assert!(!who.may(Right::Publish, &StreamName::parse("orders/42").unwrap()));
        assert!(!who.may(Right::Read, &StreamName::parse("orders/43").unwrap()));
        assert!(tickets.redeem(&first, Timestamp(29_999)).is_none());
        assert!(tickets.redeem(&second, Timestamp(30_000)).is_none());
        assert!(tickets.redeem("x", Timestamp(0)).is_none());
    }

    #[test]
    fn there_are_never_more_than_may_be() {
        let mut tickets = Tickets::new(Duration::from_secs(30), 3);
        for number in 0..3 {
            let ticket = issue(&mut tickets, number, 0).unwrap();
            if number == 0 {
                assert!(tickets.redeem(&ticket, Timestamp(1)).is_some());
            }
        }
        assert!(issue(&mut tickets, 4, 29_999).is_none());
        assert!(issue(&mut tickets, 4, 30_000).is_some());
        assert_eq!((tickets.open.len(), tickets.ends.len()), (1, 1));
    }

    #[test]
    fn a_clock_that_is_set_back_keeps_nobody_out() {
        let mut tickets = Tickets::new(Duration::from_secs(30), 1);
        let of_before = issue(&mut tickets, 1, 1_000_000).unwrap();
        assert!(issue(&mut tickets, 2, 1_000_000).is_none());
        assert!(tickets.redeem(&of_before, Timestamp(5_000)).is_none());
        assert!(issue(&mut tickets, 2, 5_000).is_some());
    }

    #[test]
    fn a_ticket_is_good_where_the_time_is_a_moment_behind() {
        let mut tickets = Tickets::new(Duration::from_secs(30), 2);
        let ticket = issue(&mut tickets, 1, 1_000_000).unwrap();
        assert!(issue(&mut tickets, 2, 999_998).is_some(), "nothing was forgotten");
        assert!(tickets.redeem(&ticket, Timestamp(999_999)).is_some());
    }

    #[test]
    fn long_names_take_no_more_room_than_there_is() {
        let mut tickets = Tickets::new(Duration::from_secs(30), 10_000);
        let ask = |tickets: &mut Tickets, number: usize, now: u64| {
            let name = |which: usize| StreamName::parse(&format!("{}{which}", "x".repeat(1_000))).unwrap();
            let grants = Grants::on_streams(Right::Read, (0..100).map(name));
            let random = Digest::of(&number.to_le_bytes()).to_string().as_bytes()[..32].try_into().unwrap();
            tickets.issue(random, &Principal::unruled(), grants, Timestamp(now))
        };
        let given: Vec<_> = (0..10_000).map_while(|number| ask(&mut tickets, number, 0)).collect();
        assert!((300..700).contains(&given.len()), "{}", given.len());
        // What was used or has ended leaves its room to others.
        assert!(ask(&mut tickets, 20_000, 1).is_none());
        assert!(tickets.redeem(&given[0], Timestamp(1)).is_some());
        assert!(ask(&mut tickets, 20_001, 1).is_some());
        assert!(ask(&mut tickets, 20_002, 1).is_none());
        assert!(ask(&mut tickets, 20_003, 30_000).is_some());
    }
}
