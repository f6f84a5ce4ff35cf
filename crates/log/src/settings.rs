//! The limits of a log.

use std::time::Duration;

/// The longest producer id, idempotency key, `Stream-Seq` or text of an expiry, in bytes.
pub const TEXT_BYTES_MAX: usize = 1024;

/// The limits of a log and what it makes. Write it as a change of the default, which is one for disks.
#[derive(Clone, Debug)]
pub struct LogSettings {
    /// The size of a segment file. Segments that exist keep theirs.
    pub segment_bytes: u64,
    /// A frame takes no further entry once it is that long; one larger entry has a frame of its own.
    pub frame_bytes: usize,
    /// How many streams there may be.
    pub streams_max: usize,
    /// How many producers a stream may have in its life.
    pub producers_max: usize,
    /// How many idempotency keys of a stream are remembered; the oldest goes first.
    pub keys_max: usize,
    /// How long an idempotency key is remembered.
    pub keys_age: Duration,
    /// What incarnations new streams get.
    pub incarnations: Incarnations,
    /// So many neighbouring blocks of one size become one of the next, at least 2.
    pub merge_blocks: usize,
    /// No block gets larger by merging. On a full storage a block of which some is dead is written again before it gives its
    /// room back, and only as much as a segment is sure to fit.
    pub merge_bytes_max: u64,
    /// How many segments recovery may have to read before a snapshot is due.
    pub snapshot_segments: u32,
    /// A mistake made on purpose, for tests that show that it is found.
    #[cfg(feature = "planted-bugs")]
    #[doc(hidden)]
    pub planted: Option<PlantedBug>,
}

/// What incarnations new streams get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incarnations {
    /// Those of streams that outlive the process.
    Disk,
    /// Those of streams that don't.
    Memory {
        /// The random mark of this process.
        boot: u32,
    },
}

impl LogSettings {
    /// The smallest segment. A test's choice: it holds about ten small frames.
    pub const SEGMENT_BYTES_MIN: u64 = 8 << 10;

    /// The largest segment: positions in it have 32 bits.
    pub const SEGMENT_BYTES_MAX: u64 = 1 << 30;

    /// Whether the mistake was planted.
    #[cfg(feature = "planted-bugs")]
    pub(crate) fn has(&self, bug: PlantedBug) -> bool {
        self.planted == Some(bug)
    }

    /// Nothing can be planted in a log that is shipped.
    #[cfg(not(feature = "planted-bugs"))]
    #[expect(clippy::unused_self, reason = "the twin with planted bugs asks its settings")]
    pub(crate) fn has(&self, _bug: PlantedBug) -> bool {
        false
    }
}

impl Default for LogSettings {
    fn default() -> LogSettings {
        LogSettings {
            segment_bytes: 64 << 20,
            frame_bytes: 256 << 10,
            streams_max: 1_000_000,
            producers_max: 10_000,
            keys_max: 1_000,
            keys_age: Duration::from_hours(24),
            incarnations: Incarnations::Disk,
            merge_blocks: 16,
            merge_bytes_max: u64::MAX,
            snapshot_segments: 2,
            #[cfg(feature = "planted-bugs")]
            planted: None,
        }
    }
}

/// Mistakes that the crash tests must find. They exist only with the feature `planted-bugs`.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlantedBug {
    /// A commit succeeds without having synced.
    AcknowledgeBeforeSync,
    /// A failed sync is called again, and its success believed.
    RetrySync,
    /// Recovery does not look at checksums of contents.
    NoChecksum,
    /// Recovery cuts the log at damage that it should refuse.
    CutDamage,
    /// Recovery takes frames that an earlier recovery cut.
    StaleEpoch,
    /// A new epoch is greater than that of the frames that are read, but not of those that are cut.
    EpochTwice,
    /// Recovery syncs what it found, but does not write it once more.
    NoRewriteAfterRecovery,
    /// What recovery found is shown before it is synced.
    NoSyncAfterRecovery,
    /// A commit is visible before it is written.
    VisibleBeforeStored,
    /// Recovery does not write the manifest that it found once more.
    NoManifestRewrite,
    /// A manifest counts before it is synced.
    ManifestWithoutSync,
    /// A manifest names files whose names are not synced.
    InstallWithoutNames,
    /// Files are removed before the manifest that does without them counts.
    RemoveBeforeInstall,
    /// Sealing and merging leave out one message more than was trimmed.
    DropOneTooMany,
    /// A block is named by a manifest before it is synced.
    BlockWithoutSync,
    /// What changes while a snapshot is written is in it as it is then.
    CopyWithoutSaving,
    /// A sealed segment is used again before a snapshot has what it says.
    RetireBeforeSnapshot,
    /// A segment is sealed that is still written to.
    SealUnfinished,
    /// Sealing does not say which block has what came before.
    SealForgetsPrevious,
    /// What was accepted with an identity is not in snapshots.
    SnapshotWithoutIdentities,
}

impl PlantedBug {
    /// All of them.
    pub const ALL: [PlantedBug; 20] = [
        PlantedBug::AcknowledgeBeforeSync,
        PlantedBug::RetrySync,
        PlantedBug::NoChecksum,
        PlantedBug::CutDamage,
        PlantedBug::StaleEpoch,
        PlantedBug::EpochTwice,
        PlantedBug::NoRewriteAfterRecovery,
        PlantedBug::NoSyncAfterRecovery,
        PlantedBug::VisibleBeforeStored,
        PlantedBug::NoManifestRewrite,
        PlantedBug::ManifestWithoutSync,
        PlantedBug::InstallWithoutNames,
        PlantedBug::RemoveBeforeInstall,
        PlantedBug::DropOneTooMany,
        PlantedBug::BlockWithoutSync,
        PlantedBug::CopyWithoutSaving,
        PlantedBug::RetireBeforeSnapshot,
        PlantedBug::SealUnfinished,
        PlantedBug::SealForgetsPrevious,
        PlantedBug::SnapshotWithoutIdentities,
    ];
}
