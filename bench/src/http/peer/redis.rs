//! Redis Streams, synced before each acknowledgement.

use super::{Peer, version_of};
use crate::http::wire::Wire;
use crate::http::wire::resp::Resp;
use std::path::Path;
use std::process::Command;

pub(crate) struct Redis;

const PROGRAM: &str = "redis-server";

impl Peer for Redis {
    fn title(&self) -> &'static str {
        "Redis Streams"
    }

    fn version(&self) -> anyhow::Result<String> {
        Ok(version_of(Path::new(PROGRAM))?.trim_start_matches("v=").to_owned())
    }

    fn settings(&self) -> &'static str {
        "appendonly yes, appendfsync always, no snapshots and no rewriting of the file meanwhile; XADD over RESP"
    }

    fn command(&self, folder: &Path, port: u16) -> anyhow::Result<Command> {
        let mut command = Command::new(PROGRAM);
        command.arg("--dir").arg(folder).args(["--bind", "127.0.0.1", "--port", &port.to_string()]);
        command.args(["--appendonly", "yes", "--appendfsync", "always", "--save", ""]);
        command.args(["--auto-aof-rewrite-percentage", "0", "--maxclients", "4096"]);
        Ok(command)
    }

    fn wire(&self) -> Box<dyn Wire> {
        Box::new(Resp)
    }

    /// The first message makes a stream.
    fn preparing_requests(&self, _streams: u32) -> u32 {
        0
    }

    fn prepare(&self, _request: u32, _output: &mut Vec<u8>) {}
}
