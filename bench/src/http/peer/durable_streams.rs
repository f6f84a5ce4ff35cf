//! The server of the crate `durable-streams`, which speaks the protocol that tidings extends.

use super::Peer;
use crate::http::wire::Wire;
use crate::http::wire::http1::Http1;
use anyhow::Context;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) struct DurableStreams {
    pub(crate) program: PathBuf,
}

impl Peer for DurableStreams {
    fn title(&self) -> &'static str {
        "durable-streams"
    }

    /// It does not tell; `cargo install` wrote it down beside it.
    fn version(&self) -> anyhow::Result<String> {
        anyhow::ensure!(self.program.exists(), "no {}; see bench/README.md", self.program.display());
        let folder = self.program.parent().and_then(Path::parent).context("a program without a folder")?;
        let installed =
            fs::read_to_string(folder.join(".crates.toml")).context("reading what is installed")?;
        let version = installed.split("durable-streams ").nth(1).and_then(|rest| rest.split(' ').next());
        version.map(str::to_owned).context("durable-streams was not installed by cargo")
    }

    fn settings(&self) -> &'static str {
        "--durability wal, its default: group commits with fdatasync, a log for each core; POST over HTTP/1.1"
    }

    fn command(&self, folder: &Path, port: u16) -> anyhow::Result<Command> {
        let mut command = Command::new(self.program.canonicalize()?);
        command.args(["--host", "127.0.0.1", "--port", &port.to_string(), "--durability", "wal"]);
        command.arg("--data-dir").arg(folder.join("data"));
        Ok(command)
    }

    fn wire(&self) -> Box<dyn Wire> {
        Box::new(Http1)
    }

    fn preparing_requests(&self, streams: u32) -> u32 {
        streams
    }

    fn prepare(&self, request: u32, output: &mut Vec<u8>) {
        Http1::create(request, output);
    }
}
