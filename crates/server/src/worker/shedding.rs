//! The last step of the ladder: whoever holds memory for what its peer does not take, or does not send, is ended; first those who follow nothing,
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

impl Worker {
    /// A clock tick.
    pub(super) fn shed(&mut self) {
        if self.core.ladder() != Step::Ending || !self.tick.is_multiple_of(EVERY) {
            return;
        }
        let keys = self.slots.keys();
        let parked =
            keys.into_iter().filter_map(|key| Some((claim(self.slots.peek(key)?)?, Holder::Slot(key))));
        let with_hyper = self.tasks.debtors().into_iter();
        // One of them may have many followers: they are ended by what they hold together.
        let with_hyper = with_hyper.map(|(bytes, debtor)| ((true, 0, bytes), Holder::Task(debtor)));
        // Where there is room, whoever holds little is left alone.
        let least_bytes = if self.core.memory.ends_only_large() { LARGE_BYTES } else { 1 };
        let claims = parked.chain(with_hyper).filter(|((_, _, bytes), _)| least_bytes <= *bytes);
        let mut claims: Vec<(Claim, Holder)> = claims.collect();
        claims.sort_unstable_by_key(|(claim, _)| Reverse(*claim));
        claims.truncate((claims.len() / PART).max(LEAST));
        for (_, holder) in claims {
            if self.core.memory.is_enough() {
                return;
            }
            self.core.metrics.shed.count();
            // A peer that takes nothing can't be told anything either.
            match holder {
                Holder::Slot(key) => self.close(key),
                Holder::Task(debtor) => debtor.end(),
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
