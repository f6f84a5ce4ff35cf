//! `http`: durable publishes to tidings and to other servers, over their own protocols.
//!
//! Every cell has a server of its own over an empty folder. The load generator is one thread of this process and the
//! same for all: what it costs is the wire of the protocol, and it leaves the rest of the machine to the server.

mod cell;
pub(crate) mod connections;
pub(crate) mod peer;
pub(crate) mod server;
pub(crate) mod wire;

use crate::CampaignArguments;
use crate::campaign::{Campaign, Column, Load};
use crate::machine;
use crate::report::Report;
use anyhow::Context;
use clap::Args;
use peer::{Peer, PeerName, Programs};
use std::path::PathBuf;

/// `tidings-bench http`.
#[derive(Debug, Args)]
pub(crate) struct HttpArguments {
    #[command(flatten)]
    campaign: CampaignArguments,
    /// How many streams there are, one or more numbers
    #[arg(long, value_name = "COUNTS", value_delimiter = ',', default_value = "10,10000")]
    streams: Vec<u32>,
    /// How many connections there are, each with one publish in flight, one or more numbers
    #[arg(long, value_name = "COUNTS", value_delimiter = ',', default_value = "1,64,1024")]
    in_flight: Vec<u32>,
    /// The binary of tidings, as `cargo build --release` makes it
    #[arg(long, value_name = "BIN", default_value = "target/release/tidings")]
    tidings: PathBuf,
    /// Where `bench/setup.sh` put the other servers
    #[arg(long, value_name = "PATH", default_value = "bench/.peers")]
    peers: PathBuf,
    /// Which servers to compare; all without this flag
    #[arg(long, value_name = "SERVERS", value_delimiter = ',')]
    servers: Vec<PeerName>,
}

impl Column for Box<dyn Peer> {
    fn name(&self) -> &str {
        self.title()
    }

    fn fits(&self, _load: Load) -> bool {
        true
    }
}

impl HttpArguments {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        std::fs::create_dir_all(&self.campaign.data).context("making the folder for the data")?;
        allow_many_files()?;
        let names = if self.servers.is_empty() { PeerName::ALL.to_vec() } else { self.servers.clone() };
        let programs = Programs { tidings: self.tidings.clone(), peers: self.peers.clone() };
        let columns: Vec<_> = names.iter().map(|name| name.peer(&programs)).collect();
        let settings = columns.iter().map(|peer| settings(peer.as_ref())).collect::<Result<_, _>>()?;
        let loads = Load::all(&self.streams, &self.in_flight);
        let CampaignArguments { rounds, calm, .. } = self.campaign;
        let campaign = Campaign { loads, columns, rounds, calm };
        let findings = campaign.run(|peer, load| cell::run(peer.as_ref(), load, &self.campaign));
        let report = Report {
            title: "The server beside other servers",
            what: "Durable publishes per second of 128-byte messages",
            facts: machine::facts(&self.campaign.data),
            settings,
            findings,
        };
        report.write(&self.campaign)
    }
}

/// The version of a peer, which also shows that it is there, and what was chosen for it.
pub(crate) fn settings(peer: &dyn Peer) -> anyhow::Result<String> {
    Ok(format!("{} {}: {}", peer.title(), peer.version()?, peer.settings()))
}

/// As many open files as the system allows, for this process and the servers: a connection is one, and some of the
/// servers have one for each stream.
pub(crate) fn allow_many_files() -> anyhow::Result<()> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("raising the limit of open files")
}
