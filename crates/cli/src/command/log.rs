//! `tidings log`: looks after the log in a data folder. No server is asked for anything.

mod backup;
mod export;
mod import;
mod salvage;
mod stats;
mod stream_lines;
mod verify;

use crate::exit::Stop;
use backup::BackupArguments;
use clap::{Args, Subcommand};
use export::ExportArguments;
use import::ImportArguments;
use salvage::SalvageArguments;
use stats::StatsArguments;
use std::io::Write;
use verify::VerifyArguments;

/// `tidings log`.
#[derive(Debug, Args)]
pub(crate) struct LogArguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Read everything and say where it is damaged. Changes nothing; the server must be stopped
    Verify(VerifyArguments),
    /// Write what is left of a damaged log to a new folder; the server must be stopped
    Salvage(SalvageArguments),
    /// Print what the log has, in numbers, also while the server runs
    Stats(StatsArguments),
    /// Copy the data folder to a new one, also while the server runs
    Backup(BackupArguments),
    /// Print streams as JSON lines, with all that `import` needs; the server must be stopped
    Export(ExportArguments),
    /// Add streams that `export` printed, with their offsets and times; the server must be stopped
    Import(ImportArguments),
}

impl LogArguments {
    /// Prints to `out`.
    pub(crate) fn run(self, out: &mut impl Write) -> Result<(), Stop> {
        match self.action {
            Action::Verify(arguments) => arguments.run(out),
            Action::Salvage(arguments) => arguments.run(out),
            Action::Stats(arguments) => arguments.run(out),
            Action::Backup(arguments) => arguments.run(out),
            Action::Export(arguments) => arguments.run(out),
            Action::Import(arguments) => arguments.run(out),
        }
    }
}
