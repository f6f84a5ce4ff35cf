//! `tidings completions`: what a shell has to know to complete a command line.

use crate::arguments::Arguments;
use crate::exit::Stop;
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use std::io::Write;

/// `tidings completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArguments {
    /// For which shell
    #[arg(value_enum)]
    shell: Shell,
}

impl CompletionsArguments {
    /// Prints a script to `out`.
    pub(crate) fn run(self, out: &mut impl Write) -> Result<(), Stop> {
        clap_complete::generate(self.shell, &mut Arguments::command(), "tidings", out);
        out.flush()?;
        Ok(())
    }
}
