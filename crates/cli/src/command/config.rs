//! `tidings config`: says what is wrong with settings, or prints the defaults.

use crate::exit::Stop;
use crate::settings_flags::SettingsArguments;
use clap::{Args, Subcommand};
use std::io::Write;
use tidings_server::settings::default_file;

/// `tidings config`.
#[derive(Debug, Args)]
pub(crate) struct ConfigArguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Check the settings that `tidings serve` would start with, given the same flags
    Check(Box<SettingsArguments>),
    /// Print a commented settings file with every key at its default
    Default,
}

impl ConfigArguments {
    /// Prints to `out`. Wrong settings are wrong usage: exit code 2.
    pub(crate) fn run(self, out: &mut impl Write) -> Result<(), Stop> {
        match self.action {
            Action::Default => out.write_all(default_file().as_bytes())?,
            Action::Check(arguments) => {
                arguments.settings().map_err(|error| Stop::Usage(error.to_string()))?;
                match arguments.file() {
                    Some(file) => writeln!(out, "{} and the environment are fine", file.display())?,
                    None => writeln!(out, "the environment is fine; there is no settings file")?,
                }
            }
        }
        out.flush()?;
        Ok(())
    }
}
