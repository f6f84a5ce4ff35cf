//! Which server a client command speaks to.

use crate::exit::Stop;
use anyhow::Context;
use clap::Args;
use std::convert::Infallible;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::OnceLock;
use tidings_client::{Client, ClientOptions, RootCertificate, ServerUrl, Token};

/// Where `tidings serve` listens when nobody says otherwise.
pub(crate) const DEFAULT_URL: &str = "http://127.0.0.1:4437";

/// A text that is shown to nobody.
#[derive(Clone)]
pub(crate) struct Secret(pub(crate) String);

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Secret, Infallible> {
        Ok(Secret(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Which server to speak to.
#[derive(Clone, Debug, Args)]
pub(crate) struct ServerArguments {
    /// The server's URL
    #[arg(long = "url", value_name = "URL", env = "TIDINGS_URL", default_value = DEFAULT_URL, value_parser = ServerUrl::parse)]
    url: ServerUrl,

    /// For an `https://` URL: believe the certificates of this PEM file too, besides those of the system
    #[arg(long = "ca", value_name = "FILE", env = "TIDINGS_CA")]
    certificates: Option<PathBuf>,

    /// A token or an API key, where the server wants to know who asks. In the environment nobody sees it in a list of processes
    #[arg(long = "token", value_name = "TOKEN", env = "TIDINGS_TOKEN", hide_env_values = true)]
    token: Option<Secret>,

    #[arg(skip)]
    client: OnceLock<Client>,
}

impl ServerArguments {
    /// The client of that server.
    pub(crate) fn client(&self) -> Result<&Client, Stop> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let root_certificates = read_certificates(self.certificates.as_deref())?;
        let token = self.token.as_ref().map(|Secret(token)| Token::new(token));
        let options = ClientOptions { root_certificates, token, ..ClientOptions::default() };
        let client = Client::with_options(&self.url.to_string(), options);
        let client = client.map_err(|error| Stop::Usage(error.to_string()))?;
        Ok(self.client.get_or_init(|| client))
    }
}

/// The certificates of `--ca`.
pub(crate) fn read_certificates(file: Option<&Path>) -> Result<Vec<RootCertificate>, Stop> {
    let Some(file) = file else { return Ok(Vec::new()) };
    let place = || format!("--ca {}", file.display());
    let read = || RootCertificate::parse_pem(&std::fs::read(file).with_context(place)?).with_context(place);
    read().map_err(|error| Stop::Usage(format!("{error:#}")))
}
