//! Logical publishers in a closed loop: each has one append in flight, and submits the next when it is durable.
//!
//! They are a part of the committing thread, not threads of their own. All that it committed is submitted anew at
//! once, so all of them wait again when it looks; nothing is spent on wake-ups, which would be the same for all stores.

use crate::messages::Messages;
use crate::random::Random;
use bytes::Bytes;

/// One message that is to be appended.
pub(crate) struct Append<'a> {
    pub(crate) stream: u32,
    /// Which message of its stream.
    pub(crate) index: u64,
    pub(crate) message: &'a Bytes,
}

/// The publishers of one committing thread, with the streams that only it appends to.
pub(crate) struct Publishers<'a> {
    messages: &'a Messages,
    random: Random,
    share: Share,
    in_flight: u32,
    /// What comes next in each stream of the share.
    indexes: Vec<u64>,
}

/// Every n-th of something, so that each of n threads has its own.
#[derive(Clone, Copy)]
pub(crate) struct Share {
    pub(crate) thread: u32,
    pub(crate) threads: u32,
}

impl Share {
    /// How many of `all` are in this share.
    fn of(self, all: u32) -> u32 {
        all / self.threads + u32::from(self.thread < all % self.threads)
    }
}

impl<'a> Publishers<'a> {
    pub(crate) fn new(messages: &'a Messages, share: Share, streams: u32, in_flight: u32) -> Publishers<'a> {
        Publishers {
            messages,
            random: Random::new(u64::from(share.thread)),
            share,
            in_flight: share.of(in_flight),
            indexes: vec![0; share.of(streams) as usize],
        }
    }

    /// Every publisher submits one append, to any stream.
    pub(crate) fn submit(&mut self, batch: &mut Vec<Append<'a>>) {
        batch.clear();
        let streams = u32::try_from(self.indexes.len()).expect("a share of streams that 32 bits count");
        for _ in 0..self.in_flight {
            let own = self.random.below(streams);
            let index = &mut self.indexes[own as usize];
            let message = self.messages.pick(&mut self.random);
            let stream = own * self.share.threads + self.share.thread;
            batch.push(Append { stream, index: *index, message });
            *index += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_threads_append_the_same() {
        let messages = Messages::new();
        let mut seen = HashSet::new();
        for thread in 0..3 {
            let mut publishers = Publishers::new(&messages, Share { thread, threads: 3 }, 10, 64);
            let mut batch = Vec::new();
            for _ in 0..100 {
                publishers.submit(&mut batch);
                assert!(batch.iter().all(|append| append.stream < 10));
                assert!(batch.iter().all(|append| seen.insert((append.stream, append.index))));
            }
        }
        assert_eq!(seen.len(), 6_400);
    }
}
