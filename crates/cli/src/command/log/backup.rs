//! `tidings log backup`: a copy of a data folder, also of one that a server has.

use crate::data_arguments::{DataArguments, refused};
use crate::exit::Stop;
use crate::progress_bar::ProgressBar;
use clap::Args;
use indicatif::BinaryBytes;
use serde_json::json;
use std::io::Write;
use std::path::PathBuf;
use tidings_log::{BackedUp, BackupError, backup};

/// What else a data folder has that a copy needs: without it, what was revoked would be believed again.
const BESIDE: &[&str] = &[tidings_server::REVOCATIONS_FILE_NAME];

/// `tidings log backup`. On the same file system blocks are shared with the original, not copied.
#[derive(Debug, Args)]
pub(crate) struct BackupArguments {
    /// The folder to make. It must not exist, or be empty
    #[arg(long, value_name = "DIR")]
    to: PathBuf,

    /// Print one JSON object
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    data: DataArguments,
}

impl BackupArguments {
    /// Makes the copy.
    pub(crate) fn run(self, out: &mut impl Write) -> Result<(), Stop> {
        let folder = self.data.folder()?;
        let bar = ProgressBar::on_stderr("copying");
        let copied = backup(&folder, &self.to, BESIDE, &mut |progress| bar.show(progress));
        drop(bar);
        let copied = copied.map_err(|error| match error {
            BackupError::Look(error) => refused(&folder, error, "try again"),
            BackupError::NotEmpty { .. } => Stop::Usage(error.to_string()),
            BackupError::Busy { .. } | BackupError::Write { .. } => Stop::Failed(error.into()),
        })?;
        let BackedUp { blocks, segments, last_frame, linked_bytes, copied_bytes, tries } = copied;
        if self.json {
            let object = json!({
                "blocks": blocks,
                "segments": segments,
                "last_frame": last_frame,
                "linked_bytes": linked_bytes,
                "copied_bytes": copied_bytes,
                "tries": tries,
            });
            writeln!(out, "{object}")?;
        } else {
            writeln!(
                out,
                "{}: {blocks} blocks and {segments} segments, {} copied and {} shared with {}",
                self.to.display(),
                BinaryBytes(copied_bytes),
                BinaryBytes(linked_bytes),
                folder.display()
            )?;
        }
        Ok(out.flush()?)
    }
}
