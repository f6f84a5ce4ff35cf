//! `tidings serve`: runs the server.

use crate::exit::Stop;
use crate::hints::{print_hints, program};
use crate::settings_flags::SettingsArguments;
use clap::Args;
use std::io;

/// `tidings serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    #[command(flatten)]
    settings: SettingsArguments,
}

impl ServeArguments {
    /// Serves until a signal ends it.
    pub(crate) fn run(self) -> Result<(), Stop> {
        let settings = self.settings.settings().map_err(|error| Stop::Usage(error.to_string()))?;
        let served = tidings_server::run(settings, |address| {
            // A server does not end because nobody reads what it prints.
            let _nobody_reads = print_hints(&mut io::stdout().lock(), address, &program());
        });
        // Its text names its cause already; as a chain of errors the cause would be told twice.
        served.map_err(|error| Stop::Failed(anyhow::Error::msg(error.to_string())))
    }
}
