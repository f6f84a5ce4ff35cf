//! `tidings serve`: runs the server.

use crate::examples;
use crate::exit::Stop;
use crate::hints::{print_examples, print_hints, program, reachable};
use crate::parent;
use crate::settings_flags::SettingsArguments;
use clap::Args;
use std::io::{self, Write as _};
use tidings_server::settings::SettingsSource;

/// `tidings serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    #[command(flatten)]
    settings: SettingsArguments,

    /// End when this process, the parent, ends
    #[arg(long, value_name = "PID", hide = true)]
    end_with_parent: Option<u32>,
}

impl ServeArguments {
    /// Serves until a signal ends it.
    pub(crate) fn run(self) -> Result<(), Stop> {
        if let Some(parent) = self.end_with_parent {
            parent::end_with(parent)?;
        }
        let loaded = self.settings.source().and_then(SettingsSource::load);
        let loaded = loaded.map_err(|error| Stop::Usage(error.to_string()))?;
        let with_examples = loaded.settings().examples;
        let served = tidings_server::run(loaded, |listens| {
            let mut out = io::stdout().lock();
            // A server does not end because nobody reads what it prints.
            let _nobody_reads = print_hints(&mut out, listens, &program());
            if with_examples {
                let address = listens.plain;
                let _nobody_reads = match examples::start(reachable(address)) {
                    Ok(()) => print_examples(&mut out, address),
                    Err(error) => writeln!(io::stderr(), "tidings: the streams of the examples: {error:#}"),
                };
            }
        });
        // Its text names its cause already; as a chain of errors the cause would be told twice.
        served.map_err(|error| Stop::Failed(anyhow::Error::msg(error.to_string())))
    }
}
