//! The servers of npm packages, each in a few lines of its own: `bench/peers-npm`.

use super::durable_streams as streams;
use super::{Framing, Step, TEXT, Target, told, when_it_says, write_frame, write_upgrade};
use crate::follow::payload::PAYLOAD_BYTES;
use anyhow::Context;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(in crate::follow) struct Node {
    pub(in crate::follow) kind: Kind,
    /// Where the programs and `node_modules` are.
    pub(in crate::follow) folder: PathBuf,
}

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::follow) enum Kind {
    Ws,
    SocketIo,
    DurableStreams,
}

impl Kind {
    /// The program, the package and the path of its WebSocket.
    fn names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Kind::Ws => ("ws.mjs", "ws", "/"),
            Kind::SocketIo => ("socket-io.mjs", "socket.io", "/socket.io/?EIO=4&transport=websocket"),
            Kind::DurableStreams => ("durable-streams.mjs", "@durable-streams/server", ""),
        }
    }
}

impl Target for Node {
    fn title(&self) -> String {
        match self.kind {
            Kind::Ws => "ws (Node), WebSocket",
            Kind::SocketIo => "Socket.IO, WebSocket",
            Kind::DurableStreams => "@durable-streams/server, SSE",
        }
        .to_owned()
    }

    fn settings(&self) -> anyhow::Result<String> {
        let (program, package, _) = self.kind.names();
        let path = self.folder.join("node_modules").join(package).join("package.json");
        let text = fs::read_to_string(&path).with_context(|| format!("no {}", path.display()))?;
        let description: serde_json::Value = serde_json::from_str(&text).context("reading a package")?;
        let version = description["version"].as_str().unwrap_or("of unknown version");
        let node = told(Path::new("node"), "--version")?;
        let more = match self.kind {
            Kind::Ws => "without compression",
            Kind::SocketIo => {
                "WebSocket only, without compression, pings every hour, requests dropped as its documentation advises"
            }
            Kind::DurableStreams => "in memory, without compression",
        };
        Ok(format!("{package} {version} on Node {node}: {more}; `bench/peers-npm/{program}`"))
    }

    fn command(&self, _folder: &Path, port: u16) -> anyhow::Result<Command> {
        let mut command = Command::new("node");
        command.env("NODE_ENV", "production").arg(self.folder.canonicalize()?.join(self.kind.names().0));
        command.arg(port.to_string());
        Ok(command)
    }

    fn prepare(&self, output: &mut Vec<u8>) {
        if self.kind == Kind::DurableStreams {
            streams::prepare(output);
        }
    }

    fn framing(&self) -> Framing {
        match self.kind {
            Kind::Ws | Kind::SocketIo => Framing::WebSocket,
            Kind::DurableStreams => Framing::Text,
        }
    }

    fn follow(&self, output: &mut Vec<u8>) {
        match self.kind {
            Kind::Ws | Kind::SocketIo => write_upgrade(self.kind.names().2, output),
            Kind::DurableStreams => streams::follow(output),
        }
    }

    fn steps(&self) -> Vec<Step> {
        match self.kind {
            Kind::Ws => when_it_says(b"following"),
            Kind::SocketIo => socket_io_steps(),
            Kind::DurableStreams => streams::steps(),
        }
    }

    fn open_publisher(&self) -> (Vec<u8>, Vec<Step>) {
        let mut request = Vec::new();
        match self.kind {
            Kind::Ws => {
                write_upgrade("/publish", &mut request);
                (request, when_it_says(b"\r\n\r\n"))
            }
            Kind::SocketIo => {
                write_upgrade(self.kind.names().2, &mut request);
                (request, socket_io_steps())
            }
            Kind::DurableStreams => (request, Vec::new()),
        }
    }

    fn publish(&self, payloads: &[[u8; PAYLOAD_BYTES]], output: &mut Vec<u8>) -> usize {
        match self.kind {
            Kind::Ws => payloads.iter().for_each(|payload| write_frame(TEXT, payload, output)),
            Kind::SocketIo => {
                for payload in payloads {
                    let packet = [b"42[\"publish\",".as_slice(), payload, b"]"].concat();
                    write_frame(TEXT, &packet, output);
                }
            }
            Kind::DurableStreams => return streams::publish(payloads, output),
        }
        0
    }
}

/// It opens with a packet `0`, and is joined with a packet `40`, which it answers with another.
fn socket_io_steps() -> Vec<Step> {
    let mut answer = Vec::new();
    write_frame(TEXT, b"40", &mut answer);
    vec![Step { sign: b"0{\"sid\"", answer }, Step { sign: b"40{\"sid\"", answer: Vec::new() }]
}
