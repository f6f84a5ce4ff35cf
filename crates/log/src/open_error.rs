//! Why a log can't be opened.

use crate::LogSettings;
use std::io;
use std::path::PathBuf;

/// Why a log can't be opened. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the folder.
    #[error(
        "the data folder {folder:?} is in use by another server; stop that one, or choose another folder"
    )]
    Locked {
        /// The folder.
        folder: PathBuf,
    },
    /// Bytes that were acknowledged are not what was written. The log refuses to go on without them.
    #[error(
        "{file} in the data folder is damaged at byte {at}{}: {reason}. Nothing was changed. See what can be saved with \
         `tidings log salvage`, or restore the folder from a backup; keep the damaged one until then",
        if *frame == 0 { String::new() } else { format!(", where frame {frame} is expected") }
    )]
    Damaged {
        /// The name of the file.
        file: String,
        /// The position in it.
        at: u64,
        /// The frame that should be there; 0 where there is none to name.
        frame: u64,
        /// How it is known that something was there.
        reason: DamageReason,
    },
    /// A later version of the server wrote it.
    #[error(
        "the log has format version {version}, which is newer than this server; use the server that wrote it"
    )]
    NewerFormat {
        /// The version.
        version: u32,
    },
    /// An earlier version of the server wrote it.
    #[error(
        "the log has format version {version}, which this server can't read any more; it was never released"
    )]
    OlderFormat {
        /// The version.
        version: u32,
    },
    /// A setting that the format does not allow.
    #[error(
        "a segment of {bytes} bytes is not possible; choose {} to {}",
        LogSettings::SEGMENT_BYTES_MIN,
        LogSettings::SEGMENT_BYTES_MAX
    )]
    SegmentBytes {
        /// The size that was asked for.
        bytes: u64,
    },
    /// The storage can't be read or written.
    #[error("the data folder can't be read or written")]
    Storage(#[from] io::Error),
}

/// How damage is told apart from a write that a crash cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DamageReason {
    /// A later frame says that this one was synced.
    #[error("a later frame says that it was synced")]
    Synced,
    /// The header of a segment is synced before anything else is done with it.
    #[error("the header of the segment is not what was written")]
    Header,
    /// A file that belongs to the log is not there.
    #[error("the file is missing")]
    Missing,
    /// Neither of the two manifests is what was written.
    #[error("neither manifest is what was written")]
    Manifest,
    /// A checksum or a length of a block or snapshot is wrong.
    #[error("it is not what was written")]
    Content,
    /// The checksum of a frame is right, but what it says contradicts the frames before it.
    #[error("the frame contradicts those before it")]
    Contradiction,
}
