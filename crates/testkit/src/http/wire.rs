//! A TCP connection and what has arrived on it.

use crate::clock::Deadline;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long a connection may take to open, and a write to be taken.
const SEND_WAIT_MAX: Duration = Duration::from_secs(10);

/// How much is read at once.
const READ_BYTES: usize = 64 * 1024;

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filled {
    /// Some bytes.
    More,
    /// None by the deadline.
    Nothing,
    /// The other side has ended.
    End,
}

/// A connection whose bytes stay here until somebody says that they were used.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    arrived: Vec<u8>,
    used: usize,
}

impl Wire {
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Wire> {
        let stream = TcpStream::connect_timeout(&address, SEND_WAIT_MAX)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(SEND_WAIT_MAX))?;
        Ok(Wire { stream, arrived: Vec::new(), used: 0 })
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// What has arrived and was not used yet.
    pub(crate) fn unread(&self) -> &[u8] {
        &self.arrived[self.used..]
    }

    /// Says that so many bytes of [`Wire::unread`] were used.
    pub(crate) fn consume(&mut self, count: usize) {
        self.used += count;
        if self.used == self.arrived.len() {
            self.arrived.clear();
            self.used = 0;
        }
    }

    /// Waits for more.
    pub(crate) fn fill(&mut self, deadline: Deadline) -> io::Result<Filled> {
        let Some(left) = deadline.left() else {
            return Ok(Filled::Nothing);
        };
        self.arrived.drain(..self.used);
        self.used = 0;
        // A shorter time than the system can count would be refused, or mean "for ever".
        self.stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        let before = self.arrived.len();
        self.arrived.resize(before + READ_BYTES, 0);
        let outcome = self.stream.read(&mut self.arrived[before..]);
        self.arrived.truncate(before + outcome.as_ref().copied().unwrap_or(0));
        match outcome {
            Ok(0) => Ok(Filled::End),
            Ok(_) => Ok(Filled::More),
            Err(error) if is_timeout(&error) => Ok(Filled::Nothing),
            Err(error) => Err(error),
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    let kind = error.kind();
    kind == io::ErrorKind::WouldBlock || kind == io::ErrorKind::TimedOut || kind == io::ErrorKind::Interrupted
}
