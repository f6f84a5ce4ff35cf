//! Which server a client command speaks to.

use clap::Args;
use tidings_client::Client;

/// Where `tidings serve` listens when nobody says otherwise.
pub(crate) const DEFAULT_URL: &str = "http://127.0.0.1:4437";

/// Which server to speak to.
#[derive(Clone, Debug, Args)]
pub(crate) struct ServerArguments {
    /// The server's URL
    #[arg(long = "url", value_name = "URL", env = "TIDINGS_URL", default_value = DEFAULT_URL, value_parser = Client::new)]
    pub(crate) client: Client,
}
