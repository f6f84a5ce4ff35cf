//! The server of the crate `durable-streams`, over SSE. That of the npm package is followed in the same way.

use super::{Framing, Step, Target, json, when_it_says, write_get, write_post};
use crate::follow::payload::PAYLOAD_BYTES;
use anyhow::Context;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const STREAM: &str = "/v1/stream/bench";

pub(in crate::follow) struct DurableStreams {
    pub(in crate::follow) program: PathBuf,
}

impl Target for DurableStreams {
    fn title(&self) -> String {
        "durable-streams (crate), SSE".to_owned()
    }

    /// It does not tell its version; `cargo install` wrote it down beside it.
    fn settings(&self) -> anyhow::Result<String> {
        let folder = self.program.parent().and_then(Path::parent).context("a program without a folder")?;
        let installed =
            fs::read_to_string(folder.join(".crates.toml")).context("reading what is installed")?;
        let version = installed.split("durable-streams ").nth(1).and_then(|rest| rest.split(' ').next());
        Ok(format!(
            "durable-streams (crate) {}: --durability memory",
            version.unwrap_or("of unknown version")
        ))
    }

    fn command(&self, folder: &Path, port: u16) -> anyhow::Result<Command> {
        let mut command = Command::new(self.program.canonicalize()?);
        command.args(["--host", "127.0.0.1", "--port", &port.to_string(), "--durability", "memory"]);
        command.arg("--data-dir").arg(folder.join("data"));
        Ok(command)
    }

    fn prepare(&self, output: &mut Vec<u8>) {
        prepare(output);
    }

    fn framing(&self) -> Framing {
        Framing::Text
    }

    fn follow(&self, output: &mut Vec<u8>) {
        follow(output);
    }

    fn steps(&self) -> Vec<Step> {
        steps()
    }

    fn follows_for(&self) -> Option<Duration> {
        Some(Duration::from_secs(30))
    }

    fn publish(&self, payloads: &[[u8; PAYLOAD_BYTES]], output: &mut Vec<u8>) -> usize {
        publish(payloads, output)
    }
}

pub(super) fn prepare(output: &mut Vec<u8>) {
    let head = "Host: localhost\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n";
    output.extend_from_slice(format!("PUT {STREAM} HTTP/1.1\r\n{head}").as_bytes());
}

pub(super) fn follow(output: &mut Vec<u8>) {
    write_get(&format!("{STREAM}?offset=now&live=sse"), output);
}

pub(super) fn steps() -> Vec<Step> {
    when_it_says(b"\"upToDate\":true")
}

/// Several are one array.
pub(super) fn publish(payloads: &[[u8; PAYLOAD_BYTES]], output: &mut Vec<u8>) -> usize {
    write_post(STREAM, &json(payloads), output);
    1
}
