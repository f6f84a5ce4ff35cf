//! The physical reference: a loop that sends what it gets to each socket, and does nothing else.
//!
//! It is a process of its own, of this same program.

use super::{Framing, Target};
use crate::follow::payload::PAYLOAD_BYTES;
use crate::http::wire::{Incoming, Wire};
use anyhow::Context;
use clap::Args;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

/// As long as the frame of a server that adds little.
const FRAME_BYTES: usize = 139;
const PUBLISHER: u8 = b'P';
const FOLLOWER: u8 = b'F';

pub(in crate::follow) struct Bare;

/// `tidings-bench bare`.
#[derive(Debug, Args)]
pub(crate) struct BareArguments {
    /// The port of the loopback
    #[arg(long, value_name = "PORT")]
    port: u16,
}

impl BareArguments {
    /// Serves until its publisher goes. Whoever connects sends one byte that says what it is; the publisher is the last.
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).context("listening")?;
        let mut followers = Vec::new();
        loop {
            let (mut socket, _) = listener.accept().context("accepting")?;
            socket.set_nodelay(true).context("setting up a connection")?;
            let mut kind = [0];
            if socket.read(&mut kind).context("asking who it is")? == 0 {
                // Only looked whether somebody listens.
                continue;
            }
            socket.write_all(&kind).context("greeting")?;
            if kind[0] == PUBLISHER {
                return send_all(socket, &followers);
            }
            followers.push(socket);
        }
    }
}

/// One `send` for each follower and read.
fn send_all(mut publisher: TcpStream, followers: &[TcpStream]) -> anyhow::Result<()> {
    let mut frames = vec![0; 16 << 10];
    loop {
        let bytes = publisher.read(&mut frames).context("reading frames")?;
        if bytes == 0 {
            return Ok(());
        }
        for mut follower in followers {
            follower.write_all(&frames[..bytes]).context("sending frames")?;
        }
    }
}

impl Target for Bare {
    fn title(&self) -> String {
        "bare send loop".to_owned()
    }

    fn command(&self, _folder: &Path, port: u16) -> anyhow::Result<Command> {
        let program = std::env::current_exe().context("looking for this program")?;
        let mut command = Command::new(program);
        command.args(["bare", "--port", &port.to_string()]);
        Ok(command)
    }

    fn wire(&self) -> Box<dyn Wire> {
        Box::new(Frames)
    }

    fn framing(&self) -> Framing {
        Framing::Text
    }

    fn follow(&self, output: &mut Vec<u8>) {
        output.push(FOLLOWER);
    }

    fn followed(&self) -> &'static [u8] {
        &[FOLLOWER]
    }

    fn publish(&self, payloads: &[[u8; PAYLOAD_BYTES]], output: &mut Vec<u8>) -> usize {
        for payload in payloads {
            output.extend_from_slice(payload);
            output.resize(output.len() + FRAME_BYTES - PAYLOAD_BYTES, b'\n');
        }
        0
    }
}

/// Its publisher hears its own greeting, and nothing else.
struct Frames;

impl Wire for Frames {
    fn greet(&self, _connection: usize, output: &mut Vec<u8>) {
        output.push(PUBLISHER);
    }

    fn publish(&self, _connection: usize, _stream: u32, message: &[u8], output: &mut Vec<u8>) {
        output.extend_from_slice(message);
    }

    fn parse(&self, input: &[u8]) -> anyhow::Result<Option<Incoming>> {
        use crate::http::wire::What;
        Ok((!input.is_empty()).then_some(Incoming { bytes: 1, what: What::Aside }))
    }
}
