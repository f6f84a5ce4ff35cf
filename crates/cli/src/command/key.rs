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
        writeln!(
            out,
            "[[keys]]\nname = {}\nhash = \"{hash}\"\nread = [\"**\"]\npublish = [\"**\"]",
            toml_text(&name)
        )?;
        out.flush()?;
        Ok(())
    }
}

/// A text as TOML writes it. Those of JSON are texts of TOML too: it escapes no more, and each of its escapes is one of TOML's.
fn toml_text(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

#[cfg(test)]
mod tests {
    use super::toml_text;

    #[test]
    fn a_name_is_written_as_toml_reads_it() {
        assert_eq!(toml_text("backend"), "\"backend\"");
        assert_eq!(toml_text("a\"b\\\n\u{1b}\u{7f}\u{fc}"), "\"a\\\"b\\\\\\n\\u001b\\u007f\u{fc}\"");
    }
}
