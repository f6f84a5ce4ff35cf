//! What a stream remembers of publishes, so that a repetition is known: as plain data, to move it to another log.

use crate::producers::SEQS_KNOWN;
use std::sync::Arc;
use tidings_model::{Incarnation, StreamConfig, StreamName, Timestamp};

/// What was accepted with an identity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remembered {
    /// Of each producer, in no particular order.
    pub producers: Vec<RememberedProducer>,
    /// Idempotency keys, the oldest first.
    pub keys: Vec<RememberedKey>,
    /// The last `Stream-Seq`.
    pub seq: Option<Arc<str>>,
}

/// What was accepted from one producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RememberedProducer {
    /// Who.
    pub id: Arc<str>,
    /// Its session.
    pub epoch: u64,
    /// The highest sequence.
    pub seq: u64,
    /// The index after the messages of each of its last sequences, that of `seq` last. Those before are not known.
    pub end_indexes: Vec<u64>,
}

/// A publish with an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RememberedKey {
    /// The key.
    pub key: Arc<str>,
    /// The hash of the body.
    pub body_hash: [u8; 16],
    /// The index after its messages.
    pub end_index: u64,
    /// When it was accepted.
    pub time: Timestamp,
}

/// A stream that goes on where it was in another log. See [`Log::restore`](crate::Log::restore).
#[derive(Clone, Debug)]
pub struct Restore {
    /// Its name.
    pub name: StreamName,
    /// Which life of the name it is: what offsets begin with.
    pub incarnation: Incarnation,
    /// What it was made with.
    pub config: StreamConfig,
    /// When it was made.
    pub created: Timestamp,
    /// The index of the next message that is published to it.
    pub first_index: u64,
    /// What it remembers.
    pub remembered: Remembered,
}

impl RememberedProducer {
    /// From the index after sequence `s` at `s % SEQS_KNOWN`.
    pub(crate) fn from_slots(
        id: Arc<str>,
        epoch: u64,
        seq: u64,
        slots: &[u64; SEQS_KNOWN],
    ) -> RememberedProducer {
        let first = seq.saturating_sub(SEQS_KNOWN as u64 - 1);
        let end_indexes = (first..=seq).map(|seq| slots[slot(seq)]).collect();
        RememberedProducer { id, epoch, seq, end_indexes }
    }

    /// The other way round.
    pub(crate) fn slots(&self) -> [u64; SEQS_KNOWN] {
        let mut slots = [0; SEQS_KNOWN];
        let seqs = (0..=self.seq).rev().take(SEQS_KNOWN);
        for (seq, end_index) in seqs.zip(self.end_indexes.iter().rev()) {
            slots[slot(seq)] = *end_index;
        }
        slots
    }
}

impl Remembered {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.producers.is_empty() && self.keys.is_empty() && self.seq.is_none()
    }

    /// The same in parts that take at most so many bytes each, as far as one producer or key does.
    pub(crate) fn parts(self, bytes_max: u64) -> Vec<Remembered> {
        let mut parts = vec![Remembered { seq: self.seq, ..Remembered::default() }];
        let mut bytes = 0;
        let mut grow = |parts: &mut Vec<Remembered>, more: u64| {
            bytes += more;
            if bytes_max < bytes {
                bytes = more;
                parts.push(Remembered::default());
            }
        };
        for producer in self.producers {
            grow(&mut parts, producer.id.len() as u64 + 24 + 8 * SEQS_KNOWN as u64);
            if let Some(part) = parts.last_mut() {
                part.producers.push(producer);
            }
        }
        for key in self.keys {
            grow(&mut parts, key.key.len() as u64 + 40);
            if let Some(part) = parts.last_mut() {
                part.keys.push(key);
            }
        }
        parts.retain(|part| !part.is_empty());
        parts
    }
}

fn slot(seq: u64) -> usize {
    usize::try_from(seq % SEQS_KNOWN as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_sequences_of_a_producer_keep_their_places() {
        for seq in [0, 3, 7, 8, 21] {
            let mut slots = [0; SEQS_KNOWN];
            for known in (0..=seq).rev().take(SEQS_KNOWN) {
                slots[slot(known)] = known * 10;
            }
            let producer = RememberedProducer::from_slots("p".into(), 1, seq, &slots);
            assert_eq!(producer.end_indexes.last(), Some(&(seq * 10)));
            assert_eq!(producer.slots(), slots);
        }
    }

    #[test]
    fn parts_hold_everything_once() {
        let key = |number: u64| RememberedKey {
            key: format!("key {number}").into(),
            body_hash: [1; 16],
            end_index: number,
            time: Timestamp(2),
        };
        let keys: Vec<RememberedKey> = (0..50).map(key).collect();
        let all = Remembered { keys: keys.clone(), seq: Some("s".into()), ..Remembered::default() };
        let parts = all.parts(200);
        assert!(10 < parts.len());
        assert_eq!(parts.into_iter().flat_map(|part| part.keys).collect::<Vec<_>>(), keys);
        assert!(Remembered::default().parts(200).is_empty());
    }
}
