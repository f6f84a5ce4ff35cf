//! What a log has, in numbers.

use crate::contents::Contents;
use crate::format::Manifest;

/// The numbers of `tidings log stats`. Bytes of files are as of the last manifest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogStats {
    /// How many streams there are.
    pub streams: u64,
    /// Bytes of the messages that they keep.
    pub live_bytes: u64,
    /// How many blocks there are.
    pub blocks: u64,
    /// The bytes of their files.
    pub block_bytes: u64,
    /// Bytes of messages in blocks and 8 for each message, with those that are dead.
    pub block_message_bytes: u64,
    /// Of these, those of messages that are known to be trimmed or deleted.
    pub dead_bytes: u64,
    /// The size of the snapshot.
    pub snapshot_bytes: u64,
    /// How many segments are not sealed, or kept for recovery.
    pub segments: u64,
    /// Ever written since the log was made: bytes of messages that were sealed.
    pub sealed_message_bytes: u64,
    /// Ever written: bytes of frames, as of the last manifest.
    pub written_frames: u64,
    /// Ever written: bytes of blocks by sealing.
    pub written_sealing: u64,
    /// Ever written: bytes of blocks by merging.
    pub written_merging: u64,
    /// Ever written: bytes of snapshots.
    pub written_snapshots: u64,
}

impl LogStats {
    pub(crate) fn of(manifest: &Manifest, contents: &Contents) -> LogStats {
        let directory = contents.directory();
        let (streams, live_bytes) =
            directory.visible().fold((0, 0), |(count, bytes), (_, record)| (count + 1, bytes + record.bytes));
        let last = contents.committed_segment();
        let blocks = manifest.blocks.iter();
        LogStats {
            streams,
            live_bytes,
            blocks: manifest.blocks.len() as u64,
            block_bytes: blocks.clone().map(|block| block.bytes).sum(),
            block_message_bytes: blocks.clone().map(|block| block.weight).sum(),
            dead_bytes: blocks.map(|block| block.dead_weight).sum(),
            snapshot_bytes: manifest.snapshot_bytes,
            segments: u64::from((last + 1).saturating_sub(manifest.first_segment())),
            sealed_message_bytes: manifest.written.messages,
            written_frames: manifest.written.frames,
            written_sealing: manifest.written.sealed_blocks,
            written_merging: manifest.written.merged_blocks,
            written_snapshots: manifest.written.snapshots,
        }
    }

    /// All bytes that were ever written, for each byte of frames: what a message costs the disk beside its own commit.
    pub fn write_amplification(&self) -> f64 {
        let written =
            self.written_frames + self.written_sealing + self.written_merging + self.written_snapshots;
        #[expect(clippy::cast_precision_loss, reason = "it is printed with two digits")]
        let ratio = written as f64 / self.written_frames.max(1) as f64;
        ratio
    }
}
