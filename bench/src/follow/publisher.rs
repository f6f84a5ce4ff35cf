//! The connection that publishes.

use super::payload::PAYLOAD_BYTES;
use super::running::{ANSWER_MAX, read_until};
use super::target::Target;
use crate::http::wire::Wire;
use crate::http::wire::http1::Http1;
use anyhow::Context;
use mio::net::TcpStream;
use mio::{Interest, Poll, Token};
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;

pub(super) struct Publisher {
    address: SocketAddr,
    token: Token,
    socket: TcpStream,
    /// The server closed it, as some do with a connection that is silent for seconds.
    is_closed: bool,
    output: Vec<u8>,
    input: Vec<u8>,
    /// How many answers are still to come. Where none ever come, what the server sends does not matter.
    owed: usize,
}

impl Publisher {
    /// Connects and opens what it publishes over, watched by `poll`.
    pub(super) fn new(
        target: &dyn Target,
        address: SocketAddr,
        poll: &Poll,
        token: Token,
    ) -> anyhow::Result<Publisher> {
        let socket = open(target, address, poll, token)?;
        let (output, input) = (Vec::new(), Vec::new());
        Ok(Publisher { address, token, socket, is_closed: false, output, input, owed: 0 })
    }

    pub(super) fn publish(
        &mut self,
        target: &dyn Target,
        poll: &Poll,
        payloads: &[[u8; PAYLOAD_BYTES]],
    ) -> anyhow::Result<()> {
        if self.is_closed {
            self.socket = open(target, self.address, poll, self.token)?;
            self.is_closed = false;
        }
        self.output.clear();
        self.owed += target.publish(payloads, &mut self.output);
        // What is published is small, and the socket empty: it takes it at once.
        self.socket.write_all(&self.output).context("publishing")
    }

    /// Whether an answer is still to come.
    pub(super) fn waits(&self) -> bool {
        0 < self.owed
    }

    pub(super) fn on_readable(&mut self, buffer: &mut [u8]) -> anyhow::Result<()> {
        loop {
            match self.socket.read(buffer) {
                Ok(0) if self.owed == 0 => {
                    self.is_closed = true;
                    return Ok(());
                }
                Ok(0) => anyhow::bail!("the server closed the publisher"),
                Ok(bytes) => self.on_input(&buffer[..bytes])?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("reading as the publisher"),
            }
        }
    }

    fn on_input(&mut self, input: &[u8]) -> anyhow::Result<()> {
        if self.owed == 0 {
            return Ok(());
        }
        self.input.extend_from_slice(input);
        while let Some(incoming) = Http1.parse(&self.input)? {
            self.input.drain(..incoming.bytes);
            self.owed = self.owed.checked_sub(1).context("an answer that nobody asked for")?;
        }
        Ok(())
    }
}

fn open(target: &dyn Target, address: SocketAddr, poll: &Poll, token: Token) -> anyhow::Result<TcpStream> {
    let mut socket = std::net::TcpStream::connect(address).context("connecting")?;
    socket.set_nodelay(true).context("setting up a connection")?;
    socket.set_read_timeout(Some(ANSWER_MAX)).context("setting up a connection")?;
    let (request, steps) = target.open_publisher();
    socket.write_all(&request).context("beginning to publish")?;
    for step in steps {
        read_until(&mut socket, step.sign).context("beginning to publish")?;
        socket.write_all(&step.answer).context("beginning to publish")?;
    }
    socket.set_nonblocking(true).context("setting up a connection")?;
    let mut socket = TcpStream::from_std(socket);
    poll.registry().register(&mut socket, token, Interest::READABLE).context("watching the publisher")?;
    Ok(socket)
}

/// Connects, for a loop that never waits in the socket.
pub(super) fn connect(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let socket = std::net::TcpStream::connect(address).context("connecting")?;
    socket.set_nodelay(true).context("setting up a connection")?;
    socket.set_nonblocking(true).context("setting up a connection")?;
    Ok(TcpStream::from_std(socket))
}
