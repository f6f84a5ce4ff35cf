//! The truth: all that anybody was told or shown, over all crashes. Whatever comes later must agree with it.

use crate::world::Violation;
use bytes::Bytes;
use std::collections::{BTreeMap, HashMap, HashSet};
use tidings_engine::Stream;
use tidings_model::{
    Durability, Incarnation, Lifetime, Offset, Reset, ResetReason, Retention, StreamConfig, StreamName,
    Timestamp,
};

/// All that is known.
#[derive(Default)]
pub(crate) struct Truth {
    lives: BTreeMap<Incarnation, Life>,
    /// What was refused and can't have been stored.
    refused: HashSet<Bytes>,
    /// Deletions that are asked for and not answered.
    deletes: HashMap<StreamName, u32>,
    /// Names that somebody asked to close.
    closes: HashSet<StreamName>,
    /// The latest time that it ever was.
    latest: Timestamp,
}

/// One stream from its creation to its deletion.
pub(crate) struct Life {
    name: StreamName,
    durability: Durability,
    /// Unknown while only its messages were heard of.
    terms: Option<(Lifetime, Retention)>,
    messages: BTreeMap<u64, (Bytes, Option<Timestamp>)>,
    places: HashMap<Bytes, u64>,
    earliest: u64,
    tail: u64,
    closed: Option<u64>,
    gone: Gone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gone {
    No,
    /// Its deletion was under way when the process died.
    Maybe,
    Deleted,
    /// It was in memory only.
    Lost,
}

impl Truth {
    pub(crate) fn on_time(&mut self, now: Timestamp) {
        self.latest = self.latest.max(now);
    }

    pub(crate) fn on_refused(&mut self, messages: &[Bytes]) {
        self.refused.extend(messages.iter().cloned());
    }

    pub(crate) fn on_close_asked(&mut self, name: &StreamName) {
        self.closes.insert(name.clone());
    }

    pub(crate) fn on_delete_asked(&mut self, name: &StreamName) {
        *self.deletes.entry(name.clone()).or_default() += 1;
    }

    pub(crate) fn on_delete_answered(&mut self, name: &StreamName, deleted: Option<Incarnation>) {
        if let Some(count) = self.deletes.get_mut(name) {
            *count -= 1;
        }
        if let Some(incarnation) = deleted {
            self.life(incarnation, name).gone = Gone::Deleted;
        }
    }

    /// An acknowledged creation.
    pub(crate) fn on_created(
        &mut self,
        incarnation: Incarnation,
        name: &StreamName,
        config: &StreamConfig,
        by: Retention,
    ) {
        let terms = (config.lifetime.clone(), config.retention.or(by));
        self.life(incarnation, name).terms.get_or_insert(terms);
    }

    pub(crate) fn on_closed(&mut self, tail: Offset, name: &StreamName) -> Result<(), Violation> {
        let life = self.life(tail.incarnation, name);
        life.tail = life.tail.max(tail.index);
        match *life.closed.get_or_insert(tail.index) {
            closed if closed == life.tail => Ok(()),
            closed => Err(Violation(format!(
                "{tail} is closed, but so was {closed}, and {} is the tail",
                life.tail
            ))),
        }
    }

    /// A message was seen, or its place acknowledged.
    pub(crate) fn on_message(
        &mut self,
        name: &StreamName,
        at: Offset,
        message: &Bytes,
        time: Option<Timestamp>,
    ) -> Result<(), Violation> {
        if self.refused.contains(message) {
            return Err(Violation(format!("{message:?} at {at} was refused, and is there")));
        }
        let life = self.life(at.incarnation, name);
        let known = life.messages.entry(at.index).or_insert_with(|| (message.clone(), time));
        if known.0 != *message {
            return Err(Violation(format!("at {at} is {message:?}, but {:?} was there", known.0)));
        }
        known.1 = known.1.or(time);
        let place = *life.places.entry(message.clone()).or_insert(at.index);
        if place != at.index {
            return Err(Violation(format!("{message:?} at {at} is stored twice, also at {place}")));
        }
        if !message.starts_with(name.as_str().as_bytes()) {
            return Err(Violation(format!("{message:?} at {at} was published to another stream")));
        }
        life.tail = life.tail.max(at.index + 1);
        match life.closed {
            Some(closed) if closed < life.tail => {
                Err(Violation(format!("{message:?} at {at} follows the end {closed}")))
            }
            _ => Ok(()),
        }
    }

    /// A stream as it is now. It never goes back, and keeps what it must.
    pub(crate) fn on_stream(&mut self, stream: &Stream) -> Result<(), Violation> {
        let latest = self.latest;
        let close_asked = self.closes.contains(stream.name());
        let ((earliest, tail), (_, closed)) = (stream.bounds(), stream.tail());
        let life = self.life(stream.incarnation(), stream.name());
        life.terms = Some((stream.config().lifetime.clone(), stream.retention()));
        let wrong = |what: &str| {
            let (incarnation, known, known_tail) = (stream.incarnation(), life.earliest, life.tail);
            Err(Violation(format!("{incarnation} {what}: {earliest}..{tail}, was {known}..{known_tail}")))
        };
        if matches!(life.gone, Gone::Deleted | Gone::Lost) {
            return wrong("is back from the dead");
        }
        if tail < life.tail {
            return wrong("has lost messages");
        }
        if earliest < life.earliest {
            return wrong("has messages again that were trimmed");
        }
        if life.closed.is_some_and(|end| !closed || end != tail) || (closed && !close_asked) {
            return wrong("should be closed, or should not");
        }
        let retention = stream.retention();
        if let Some(count) = retention.count
            && count < tail - earliest
        {
            return wrong("keeps more messages than it should");
        }
        if life.trims_too_early(retention, earliest, tail, latest) {
            return wrong("has trimmed what it should keep");
        }
        life.gone = Gone::No;
        life.earliest = earliest;
        life.tail = tail;
        Ok(())
    }

    /// Nobody finds a stream of that name, or another one than that.
    pub(crate) fn on_missing(&self, incarnation: Incarnation) -> Result<(), Violation> {
        match self.lives.get(&incarnation) {
            Some(life) if !self.may_be_gone(life) => {
                Err(Violation(format!("{incarnation}, {}, is gone without a reason", life.name)))
            }
            _ => Ok(()),
        }
    }

    /// A reader was told that it can't go on, and perhaps of a stream that nobody has seen yet.
    pub(crate) fn on_reset(&mut self, name: &StreamName, at: Offset, reset: &Reset) -> Result<(), Violation> {
        if let Some(earliest) = reset.earliest {
            self.life(earliest.incarnation, name);
        }
        let Some(life) = self.lives.get(&at.incarnation) else {
            return Err(Violation(format!("a reader stands at {at}, which nobody made")));
        };
        let same = reset.earliest.is_some_and(|earliest| earliest.incarnation == at.incarnation);
        let right = match reset.reason {
            ResetReason::Deleted => self.may_be_gone(life) && life.gone != Gone::Lost && !same,
            ResetReason::Lost => life.durability == Durability::Memory && life.gone != Gone::No && !same,
            ResetReason::Trimmed => same && reset.earliest.is_some_and(|earliest| at < earliest),
            // Readers of the simulation hold only offsets that they were given.
            ResetReason::Ahead => false,
        };
        if right {
            Ok(())
        } else {
            Err(Violation(format!("{at} was told {reset:?}, and {:?} is known", life.gone)))
        }
    }

    /// The process has died: what was under way may be done or not, and what was in memory is gone.
    pub(crate) fn on_down(&mut self) {
        for life in self.lives.values_mut().filter(|life| life.gone == Gone::No) {
            if life.durability == Durability::Memory {
                life.gone = Gone::Lost;
            } else if self.deletes.get(&life.name).is_some_and(|count| 0 < *count) {
                life.gone = Gone::Maybe;
            }
        }
        self.deletes.clear();
    }

    /// Compares with all streams that there are: none is missing that must be there.
    pub(crate) fn on_all(&mut self, streams: &HashMap<StreamName, Incarnation>) -> Result<(), Violation> {
        for (incarnation, life) in &self.lives {
            if streams.get(&life.name) != Some(incarnation) {
                self.on_missing(*incarnation)?;
            }
        }
        for (incarnation, life) in &mut self.lives {
            if streams.get(&life.name) != Some(incarnation) && matches!(life.gone, Gone::No | Gone::Maybe) {
                life.gone = Gone::Deleted;
            }
        }
        Ok(())
    }

    /// The bytes of the messages that a stream keeps, if all of them are known.
    pub(crate) fn bytes(&self, incarnation: Incarnation) -> Option<u64> {
        let life = self.lives.get(&incarnation)?;
        let kept = life.messages.range(life.earliest..);
        let (count, bytes) =
            kept.fold((0, 0), |(count, bytes), (_, it)| (count + 1, bytes + it.0.len() as u64));
        (count == life.tail - life.earliest).then_some(bytes)
    }

    fn may_be_gone(&self, life: &Life) -> bool {
        let deleting = self.deletes.get(&life.name).is_some_and(|count| 0 < *count);
        deleting || life.gone != Gone::No || life.may_expire(self.latest)
    }

    fn life(&mut self, incarnation: Incarnation, name: &StreamName) -> &mut Life {
        self.lives.entry(incarnation).or_insert_with(|| Life {
            name: name.clone(),
            // A mark that no process has: only streams in memory carry one at all.
            durability: if incarnation.is_lost_to(0) { Durability::Memory } else { Durability::Disk },
            terms: None,
            messages: BTreeMap::new(),
            places: HashMap::new(),
            earliest: 0,
            tail: 0,
            closed: None,
            gone: Gone::No,
        })
    }
}

impl Life {
    fn may_expire(&self, latest: Timestamp) -> bool {
        match &self.terms {
            // Nobody here counts accesses, and the clock goes back: when a TTL ends is the engine's own tests' matter.
            None | Some((Lifetime::Ttl { .. }, _)) => true,
            Some((Lifetime::Forever, _)) => false,
            Some((Lifetime::Until { at, .. }, _)) => *at <= latest,
        }
    }

    fn trims_too_early(&self, retention: Retention, earliest: u64, tail: u64, latest: Timestamp) -> bool {
        let Some(last_gone) = earliest.checked_sub(1) else { return false };
        let kept = tail - earliest;
        let by_count = retention.count.is_some_and(|count| count <= kept);
        let by_bytes = retention.bytes.is_some();
        let by_age = retention.age.is_some_and(|age| {
            let time = self.messages.get(&last_gone).and_then(|(_, time)| *time);
            time.is_none_or(|time| age <= latest.since(time))
        });
        !(by_count || by_bytes || by_age)
    }
}
