//! `tidings doctor`: looks at the machine, the settings, and the way to a server, and says what would hurt.

mod clock;
mod disk;
mod finding;
mod kernel;
mod memory;
mod open_files;
mod port;
mod way;

use crate::arguments::until_interrupted;
use crate::exit::Stop;
use crate::server_arguments::read_certificates;
use crate::settings_flags::SettingsArguments;
use crate::style::Style;
use crate::values::duration;
use clap::Args;
use finding::{Finding, Verdict};
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;
use tidings_client::{ClientOptions, ServerUrl, Token};
use tidings_server::settings::Settings;

/// `tidings doctor`. Looks at what `tidings serve` would start with, given the same flags.
#[derive(Debug, Args)]
pub(crate) struct DoctorArguments {
    /// Look at the way to the server at this URL too, through whatever stands before it: each transport is followed and published to
    #[arg(long, value_name = "URL", value_parser = ServerUrl::parse)]
    url: Option<ServerUrl>,

    /// For an `https://` URL: believe the certificates of this PEM file too, besides those of the system
    #[arg(long = "ca", value_name = "FILE", env = "TIDINGS_CA")]
    certificates: Option<PathBuf>,

    /// A token or an API key that may create, read, publish and delete `doctor/**`, where the server has rules
    #[arg(long, value_name = "TOKEN", env = "TIDINGS_TOKEN", hide_env_values = true)]
    token: Option<String>,

    /// Leave each connection alone for so long, and see whether it is still there: what cuts quiet connections does so after 30 s or 60 s
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "0s", requires = "url")]
    quiet: Duration,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    settings: SettingsArguments,
}

impl DoctorArguments {
    /// Prints to `out`. Ends with an error where anything is bad.
    pub(crate) fn run(self, out: &mut impl Write) -> Result<(), Stop> {
        let mut findings = self.here();
        findings.extend(self.way()?);
        let is_bad = findings.iter().any(|finding| finding.verdict() == Verdict::Bad);
        if self.json {
            let told: Vec<Value> = findings.iter().map(Finding::to_json).collect();
            writeln!(out, "{:#}", json!({ "healthy": !is_bad, "findings": told }))?;
        } else {
            let style = Style::of(&io::stdout());
            findings.iter().try_for_each(|finding| finding.print(out, style))?;
        }
        out.flush()?;
        if is_bad { Err(Stop::Unhealthy) } else { Ok(()) }
    }

    /// What concerns a server on this machine.
    fn here(&self) -> Vec<Finding> {
        let (of_settings, settings) = self.look_at_settings();
        let mut findings = vec![of_settings, open_files::check(settings.max_connections)];
        findings.extend(disk::check(&settings.data, settings.segment_bytes as u64));
        findings.extend([
            memory::check(&settings),
            clock::check(),
            kernel::check(settings.sends),
            port::check(settings.listen),
        ]);
        findings
    }

    /// The settings; the defaults, where those that were said are wrong.
    fn look_at_settings(&self) -> (Finding, Settings) {
        const ABOUT: &str = "settings";
        let file = self.settings.file().map_or("no file".to_owned(), |file| file.display().to_string());
        match self.settings.settings() {
            Ok(settings) if !settings.access.has_rules() => {
                let found =
                    format!("{file}; no rules: whoever reaches {} may do everything", settings.listen);
                let advice =
                    "before it goes on the internet, also behind a proxy, write down who may do what";
                (Finding::doubtful(ABOUT, found, advice).with("rules", false), settings)
            }
            Ok(settings) => (Finding::good(ABOUT, format!("{file} is right")).with("rules", true), settings),
            Err(error) => {
                let advice =
                    "nothing starts with these, and nothing is reloaded; what follows is of the defaults";
                (Finding::bad(ABOUT, error.to_string(), advice), Settings::default())
            }
        }
    }

    /// What concerns the way to a server.
    fn way(&self) -> Result<Vec<Finding>, Stop> {
        let Some(url) = &self.url else { return Ok(Vec::new()) };
        let root_certificates = read_certificates(self.certificates.as_deref())?;
        let token = self.token.as_deref().map(Token::new);
        let options = ClientOptions { root_certificates, token, ..ClientOptions::default() };
        let asked = way::Asked { url: url.to_string(), options, quiet: self.quiet };
        until_interrupted(async { Ok(way::check(&asked).await) })
    }
}
