//! The publishers, and the retention as an engine does it: what is too much goes with the commit that makes it so.

use super::Space;
use super::folder::FolderUse;
use crate::clock;
use crate::latency::Latency;
use crate::messages::{MESSAGE_BYTES, Messages};
use crate::progress::Progress;
use crate::random::Random;
use crate::rig::{LOOK_AHEAD, Rig};
use std::path::Path;
use std::time::Instant;
use tidings_log::{Operation, Outcome, Trim};
use tidings_model::Timestamp;

/// The size of every other message.
const LARGE_BYTES: usize = 1_000;

/// After so much it looks at the folder: a few times for each segment.
const LOOK_EVERY_MEGABYTES: u64 = 16;

/// Publishes and trims.
pub(super) struct Load {
    space: Space,
    small: Messages,
    large: Messages,
    random: Random,
    /// The streams that are not deleted.
    streams: Vec<u32>,
    /// How many messages each stream ever had.
    tails: Vec<u64>,
    sent: Sent,
    /// What the folder took at most.
    peak: FolderUse,
}

/// What was committed.
#[derive(Clone, Copy, Default)]
pub(super) struct Sent {
    pub(super) message_bytes: u64,
    pub(super) frame_bytes: u64,
}

impl Load {
    pub(super) fn new(space: Space) -> Load {
        Load {
            space,
            small: Messages::new(),
            large: Messages::of(LARGE_BYTES),
            random: Random::new(0),
            streams: (0..space.streams).collect(),
            tails: vec![0; space.streams as usize],
            sent: Sent::default(),
            peak: FolderUse::default(),
        }
    }

    pub(super) fn sent(&self) -> Sent {
        self.sent
    }

    pub(super) fn peak(&self) -> FolderUse {
        self.peak
    }

    /// Goes on until so many bytes of messages were published since the beginning. Looks at the folder now and then.
    pub(super) fn publish(
        &mut self,
        rig: &mut Rig,
        folder: &Path,
        until: u64,
        progress: &Progress,
    ) -> anyhow::Result<()> {
        let mut told = self.sent.message_bytes / 1_000_000;
        while self.sent.message_bytes < until {
            self.commit(rig)?;
            let megabytes = self.sent.message_bytes / 1_000_000;
            if told / LOOK_EVERY_MEGABYTES < megabytes / LOOK_EVERY_MEGABYTES {
                self.peak = self.peak.max(FolderUse::of(folder)?);
            }
            progress.add(megabytes - told);
            told = megabytes;
        }
        Ok(())
    }

    /// Goes on until that moment, and says how long each commit took.
    pub(super) fn time(
        &mut self,
        rig: &mut Rig,
        until: Instant,
        latency: &mut Latency,
    ) -> anyhow::Result<()> {
        let mut began = clock::now();
        while began < until {
            self.commit(rig)?;
            let ended = clock::now();
            latency.record(ended.duration_since(began), 1);
            began = ended;
        }
        Ok(())
    }

    /// Every tenth stream goes, with all that it has.
    pub(super) fn delete_some(&mut self, rig: &mut Rig) -> anyhow::Result<()> {
        let now = clock::wall();
        for stream in self.streams.extract_if(.., |stream| stream.is_multiple_of(10)) {
            let name = rig.names[stream as usize].clone();
            rig.log.stage(Operation::Delete { name, incarnation: None }, now)?;
        }
        rig.log.commit()?;
        Ok(())
    }

    /// One round.
    fn commit(&mut self, rig: &mut Rig) -> anyhow::Result<()> {
        let now = clock::wall();
        let count = u32::try_from(self.streams.len())?;
        let mut left = self.space.in_flight as usize;
        while 0 < left {
            let pick = |_| self.streams[self.random.below(count) as usize];
            let ahead: Vec<u32> = (0..left.min(LOOK_AHEAD)).map(pick).collect();
            rig.log.look_ahead(ahead.iter().map(|stream| &rig.names[*stream as usize]));
            for stream in &ahead {
                self.stage(rig, *stream, now)?;
            }
            left -= ahead.len();
        }
        self.sent.frame_bytes += rig.log.staged_bytes() as u64;
        rig.log.commit()?;
        Ok(())
    }

    /// A publish, and what goes for it.
    fn stage(&mut self, rig: &mut Rig, stream: u32, now: Timestamp) -> anyhow::Result<()> {
        let index = self.tails[stream as usize];
        self.tails[stream as usize] += 1;
        let messages = if is_large(stream, index) { &self.large } else { &self.small };
        let message = messages.pick(&mut self.random).clone();
        self.sent.message_bytes += message.len() as u64;
        let outcome = rig.publish(stream, vec![message], now)?;
        let Outcome::Published { tail: Some(tail), .. } = outcome else {
            anyhow::bail!("a publish came to {outcome:?}");
        };
        if let Some(gone) = index.checked_sub(self.space.keep.into()) {
            let trim = Trim {
                incarnation: tail.incarnation,
                earliest_index: gone + 1,
                freed_bytes: if is_large(stream, gone) { LARGE_BYTES } else { MESSAGE_BYTES } as u64,
                oldest: None,
            };
            rig.log.stage(Operation::Trim(trim), now)?;
        }
        Ok(())
    }
}

/// Every other message of a stream is.
fn is_large(stream: u32, index: u64) -> bool {
    (u64::from(stream) + index) % 2 == 1
}
