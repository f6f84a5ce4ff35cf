//! tidings itself, over WebSocket or SSE.

use super::{Framing, Target, write_upgrade};
use crate::follow::payload::PAYLOAD_BYTES;
use crate::http::wire::Wire;
use crate::http::wire::http1::Http1;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

const STREAM: &str = "/v1/stream/bench";

/// A binary with some flags, followed over one transport.
pub(in crate::follow) struct Tidings {
    pub(in crate::follow) name: String,
    pub(in crate::follow) program: PathBuf,
    pub(in crate::follow) flags: Vec<String>,
    pub(in crate::follow) framing: Framing,
}

impl Target for Tidings {
    fn title(&self) -> String {
        match self.framing {
            Framing::Text => format!("{}, SSE", self.name),
            Framing::WebSocket => format!("{}, WebSocket", self.name),
        }
    }

    fn command(&self, folder: &Path, port: u16) -> anyhow::Result<Command> {
        let mut command = Command::new(self.program.canonicalize()?);
        command.current_dir(folder).arg("serve").arg("--data").arg(folder.join("data"));
        command.arg("--listen").arg(format!("127.0.0.1:{port}")).args(&self.flags);
        Ok(command)
    }

    fn wire(&self) -> Box<dyn Wire> {
        Box::new(Http1)
    }

    fn prepare(&self, output: &mut Vec<u8>) {
        write!(
            output,
            "PUT {STREAM} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Stream-Durability: memory\r\nContent-Length: 0\r\n\r\n"
        )
        .expect("a vector takes any write");
    }

    fn framing(&self) -> Framing {
        self.framing
    }

    fn follow(&self, output: &mut Vec<u8>) {
        match self.framing {
            Framing::WebSocket => write_upgrade(STREAM, output),
            Framing::Text => {
                write!(output, "GET {STREAM}?offset=now&live=sse HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    .expect("a vector takes any write");
            }
        }
    }

    fn followed(&self) -> &'static [u8] {
        match self.framing {
            Framing::Text => b"\"upToDate\":true",
            Framing::WebSocket => b"\"type\":\"live\"",
        }
    }

    /// Several are one array.
    fn publish(&self, payloads: &[[u8; PAYLOAD_BYTES]], output: &mut Vec<u8>) -> usize {
        let body = match payloads {
            [one] => one.to_vec(),
            many => [b"[".as_slice(), &many.join(&b','), b"]"].concat(),
        };
        write!(
            output,
            "POST {STREAM} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .expect("a vector takes any write");
        output.extend_from_slice(&body);
        1
    }
}
