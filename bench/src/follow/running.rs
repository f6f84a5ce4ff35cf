//! A server that runs over a folder of its own, and what it uses.

use super::usage::Usage;
use crate::clock;
use crate::http::server::{Server, free_address};
use anyhow::Context;
use rustix::process::{Signal, kill_process};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// How long a server may take for one answer, or to begin something.
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(10);

/// The process, which is ended with this value, and its folder, which is removed after it.
pub(super) struct Running {
    /// There until the end.
    server: Option<Server>,
    address: SocketAddr,
    pub(super) usage: Usage,
    folder: TempDir,
}

impl Running {
    /// Starts what `command` says for a folder and a port of the loopback.
    pub(super) fn start(
        data: &Path,
        command: impl FnOnce(&Path, u16) -> anyhow::Result<Command>,
    ) -> anyhow::Result<Running> {
        let folder = tempfile::tempdir_in(data).context("making a folder for the server")?;
        let path = folder.path().canonicalize().context("finding the folder of the server")?;
        let address = free_address()?;
        let server = Server::start(command(&path, address.port())?, address, &path)?;
        Ok(Running { usage: Usage::of(server.process_id()), server: Some(server), address, folder })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it told so far.
    pub(super) fn told(&self) -> String {
        let path: PathBuf = self.folder.path().join("told");
        std::fs::read_to_string(path).unwrap_or_default()
    }

    /// Sends a request on a connection of its own. Returns the head of the answer, which must be a success.
    pub(super) fn ask(&self, request: &[u8]) -> anyhow::Result<Vec<u8>> {
        let mut socket = TcpStream::connect(self.address()).context("connecting")?;
        socket.set_read_timeout(Some(ANSWER_MAX)).context("setting up a connection")?;
        socket.write_all(request).context("asking")?;
        let head = read_until(&mut socket, b"\r\n\r\n")?;
        anyhow::ensure!(head.get(9) == Some(&b'2'), "refused: {}", String::from_utf8_lossy(&head));
        Ok(head)
    }
}

impl Drop for Running {
    /// A child outlives a parent that is killed, and a parent replaces a child: so the parent first.
    fn drop(&mut self) {
        let children = self.usage.children().unwrap_or_default();
        drop(self.server.take());
        for child in children {
            // It may have ended with its parent.
            let _gone = kill_process(child, Signal::KILL);
        }
    }
}

/// Reads until a sign has come, from a socket with a time limit. Returns all that came.
pub(super) fn read_until(socket: &mut TcpStream, sign: &[u8]) -> anyhow::Result<Vec<u8>> {
    let until = clock::now() + ANSWER_MAX;
    let (mut input, mut buffer) = (Vec::new(), [0; 4 << 10]);
    while memchr::memmem::find(&input, sign).is_none() {
        anyhow::ensure!(clock::now() < until, "no answer");
        match socket.read(&mut buffer).context("waiting for an answer")? {
            0 => anyhow::bail!("closed without an answer: {}", String::from_utf8_lossy(&input)),
            bytes => input.extend_from_slice(&buffer[..bytes]),
        }
    }
    Ok(input)
}
