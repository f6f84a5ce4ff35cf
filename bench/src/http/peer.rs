//! The servers that are compared: one file each, of the same shape.

mod durable_streams;
mod nats;
mod redis;
mod tidings;

use super::wire::Wire;
use anyhow::Context;
use clap::ValueEnum;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A server that can be run for a cell.
pub(crate) trait Peer {
    fn title(&self) -> &'static str;

    /// What it says its version is.
    fn version(&self) -> anyhow::Result<String>;

    /// What was chosen for it.
    fn settings(&self) -> &'static str;

    /// How to run it over a folder, on a port of the loopback.
    fn command(&self, folder: &Path, port: u16) -> anyhow::Result<Command>;

    fn wire(&self) -> Box<dyn Wire>;

    /// How many requests make that many streams.
    fn preparing_requests(&self, streams: u32) -> u32;

    /// Writes one of those requests.
    fn prepare(&self, request: u32, output: &mut Vec<u8>);
}

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PeerName {
    /// tidings
    Tidings,
    /// Redis Streams
    Redis,
    /// NATS, with streams
    Nats,
    /// The server of the crate durable-streams
    DurableStreams,
}

/// Where the programs are.
pub(crate) struct Programs {
    pub(crate) tidings: PathBuf,
    /// The folder of all others.
    pub(crate) peers: PathBuf,
}

impl PeerName {
    pub(crate) const ALL: [PeerName; 4] =
        [PeerName::Tidings, PeerName::Redis, PeerName::Nats, PeerName::DurableStreams];

    pub(crate) fn peer(self, programs: &Programs) -> Box<dyn Peer> {
        let Programs { tidings, peers } = programs;
        match self {
            PeerName::Tidings => Box::new(tidings::Tidings { program: tidings.clone() }),
            PeerName::Redis => Box::new(redis::Redis),
            PeerName::Nats => Box::new(nats::Nats { program: peers.join("nats-server") }),
            PeerName::DurableStreams => Box::new(durable_streams::DurableStreams {
                program: peers.join("bin/durable-streams-server"),
            }),
        }
    }
}

/// What a program prints when it is asked for its version, from its first word with a digit on.
fn version_of(program: &Path) -> anyhow::Result<String> {
    let mut command = Command::new(program);
    let output = command.arg("--version").output();
    let output = output.with_context(|| format!("running {}; see bench/README.md", program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.split_whitespace().find(|word| word.contains(|letter: char| letter.is_ascii_digit()));
    version.map(str::to_owned).with_context(|| format!("{} tells no version: {text}", program.display()))
}
