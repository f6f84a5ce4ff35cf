//! The last step of the ladder, and what is done about peers that leave too much untaken for too long: whoever holds memory for what its peer does not take, or does not send, is ended; first those who follow nothing,
//! then the followers furthest behind. They come back by their offsets.

use super::Worker;
use super::odd::Debtor;
use super::pressure::LARGE_BYTES;
use super::slots::{Phase, Slot};
use crate::ladder::Step;
use std::cmp::Reverse;

/// How often some are ended, in ticks: what they held is given back meanwhile, and seen.
const EVERY: usize = 2;

/// How many are ended at once: a part of those who could be, and no fewer than this.
const PART: usize = 8;
const LEAST: usize = 8;

/// Who is ended before whom: the greater first.
type Claim = (bool, u64, usize);

/// Who has it.
enum Holder {
    Slot(u64),
    Task(Debtor),
}

/// Since when peers leave nearly as much untaken as they may.
#[derive(Debug, Default)]
pub(super) struct Untaken {
    since_ms: Option<u64>,
}

impl Untaken {
    /// For so long at a time.
    const LASTS_MS: u64 = 10_000;

    /// Whether some are to be ended: from three quarters on, until half is free. Looked at with each tick.
    fn lasts(&mut self, bytes: usize, bytes_max: usize, now_ms: u64) -> bool {
        let from = if self.since_ms.is_some() { bytes_max / 2 } else { bytes_max / 4 * 3 };
        self.since_ms = (from < bytes).then(|| self.since_ms.unwrap_or(now_ms));
        self.since_ms.is_some_and(|since_ms| Untaken::LASTS_MS <= now_ms - since_ms)
    }
}

impl Worker {
    /// A clock tick.
    pub(super) fn shed(&mut self) {
        let (untaken_bytes, untaken_bytes_max) = (self.core.unsent_bytes(), self.core.unsent_bytes_max());
        let is_untaken = self.untaken.lasts(untaken_bytes, untaken_bytes_max, self.core.now_ms);
        let is_short = self.core.ladder() == Step::Ending;
        if !(is_untaken || is_short) || !self.tick.is_multiple_of(EVERY) {
            return;
        }
        let keys = self.slots.keys();
        let parked =
            keys.into_iter().filter_map(|key| Some((claim(self.slots.peek(key)?)?, Holder::Slot(key))));
        // Who only has requests open, or sends slowly, holds nothing of what is untaken.
        let with_hyper = if is_short { self.tasks.debtors() } else { self.tasks.unsent() }.into_iter();
        // One of them may have many followers: they are ended by what they hold together.
        let with_hyper = with_hyper.map(|(bytes, debtor)| ((true, 0, bytes), Holder::Task(debtor)));
        // Where there is room, whoever holds little is left alone.
        let is_patient = !is_short || self.core.memory.ends_only_large();
        let least_bytes = if is_patient { LARGE_BYTES } else { 1 };
        let claims = parked.chain(with_hyper).filter(|((_, _, bytes), _)| least_bytes <= *bytes);
        let mut claims: Vec<(Claim, Holder)> = claims.collect();
        claims.sort_unstable_by_key(|(claim, _)| Reverse(*claim));
        claims.truncate((claims.len() / PART).max(LEAST));
        // Tasks give back what they hold when they are stepped.
        let mut given_back = 0;
        for ((_, _, bytes), holder) in claims {
            let is_enough = !is_short || self.core.memory.is_enough();
            let untaken_bytes = self.core.unsent_bytes().saturating_sub(given_back);
            if is_enough && !(is_untaken && untaken_bytes_max / 2 < untaken_bytes) {
                return;
            }
            self.core.metrics.shed.count();
            // A peer that takes nothing can't be told anything either.
            match holder {
                Holder::Slot(key) => self.close(key),
                Holder::Task(debtor) => {
                    debtor.end();
                    given_back += bytes;
                }
            }
        }
    }
}

/// How far it comes before others, if it holds anything worth having: what waits for a socket that is full, or the beginning of a request.
fn claim(slot: &Slot) -> Option<Claim> {
    let held = slot.held_bytes();
    if held == 0 {
        return None;
    }
    let follows = matches!(slot.phase, Phase::Answer | Phase::Duplex);
    let behind = slot.exchange.as_ref().map_or(0, |exchange| exchange.lag());
    Some((!follows, behind, held))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lasts_too_long_is_seen_and_what_comes_and_goes_is_not() {
        let mut untaken = Untaken::default();
        assert!((0..100).all(|tick| !untaken.lasts(1_000, 1_000, tick * 100)));
        assert!([1_000, 999, 501].into_iter().all(|bytes| untaken.lasts(bytes, 1_000, Untaken::LASTS_MS)));
        assert!([500, 501, 750].into_iter().all(|bytes| !untaken.lasts(bytes, 1_000, Untaken::LASTS_MS)));
        // Who leaves a little room now and then is no better.
        let nearly = |tick: u64| if tick.is_multiple_of(3) { 600 } else { 1_000 };
        let ended = (1..200).find(|tick| untaken.lasts(nearly(*tick), 1_000, 30_000 + tick * 100));
        assert_eq!(ended, Some(101));
        let comes_and_goes = |tick: u64| if tick.is_multiple_of(90) { 500 } else { 1_000 };
        assert!((0..1_000).all(|tick| !untaken.lasts(comes_and_goes(tick), 1_000, 60_000 + tick * 100)));
    }
}
