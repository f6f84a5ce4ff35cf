//! Retention: which messages are due to go. Decides; the commit thread logs it and then it is so.

use std::collections::{HashMap, VecDeque};
use tidings_log::BatchSize;
use tidings_model::{Incarnation, Retention, Timestamp};

/// The streams that don't keep everything. Owned by the commit thread.
#[derive(Default)]
pub(crate) struct RetentionKeeper {
    ledgers: HashMap<Incarnation, Ledger>,
    /// Who is looked at next for messages that are too old.
    rotation: VecDeque<Incarnation>,
}

/// What must go from a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// The new earliest index.
    pub(crate) earliest: u64,
    /// Bytes of the messages before it; where a batch is cut, in proportion.
    pub(crate) bytes: u64,
}

impl RetentionKeeper {
    /// Streams looked at in one tick: bounds the time that a tick takes from publishing.
    const VISITS: usize = 10_000;

    /// Begins to watch a stream, with what is stored of it.
    pub(crate) fn watch(&mut self, incarnation: Incarnation, retention: Retention, stored: Vec<BatchSize>) {
        if retention.keeps_all() {
            return;
        }
        let bytes = stored.iter().map(|batch| batch.bytes).sum();
        self.ledgers.insert(incarnation, Ledger { retention, bytes, batches: stored.into(), owed: None });
        self.rotation.push_back(incarnation);
    }

    pub(crate) fn forget(&mut self, incarnation: Incarnation) {
        self.ledgers.remove(&incarnation);
    }

    /// Messages are about to be stored. Says what must go with the same commit.
    pub(crate) fn on_append(
        &mut self,
        incarnation: Incarnation,
        batch: BatchSize,
        now: Timestamp,
    ) -> Option<Due> {
        let ledger = self.ledgers.get_mut(&incarnation).filter(|_| 0 < batch.count)?;
        ledger.bytes += batch.bytes;
        ledger.batches.push_back(batch);
        ledger.take_due(now)
    }

    /// What was due could not go. It is due again the next time.
    pub(crate) fn on_refused(&mut self, incarnation: Incarnation, due: Due) {
        if let Some(ledger) = self.ledgers.get_mut(&incarnation) {
            ledger.owed = Some(due);
        }
    }

    /// Time passes. Says what has become too old, in some of the streams; the others' turn comes.
    pub(crate) fn on_tick(&mut self, now: Timestamp) -> Vec<(Incarnation, Due)> {
        let mut due = Vec::new();
        for _ in 0..self.rotation.len().min(RetentionKeeper::VISITS) {
            let Some(incarnation) = self.rotation.pop_front() else { break };
            let Some(ledger) = self.ledgers.get_mut(&incarnation) else { continue };
            due.extend(ledger.take_due(now).map(|it| (incarnation, it)));
            self.rotation.push_back(incarnation);
        }
        due
    }
}

/// What is kept of stored batches when messages before `earliest` are not: the first one perhaps in part.
pub(crate) fn kept(stored: Vec<BatchSize>, earliest: u64) -> Vec<BatchSize> {
    let cut = |batch: BatchSize| {
        let gone = earliest.saturating_sub(batch.first_index);
        let left = u64::from(batch.count).saturating_sub(gone);
        let bytes =
            batch.bytes - batch.bytes * gone.min(u64::from(batch.count)) / u64::from(batch.count.max(1));
        let first_index = batch.first_index.max(earliest);
        BatchSize { first_index, count: u32::try_from(left).unwrap_or(batch.count), bytes, ..batch }
    };
    stored.into_iter().map(cut).filter(|batch| batch.count != 0).collect()
}

/// The sizes and times of the batches that one stream keeps.
struct Ledger {
    retention: Retention,
    bytes: u64,
    batches: VecDeque<BatchSize>,
    /// What should have gone already.
    owed: Option<Due>,
}

impl Ledger {
    fn take_due(&mut self, now: Timestamp) -> Option<Due> {
        let mut due = self.owed.take();
        while let Some(oldest) = self.batches.front() {
            let (count, size) = (u64::from(oldest.count), oldest.bytes);
            let tail = self.batches.back().map_or(0, |batch| batch.first_index + u64::from(batch.count));
            let too_old = self.retention.age.is_some_and(|age| age <= now.since(oldest.time));
            // The newest batch stays, however large: the current state is worth more than the limit.
            let too_much = 1 < self.batches.len() && self.retention.bytes.is_some_and(|max| max < self.bytes);
            let excess =
                self.retention.count.map_or(0, |max| (tail - oldest.first_index).saturating_sub(max));
            let gone = if too_old || too_much { count } else { excess.min(count) };
            if gone == 0 {
                break;
            }
            let bytes = if gone == count { size } else { size * gone / count };
            let earliest = oldest.first_index + gone;
            due = Some(Due { earliest, bytes: due.map_or(0, |due| due.bytes) + bytes });
            self.bytes -= bytes;
            self.drop_front(gone, bytes);
        }
        due
    }

    fn drop_front(&mut self, gone: u64, bytes: u64) {
        let Some(oldest) = self.batches.front_mut() else { return };
        match u32::try_from(gone) {
            Ok(gone) if gone < oldest.count => {
                oldest.first_index += u64::from(gone);
                oldest.count -= gone;
                oldest.bytes -= bytes;
            }
            _ => {
                self.batches.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const STREAM: u64 = 7;

    fn keeper(retention: Retention) -> RetentionKeeper {
        let mut keeper = RetentionKeeper::default();
        keeper.watch(Incarnation::of_disk(STREAM), retention, Vec::new());
        keeper
    }

    fn append(
        keeper: &mut RetentionKeeper,
        first_index: u64,
        count: u32,
        bytes: u64,
        at: u64,
    ) -> Option<Due> {
        let batch = BatchSize { first_index, count, bytes, time: Timestamp(at) };
        keeper.on_append(Incarnation::of_disk(STREAM), batch, Timestamp(at))
    }

    #[test]
    fn by_count_the_newest_stay_exactly() {
        let mut keeper = keeper(Retention { count: Some(3), ..Retention::default() });
        assert_eq!(append(&mut keeper, 0, 2, 20, 0), None);
        assert_eq!(append(&mut keeper, 2, 2, 20, 0), Some(Due { earliest: 1, bytes: 10 }));
        assert_eq!(append(&mut keeper, 4, 5, 50, 0), Some(Due { earliest: 6, bytes: 50 }));
    }

    #[test]
    fn a_stream_that_was_created_empty_is_trimmed_as_any_other() {
        let mut keeper = keeper(Retention { count: Some(1), ..Retention::default() });
        assert_eq!(append(&mut keeper, 0, 0, 0, 0), None);
        assert_eq!(append(&mut keeper, 0, 1, 10, 0), None);
        assert_eq!(append(&mut keeper, 1, 1, 10, 0), Some(Due { earliest: 1, bytes: 10 }));
    }

    #[test]
    fn by_bytes_whole_batches_go_and_the_newest_stays() {
        let mut keeper = keeper(Retention { bytes: Some(100), ..Retention::default() });
        assert_eq!(append(&mut keeper, 0, 1, 60, 0), None);
        assert_eq!(append(&mut keeper, 1, 1, 60, 0), Some(Due { earliest: 1, bytes: 60 }));
        assert_eq!(append(&mut keeper, 2, 1, 500, 0), Some(Due { earliest: 2, bytes: 60 }));
    }

    #[test]
    fn by_age_all_may_go_while_nothing_is_published() {
        let mut keeper = keeper(Retention { age: Some(Duration::from_secs(1)), ..Retention::default() });
        assert_eq!(append(&mut keeper, 0, 3, 30, 0), None);
        assert_eq!(keeper.on_tick(Timestamp(999)), []);
        let due = Due { earliest: 3, bytes: 30 };
        assert_eq!(keeper.on_tick(Timestamp(1_000)), [(Incarnation::of_disk(STREAM), due)]);
        assert_eq!(keeper.on_tick(Timestamp(5_000)), []);
    }

    #[test]
    fn what_could_not_go_is_due_again() {
        let mut keeper = keeper(Retention { count: Some(1), ..Retention::default() });
        append(&mut keeper, 0, 1, 10, 0);
        let due = append(&mut keeper, 1, 1, 10, 0).unwrap();
        keeper.on_refused(Incarnation::of_disk(STREAM), due);
        assert_eq!(keeper.on_tick(Timestamp(0)), [(Incarnation::of_disk(STREAM), due)]);
        keeper.on_refused(Incarnation::of_disk(STREAM), due);
        assert_eq!(append(&mut keeper, 2, 1, 10, 0), Some(Due { earliest: 2, bytes: 20 }));
    }

    #[test]
    fn what_is_kept_of_a_cut_batch_counts_only_that() {
        let batch = |first_index, count, bytes| BatchSize { first_index, count, bytes, time: Timestamp(0) };
        let stored = vec![batch(0, 4, 40), batch(4, 1, 5)];
        assert_eq!(kept(stored.clone(), 3), [batch(3, 1, 10), batch(4, 1, 5)]);
        assert_eq!(kept(stored.clone(), 4), [batch(4, 1, 5)]);
        assert_eq!(kept(stored.clone(), 0), stored);
        assert_eq!(kept(stored, 9), []);
    }
}
