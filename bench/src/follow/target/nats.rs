//! NATS, over its WebSocket listener.

use super::{BINARY, Framing, Step, Target, told, write_frame, write_upgrade};
use crate::follow::payload::PAYLOAD_BYTES;
use anyhow::Context;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(in crate::follow) struct Nats {
    pub(in crate::follow) program: PathBuf,
}

impl Target for Nats {
    fn title(&self) -> String {
        "NATS, WebSocket".to_owned()
    }

    fn settings(&self) -> anyhow::Result<String> {
        let version = told(&self.program, "--version")?;
        Ok(format!(
            "{version}: core NATS without streams, WebSocket without compression, no TLS, pings every hour"
        ))
    }

    fn command(&self, folder: &Path, port: u16) -> anyhow::Result<Command> {
        let configuration = folder.join("nats.conf");
        // The port of its own protocol is any that is free.
        let text = format!(
            "listen: \"127.0.0.1:-1\"\nping_interval: \"1h\"\nmax_connections: 20000\n\
             websocket {{ listen: \"127.0.0.1:{port}\", no_tls: true, compression: false }}\n"
        );
        fs::write(&configuration, text).context("writing the configuration of NATS")?;
        let mut command = Command::new(self.program.canonicalize()?);
        command.arg("--config").arg(configuration);
        Ok(command)
    }

    fn framing(&self) -> Framing {
        Framing::WebSocket
    }

    fn follow(&self, output: &mut Vec<u8>) {
        write_upgrade("/", output);
    }

    fn steps(&self) -> Vec<Step> {
        steps("SUB bench 1\r\n")
    }

    fn open_publisher(&self) -> (Vec<u8>, Vec<Step>) {
        let mut request = Vec::new();
        write_upgrade("/", &mut request);
        (request, steps(""))
    }

    fn publish(&self, payloads: &[[u8; PAYLOAD_BYTES]], output: &mut Vec<u8>) -> usize {
        let mut body = Vec::new();
        for payload in payloads {
            write!(body, "PUB bench {PAYLOAD_BYTES}\r\n").expect("a vector takes any write");
            body.extend_from_slice(payload);
            body.extend_from_slice(b"\r\n");
        }
        write_frame(BINARY, &body, output);
        0
    }
}

/// It is asked for a pong, which comes when all before it was done.
fn steps(subscribing: &str) -> Vec<Step> {
    let mut answer = Vec::new();
    let text = format!("CONNECT {{\"verbose\":false}}\r\n{subscribing}PING\r\n");
    write_frame(BINARY, text.as_bytes(), &mut answer);
    vec![Step { sign: b"INFO ", answer }, Step { sign: b"PONG", answer: Vec::new() }]
}
