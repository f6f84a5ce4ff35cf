//! tidings itself.

use super::{Framing, Step, Target, json, told, when_it_says, write_get, write_post, write_upgrade};
use crate::follow::payload::PAYLOAD_BYTES;
use anyhow::Context;
use memchr::memmem;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

const STREAM: &str = "/v1/stream/bench";

/// A binary with some flags.
#[derive(Clone, Debug)]
pub(in crate::follow) struct Binary {
    pub(in crate::follow) name: String,
    pub(in crate::follow) program: PathBuf,
    pub(in crate::follow) flags: Vec<String>,
}

/// A binary that is followed over one transport.
pub(in crate::follow) struct Tidings {
    pub(in crate::follow) binary: Binary,
    pub(in crate::follow) transport: Transport,
}

/// How a connection is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::follow) enum Transport {
    WebSocket,
    Sse,
    /// A read of many streams, here of one.
    SseOfMany,
    LongPoll,
    /// A poll that was answered, on a connection that is kept.
    KeepAlive,
}

impl Binary {
    /// Of `NAME=BIN FLAG…`.
    pub(in crate::follow) fn parse(text: &str) -> Result<Binary, String> {
        let (name, command) = text.split_once('=').ok_or("no `=` between a name and a binary")?;
        let mut words = command.split_ascii_whitespace().map(str::to_owned);
        let program = PathBuf::from(words.next().ok_or("no binary")?);
        Ok(Binary { name: name.to_owned(), program, flags: words.collect() })
    }

    /// With some more flags.
    pub(in crate::follow) fn with(&self, flags: &[&str]) -> Binary {
        let mut binary = self.clone();
        binary.flags.extend(flags.iter().map(|&flag| flag.to_owned()));
        binary
    }

    pub(in crate::follow) fn over(&self, transport: Transport) -> Tidings {
        Tidings { binary: self.clone(), transport }
    }

    /// Its version and flags.
    pub(in crate::follow) fn settings(&self) -> anyhow::Result<String> {
        let version = told(&self.program, "--version")?;
        let flags = if self.flags.is_empty() { "as it comes".to_owned() } else { self.flags.join(" ") };
        Ok(format!("{version}: {flags}; a JSON stream, durability `memory` unless said otherwise"))
    }

    /// How to serve a folder on a port of the loopback.
    pub(in crate::follow) fn serve(&self, folder: &Path, port: u16) -> anyhow::Result<Command> {
        let program = self.program.canonicalize();
        let mut command = Command::new(program.with_context(|| format!("no {}", self.program.display()))?);
        command.current_dir(folder).arg("serve").arg("--data").arg(folder.join("data"));
        command.arg("--listen").arg(format!("127.0.0.1:{port}")).args(&self.flags);
        Ok(command)
    }
}

impl Target for Tidings {
    fn title(&self) -> String {
        let transport = match self.transport {
            Transport::WebSocket => "WebSocket",
            Transport::Sse => "SSE",
            Transport::SseOfMany => "SSE of many streams",
            Transport::LongPoll => "long poll",
            Transport::KeepAlive => "keep-alive",
        };
        format!("{}, {transport}", self.binary.name)
    }

    fn settings(&self) -> anyhow::Result<String> {
        self.binary.settings()
    }

    fn command(&self, folder: &Path, port: u16) -> anyhow::Result<Command> {
        self.binary.serve(folder, port)
    }

    fn prepare(&self, output: &mut Vec<u8>) {
        write_create(STREAM, "memory", output);
    }

    fn framing(&self) -> Framing {
        match self.transport {
            Transport::WebSocket => Framing::WebSocket,
            Transport::Sse | Transport::SseOfMany | Transport::KeepAlive => Framing::Text,
            Transport::LongPoll => Framing::Answers,
        }
    }

    fn follow(&self, output: &mut Vec<u8>) {
        match self.transport {
            Transport::WebSocket => write_upgrade(STREAM, output),
            Transport::Sse => write_get(&format!("{STREAM}?offset=now&live=sse"), output),
            Transport::SseOfMany => {
                write_post("/v1/read?live=sse", br#"{"streams":[{"stream":"bench"}]}"#, output);
            }
            Transport::LongPoll => write_long_poll("now", output),
            Transport::KeepAlive => write_get(&format!("{STREAM}?offset=now"), output),
        }
    }

    fn steps(&self) -> Vec<Step> {
        match self.transport {
            Transport::WebSocket | Transport::SseOfMany => when_it_says(b"\"type\":\"live\""),
            Transport::Sse => when_it_says(b"\"upToDate\":true"),
            // It is held without a word.
            Transport::LongPoll => Vec::new(),
            Transport::KeepAlive => when_it_says(b"stream-up-to-date: true"),
        }
    }

    fn follow_on(&self, answer: &[u8], output: &mut Vec<u8>) -> anyhow::Result<()> {
        let offset = field(answer, b"stream-next-offset: ").context("an answer without the next offset")?;
        write_long_poll(offset, output);
        Ok(())
    }

    /// Several are one array.
    fn publish(&self, payloads: &[[u8; PAYLOAD_BYTES]], output: &mut Vec<u8>) -> usize {
        write_post(STREAM, &json(payloads), output);
        1
    }
}

/// The request that makes a JSON stream.
pub(in crate::follow) fn write_create(path: &str, durability: &str, output: &mut Vec<u8>) {
    write!(
        output,
        "PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Stream-Durability: {durability}\r\nContent-Length: 0\r\n\r\n"
    )
    .expect("a vector takes any write");
}

/// It is held for as long as the server allows.
fn write_long_poll(offset: &str, output: &mut Vec<u8>) {
    write_get(&format!("{STREAM}?live=long-poll&timeout=120&offset={offset}"), output);
}

/// What stands in a field of a head; its name is in lower case, with colon and space.
pub(in crate::follow) fn field<'a>(answer: &'a [u8], name: &[u8]) -> Option<&'a str> {
    let rest = &answer[memmem::find(answer, name)? + name.len()..];
    let end = memchr::memchr(b'\r', rest)?;
    str::from_utf8(&rest[..end]).ok()
}
