//! The servers that deliver to followers: one file each, of the same shape.

pub(super) mod bare;
mod durable_streams;
mod nats;
pub(super) mod nginx;
mod node;
pub(super) mod tidings;

use super::payload::PAYLOAD_BYTES;
use anyhow::Context;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A server, and how it is followed over one transport.
pub(super) trait Target {
    /// What it is called in tables.
    fn title(&self) -> String;

    /// Its version and what was chosen for it.
    fn settings(&self) -> anyhow::Result<String>;

    /// How to run it over a folder, on a port of the loopback.
    fn command(&self, folder: &Path, port: u16) -> anyhow::Result<Command>;

    /// A request to send before anybody follows; may be nothing.
    fn prepare(&self, _output: &mut Vec<u8>) {}

    /// How a follower reads.
    fn framing(&self) -> Framing;

    /// What a follower sends first.
    fn follow(&self, output: &mut Vec<u8>);

    /// What the server sends while a follower joins, and what the follower answers; when the last has come, it follows.
    fn steps(&self) -> Vec<Step>;

    /// For how long a follower may follow before it must come again; some servers end what was open for a minute.
    fn follows_for(&self) -> Option<Duration> {
        None
    }

    /// What a follower sends after an answer that came as [`Framing::Answers`], to get the next.
    fn follow_on(&self, _answer: &[u8], _output: &mut Vec<u8>) -> anyhow::Result<()> {
        Ok(())
    }

    /// What a publisher sends first, and the steps that follow.
    fn open_publisher(&self) -> (Vec<u8>, Vec<Step>) {
        (Vec::new(), Vec::new())
    }

    /// Publishes some messages at once, in the cheapest way that the server has. Returns how many answers come, over
    /// HTTP/1.1.
    fn publish(&self, payloads: &[[u8; PAYLOAD_BYTES]], output: &mut Vec<u8>) -> usize;
}

/// One step of joining.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// It has come when this was seen.
    pub(super) sign: &'static [u8],
    /// What is sent then.
    pub(super) answer: Vec<u8>,
}

/// What lies between a follower's messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// Nothing that asks for an answer.
    Text,
    /// WebSocket frames, after the head of a response: pings want pongs.
    WebSocket,
    /// Each comes as an answer over HTTP/1.1, and the next must be asked for.
    Answers,
}

/// The other servers that packages give.
pub(super) struct Peers {
    /// What `bench/setup.sh` put into place.
    pub(super) programs: PathBuf,
    /// The folder of the programs that run on Node.
    pub(super) node: PathBuf,
}

impl Peers {
    pub(super) fn nginx(&self) -> nginx::Nginx {
        nginx::Nginx { folder: self.programs.join("nginx") }
    }

    /// Every peer over every transport by which it delivers, WebSocket first.
    pub(super) fn all(&self) -> Vec<Box<dyn Target>> {
        let nginx = self.nginx();
        let node = |kind| -> Box<dyn Target> { Box::new(node::Node { kind, folder: self.node.clone() }) };
        let program = self.programs.join("bin/durable-streams-server");
        vec![
            Box::new(nginx.nchan(Framing::WebSocket)),
            Box::new(nats::Nats { program: self.programs.join("nats-server") }),
            node(node::Kind::Ws),
            node(node::Kind::SocketIo),
            Box::new(nginx.nchan(Framing::Text)),
            Box::new(durable_streams::DurableStreams { program }),
            node(node::Kind::DurableStreams),
        ]
    }
}

/// The one step of a server that follows when it says so.
fn when_it_says(sign: &'static [u8]) -> Vec<Step> {
    vec![Step { sign, answer: Vec::new() }]
}

/// The head of the request that opens a WebSocket.
fn write_upgrade(path: &str, output: &mut Vec<u8>) {
    let lines = [
        &format!("GET {path} HTTP/1.1"),
        "Host: localhost",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "\r\n",
    ];
    output.extend_from_slice(lines.join("\r\n").as_bytes());
}

/// One frame of a client (RFC 6455, section 5.2). The mask is all zeros, so that the body stays as it is.
fn write_frame(first: u8, body: &[u8], output: &mut Vec<u8>) {
    const MASKED: u8 = 0x80;
    output.push(first);
    match u8::try_from(body.len()) {
        Ok(bytes) if bytes < 126 => output.push(MASKED | bytes),
        _ => {
            output.push(MASKED | 0x7e);
            output.extend_from_slice(&u16::try_from(body.len()).expect("a short frame").to_be_bytes());
        }
    }
    output.extend_from_slice(&[0; 4]);
    output.extend_from_slice(body);
}

/// The first bytes of a text frame and of a binary one.
const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;

/// The request that publishes JSON.
pub(super) fn write_post(path: &str, body: &[u8], output: &mut Vec<u8>) {
    write!(
        output,
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .expect("a vector takes any write");
    output.extend_from_slice(body);
}

pub(super) fn write_get(path: &str, output: &mut Vec<u8>) {
    write!(output, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("a vector takes any write");
}

/// One JSON value, or several as one array.
fn json(payloads: &[[u8; PAYLOAD_BYTES]]) -> Vec<u8> {
    match payloads {
        [one] => one.to_vec(),
        many => [b"[".as_slice(), &many.join(&b','), b"]"].concat(),
    }
}

/// What a program prints of itself, as one line.
fn told(program: &Path, argument: &str) -> anyhow::Result<String> {
    let output = Command::new(program).arg(argument).output();
    let output = output.with_context(|| format!("running {}; see bench/README.md", program.display()))?;
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).trim().to_owned();
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
