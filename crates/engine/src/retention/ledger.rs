//! A ledger: sizes and times of the oldest batches of one stream.

use super::{Due, Kept};
use std::collections::VecDeque;
use tidings_log::BatchSize;
use tidings_model::Timestamp;

/// The oldest batches that a stream keeps, without a gap. Plain data.
#[derive(Default)]
pub(super) struct Ledger {
    pub(super) batches: VecDeque<BatchSize>,
    /// The bytes of all of them.
    pub(super) bytes: u64,
    /// Whether these are all batches of the stream.
    pub(super) is_whole: bool,
}

/// What must go, as far as a ledger can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) due: Option<Due>,
    /// There may be more, and it takes a longer ledger to know.
    pub(super) is_unsure: bool,
    /// When the oldest message that is left was stored, if that is known.
    pub(super) oldest: Option<Timestamp>,
}

impl Ledger {
    /// That of a stream without messages.
    pub(super) fn of_empty() -> Ledger {
        Ledger { is_whole: true, ..Ledger::default() }
    }

    /// What was read of a stream.
    pub(super) fn read(sizes: Vec<BatchSize>, kept: &Kept) -> Ledger {
        let mut ledger = Ledger { bytes: sizes.iter().map(|size| size.bytes).sum(), ..Ledger::default() };
        ledger.batches = sizes.into();
        ledger.drop_before(kept.earliest);
        ledger.is_whole = ledger.end() == Some(kept.tail);
        ledger
    }

    /// A batch at the tail.
    pub(super) fn push(&mut self, batch: BatchSize, count_max: usize) {
        if !self.is_whole {
            return;
        }
        if self.batches.len() < count_max {
            self.bytes += batch.bytes;
            self.batches.push_back(batch);
        } else {
            self.is_whole = false;
        }
    }

    /// When the message at `earliest` was stored, if this says.
    pub(super) fn oldest(&self, earliest: u64) -> Option<Timestamp> {
        self.batches.front().filter(|oldest| oldest.first_index == earliest).map(|oldest| oldest.time)
    }

    /// Takes out what is due: by count and bytes, and if `aged_at` is given by age.
    pub(super) fn take(&mut self, kept: &Kept, aged_at: Option<Timestamp>) -> Taken {
        let Kept { retention, tail, .. } = *kept;
        self.drop_before(kept.earliest);
        if self.batches.front().is_some_and(|oldest| oldest.first_index != kept.earliest) {
            *self = Ledger::default();
        }
        let mut bytes = if self.is_whole { self.bytes } else { kept.bytes };
        let mut earliest = kept.earliest;
        while let Some(oldest) = self.batches.front() {
            let (end, count) = (oldest.first_index + u64::from(oldest.count), u64::from(oldest.count));
            let is_too_old =
                aged_at.is_some_and(|now| retention.age.is_some_and(|age| oldest.time.after(age) <= now));
            // The newest batch stays, however large: the current state is worth more than the limit.
            let is_too_much = end < tail && retention.bytes.is_some_and(|max| max < bytes);
            let excess = retention.count.map_or(0, |max| (tail - oldest.first_index).saturating_sub(max));
            let gone = if is_too_old || is_too_much { count } else { excess.min(count) };
            if gone == 0 {
                break;
            }
            earliest = oldest.first_index + gone;
            bytes = bytes.saturating_sub(self.drop_front(gone));
        }
        let mut is_unsure = false;
        if self.batches.is_empty() && earliest < tail {
            let by_count = retention.count.map_or(0, |max| tail.saturating_sub(max));
            if earliest < by_count {
                bytes -= share(bytes, by_count - earliest, tail - earliest);
                earliest = by_count;
            }
            is_unsure = aged_at.is_some() || retention.bytes.is_some_and(|max| max < bytes);
        }
        let bytes = kept.bytes.saturating_sub(bytes);
        let oldest = self.batches.front().map(|oldest| oldest.time);
        let due = (kept.earliest < earliest).then_some(Due { earliest, bytes, oldest });
        Taken { due, is_unsure, oldest }
    }

    /// Drops what lies before an index, of a batch perhaps a part.
    fn drop_before(&mut self, index: u64) {
        while let Some(oldest) = self.batches.front()
            && oldest.first_index < index
        {
            let gone = (index - oldest.first_index).min(u64::from(oldest.count));
            self.drop_front(gone);
        }
    }

    /// Drops so many messages of the oldest batch. Returns their bytes.
    fn drop_front(&mut self, gone: u64) -> u64 {
        let Some(oldest) = self.batches.front_mut() else { return 0 };
        let count = u64::from(oldest.count);
        let bytes = share(oldest.bytes, gone, count);
        self.bytes -= bytes;
        match u32::try_from(gone) {
            Ok(part) if gone < count => {
                oldest.first_index += gone;
                oldest.count -= part;
                oldest.bytes -= bytes;
            }
            _ => drop(self.batches.pop_front()),
        }
        bytes
    }

    /// The index after the last batch.
    fn end(&self) -> Option<u64> {
        self.batches.back().map(|last| last.first_index + u64::from(last.count))
    }
}

/// The bytes of a part of some messages, as if all had one size.
fn share(bytes: u64, part: u64, whole: u64) -> u64 {
    let share = u128::from(bytes) * u128::from(part) / u128::from(whole.max(1));
    u64::try_from(share).unwrap_or(bytes)
}
