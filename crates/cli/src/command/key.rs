//! `tidings key`: makes API keys. Asks no server: what a server needs is printed for its settings.

use crate::exit::Stop;
use clap::{Args, Subcommand};
use std::io::{self, Write};
use tidings_auth::{ApiKey, Digest};

/// `tidings key`.
#[derive(Debug, Args)]
pub(crate) struct KeyArguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a key: the table for the server's settings goes to standard output, the key itself to standard error, this once
    New {
        /// Whose key it is
        #[arg(long, default_value = "backend")]
        name: String,
    },
}

impl KeyArguments {
    /// Prints to `out`.
    pub(crate) fn run(self, out: &mut impl Write) -> Result<(), Stop> {
        let Action::New { name } = self.action;
        let key = ApiKey::text(rand::random());
        let hash = ApiKey::hash_text(Digest::of(key.as_bytes()));
        writeln!(
            io::stderr(),
            "The key, which is stored nowhere; its owner sends it as `Authorization: Bearer`:\n{key}\n"
        )?;
        writeln!(out, "[[keys]]\nname = {name:?}\nhash = \"{hash}\"\nread = [\"**\"]\npublish = [\"**\"]")?;
        out.flush()?;
        Ok(())
    }
}
