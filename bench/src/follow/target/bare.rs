//! The physical reference: a loop that sends what it gets to each socket, and does nothing else.
//!
//! It is a process of its own, of this same program.

use super::{Framing, Step, Target, when_it_says};
use crate::follow::payload::PAYLOAD_BYTES;
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

    fn settings(&self) -> anyhow::Result<String> {
        Ok(settings())
    }

    fn command(&self, _folder: &Path, port: u16) -> anyhow::Result<Command> {
        let program = std::env::current_exe().context("looking for this program")?;
        let mut command = Command::new(program);
        command.args(["bare", "--port", &port.to_string()]);
        Ok(command)
    }

    fn framing(&self) -> Framing {
        Framing::Text
    }

    fn follow(&self, output: &mut Vec<u8>) {
        output.push(FOLLOWER);
    }

    fn steps(&self) -> Vec<Step> {
        when_it_says(&[FOLLOWER])
    }

    fn open_publisher(&self) -> (Vec<u8>, Vec<Step>) {
        (vec![PUBLISHER], when_it_says(&[PUBLISHER]))
    }

    fn publish(&self, payloads: &[[u8; PAYLOAD_BYTES]], output: &mut Vec<u8>) -> usize {
        for payload in payloads {
            output.extend_from_slice(payload);
            output.resize(output.len() + FRAME_BYTES - PAYLOAD_BYTES, b'\n');
        }
        0
    }
}

pub(in crate::follow) fn settings() -> String {
    format!(
        "bare send loop: {FRAME_BYTES} bytes to each follower with one send(2); one thread, blocking sockets, TCP_NODELAY"
    )
}
