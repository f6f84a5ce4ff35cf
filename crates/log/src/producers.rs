//! The idempotent producers of one stream and what was accepted from each.

use crate::{Producer, ProducerSeq, Refusal};
use std::collections::HashMap;
use std::sync::Arc;

/// How many sequences of a producer back the offsets are known. Five are promised; a power of two is at hand.
pub(crate) const SEQS_KNOWN: usize = 8;

/// The producers of one stream.
#[derive(Debug, Default)]
pub(crate) struct Producers(HashMap<Arc<str>, Accepted>);

/// What was accepted from one producer.
#[derive(Debug)]
struct Accepted {
    epoch: u64,
    /// The highest sequence; all before it in this epoch were accepted too.
    seq: u64,
    /// The index after the messages of sequence `s`, at `s % SEQS_KNOWN`, for the last sequences.
    end_indexes: [u64; SEQS_KNOWN],
}

/// Whether a publish is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It is the next one.
    New,
    /// It was accepted before.
    Before {
        /// The index after its messages, if still known.
        end_index: Option<u64>,
    },
}

impl Producers {
    /// Whether the next publish of a producer may be accepted, or was before.
    pub(crate) fn check(&self, producer: &Producer, producers_max: usize) -> Result<Seen, Refusal> {
        let gap = |expected| Refusal::ProducerGap { expected, received: producer.seq };
        let Some(known) = self.0.get(&producer.id) else {
            return match producer.seq {
                0 if self.0.len() < producers_max => Ok(Seen::New),
                0 => Err(Refusal::TooManyProducers),
                _ => Err(gap(0)),
            };
        };
        if producer.epoch < known.epoch {
            Err(Refusal::ProducerStale { epoch: known.epoch })
        } else if known.epoch < producer.epoch {
            if producer.seq == 0 { Ok(Seen::New) } else { Err(Refusal::ProducerEpochStart) }
        } else if producer.seq <= known.seq {
            Ok(Seen::Before { end_index: known.end_index(producer.seq) })
        } else if producer.seq == known.seq + 1 {
            Ok(Seen::New)
        } else {
            Err(gap(known.seq + 1))
        }
    }

    /// Takes note of a publish that was accepted.
    pub(crate) fn accept(&mut self, producer: &Producer, end_index: u64) {
        let accepted = self.0.entry(Arc::clone(&producer.id)).or_insert(Accepted {
            epoch: producer.epoch,
            seq: 0,
            end_indexes: [0; SEQS_KNOWN],
        });
        accepted.epoch = producer.epoch;
        accepted.seq = producer.seq;
        accepted.end_indexes[slot(producer.seq)] = end_index;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Each with its epoch, its highest sequence, and the index after each of the last sequences.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, u64, u64, &[u64; SEQS_KNOWN])> {
        self.0.iter().map(|(id, accepted)| (&**id, accepted.epoch, accepted.seq, &accepted.end_indexes))
    }

    /// Puts back what [`Producers::iter`] gave.
    pub(crate) fn put(&mut self, id: Arc<str>, epoch: u64, seq: u64, end_indexes: [u64; SEQS_KNOWN]) {
        self.0.insert(id, Accepted { epoch, seq, end_indexes });
    }

    /// The highest sequence that was accepted from a producer.
    pub(crate) fn highest(&self, id: &str) -> Option<ProducerSeq> {
        self.0.get(id).map(|accepted| ProducerSeq { epoch: accepted.epoch, seq: accepted.seq })
    }
}

impl Accepted {
    fn end_index(&self, seq: u64) -> Option<u64> {
        (self.seq - seq < SEQS_KNOWN as u64).then(|| self.end_indexes[slot(seq)])
    }
}

fn slot(seq: u64) -> usize {
    usize::try_from(seq % SEQS_KNOWN as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn producer(epoch: u64, seq: u64) -> Producer {
        Producer { id: "p".into(), epoch, seq }
    }

    #[test]
    fn the_table_of_the_protocol_holds() {
        let mut producers = Producers::default();
        let check = |producers: &Producers, epoch, seq| producers.check(&producer(epoch, seq), 1);
        assert_eq!(check(&producers, 4, 0), Ok(Seen::New));
        assert_eq!(check(&producers, 4, 1), Err(Refusal::ProducerGap { expected: 0, received: 1 }));
        producers.accept(&producer(4, 0), 10);
        producers.accept(&producer(4, 1), 20);
        assert_eq!(check(&producers, 3, 0), Err(Refusal::ProducerStale { epoch: 4 }));
        assert_eq!(check(&producers, 5, 0), Ok(Seen::New));
        assert_eq!(check(&producers, 5, 1), Err(Refusal::ProducerEpochStart));
        assert_eq!(check(&producers, 4, 0), Ok(Seen::Before { end_index: Some(10) }));
        assert_eq!(check(&producers, 4, 1), Ok(Seen::Before { end_index: Some(20) }));
        assert_eq!(check(&producers, 4, 2), Ok(Seen::New));
        assert_eq!(check(&producers, 4, 3), Err(Refusal::ProducerGap { expected: 2, received: 3 }));
        assert_eq!(producers.highest("p"), Some(ProducerSeq { epoch: 4, seq: 1 }));
        let other = Producer { id: "q".into(), epoch: 0, seq: 0 };
        assert_eq!(producers.check(&other, 1), Err(Refusal::TooManyProducers));
    }

    #[test]
    fn the_offsets_of_the_last_sequences_are_known() {
        let mut producers = Producers::default();
        for seq in 0..20 {
            producers.accept(&producer(0, seq), seq * 10);
        }
        let end_index = |seq| producers.check(&producer(0, seq), 1);
        assert_eq!(end_index(11), Ok(Seen::Before { end_index: None }));
        assert_eq!(end_index(12), Ok(Seen::Before { end_index: Some(120) }));
        assert_eq!(end_index(19), Ok(Seen::Before { end_index: Some(190) }));
    }
}
