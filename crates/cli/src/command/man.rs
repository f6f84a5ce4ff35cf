//! `tidings man`: the manual pages, from the definitions that also make the command line.

use crate::arguments::Arguments;
use crate::exit::Stop;
use anyhow::Context as _;
use clap::{Args, CommandFactory};
use std::io::Write;
use std::path::PathBuf;

/// `tidings man`.
#[derive(Debug, Args)]
pub(crate) struct ManArguments {
    /// Write one page for each command into this folder, such as `/usr/share/man/man1`; without it, the first page is printed
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
}

impl ManArguments {
    /// Prints to `out`, or writes files.
    pub(crate) fn run(self, out: &mut impl Write) -> Result<(), Stop> {
        let command = Arguments::command();
        match self.to {
            None => clap_mangen::Man::new(command).render(out)?,
            Some(folder) => {
                std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
                clap_mangen::generate_to(command, &folder).with_context(|| folder.display().to_string())?;
            }
        }
        out.flush()?;
        Ok(())
    }
}
