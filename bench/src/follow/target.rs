//! The servers that deliver to followers: one file each, of the same shape.

pub(super) mod bare;
pub(super) mod tidings;

use super::payload::PAYLOAD_BYTES;
use crate::http::wire::Wire;
use std::path::Path;
use std::process::Command;

/// A server, and how it is followed over one transport.
pub(super) trait Target {
    /// What it is called in tables.
    fn title(&self) -> String;

    /// How to run it over a folder, on a port of the loopback.
    fn command(&self, folder: &Path, port: u16) -> anyhow::Result<Command>;

    /// What publishers send, and what they get.
    fn wire(&self) -> Box<dyn Wire>;

    /// A request to send before anybody follows; may be nothing.
    fn prepare(&self, _output: &mut Vec<u8>) {}

    /// How a follower reads.
    fn framing(&self) -> Framing;

    /// What a follower sends first.
    fn follow(&self, output: &mut Vec<u8>);

    /// What the server sends when it follows.
    fn followed(&self) -> &'static [u8];

    /// Publishes some messages at once, in the cheapest way that the server has. Returns how many answers come.
    fn publish(&self, payloads: &[[u8; PAYLOAD_BYTES]], output: &mut Vec<u8>) -> usize;
}

/// What lies between a follower's messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// Nothing that asks for an answer.
    Text,
    /// WebSocket frames, after the head of a response: pings want pongs.
    WebSocket,
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
