//! The connection that publishes.

use super::payload::PAYLOAD_BYTES;
use super::target::Target;
use crate::clock;
use crate::http::wire::{What, Wire};
use anyhow::Context;
use mio::net::TcpStream;
use mio::{Interest, Poll, Token};
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

pub(super) struct Publisher {
    socket: TcpStream,
    wire: Box<dyn Wire>,
    output: Vec<u8>,
    input: Vec<u8>,
    /// How many answers are still to come.
    owed: usize,
}

impl Publisher {
    const ANSWER_MAX: Duration = Duration::from_secs(10);

    /// Sends what the target wants to be sent before anybody follows, on a connection of its own.
    pub(super) fn prepare(target: &dyn Target, address: SocketAddr) -> anyhow::Result<()> {
        let mut output = Vec::new();
        target.prepare(&mut output);
        if output.is_empty() {
            return Ok(());
        }
        let mut publisher = Publisher::connect(target, address)?;
        publisher.output = output;
        publisher.owed = 1;
        publisher.send()?;
        let until = clock::now() + Publisher::ANSWER_MAX;
        let mut buffer = vec![0; 16 << 10];
        while publisher.waits() {
            anyhow::ensure!(clock::now() < until, "a request was not answered");
            thread::sleep(Duration::from_millis(1));
            publisher.on_readable(&mut buffer)?;
        }
        Ok(())
    }

    /// Connects and greets, watched by `poll`.
    pub(super) fn new(
        target: &dyn Target,
        address: SocketAddr,
        poll: &Poll,
        token: Token,
    ) -> anyhow::Result<Publisher> {
        let mut publisher = Publisher::connect(target, address)?;
        let watched = poll.registry().register(&mut publisher.socket, token, Interest::READABLE);
        watched.context("watching the publisher")?;
        publisher.wire.greet(0, &mut publisher.output);
        publisher.send()?;
        Ok(publisher)
    }

    fn connect(target: &dyn Target, address: SocketAddr) -> anyhow::Result<Publisher> {
        let socket = connect(address)?;
        Ok(Publisher { socket, wire: target.wire(), output: Vec::new(), input: Vec::new(), owed: 0 })
    }

    pub(super) fn publish(
        &mut self,
        target: &dyn Target,
        payloads: &[[u8; PAYLOAD_BYTES]],
    ) -> anyhow::Result<()> {
        self.owed += target.publish(payloads, &mut self.output);
        self.send()
    }

    /// Whether an answer is still to come.
    pub(super) fn waits(&self) -> bool {
        0 < self.owed
    }

    pub(super) fn on_readable(&mut self, buffer: &mut [u8]) -> anyhow::Result<()> {
        loop {
            match self.socket.read(buffer) {
                Ok(0) => anyhow::bail!("the server closed the publisher"),
                Ok(bytes) => self.input.extend_from_slice(&buffer[..bytes]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("reading as the publisher"),
            }
        }
        while let Some(incoming) = self.wire.parse(&self.input)? {
            self.input.drain(..incoming.bytes);
            match incoming.what {
                What::Done => {
                    self.owed = self.owed.checked_sub(1).context("an answer that nobody asked for")?;
                }
                What::Aside => {}
                What::Wants(answer) => self.output.extend_from_slice(answer),
            }
        }
        self.send()
    }

    /// What is published is small, and the socket empty: it takes it at once.
    fn send(&mut self) -> anyhow::Result<()> {
        if !self.output.is_empty() {
            self.socket.write_all(&self.output).context("publishing")?;
            self.output.clear();
        }
        Ok(())
    }
}

/// Connects, for a loop that never waits in the socket.
pub(super) fn connect(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let socket = std::net::TcpStream::connect(address).context("connecting")?;
    socket.set_nodelay(true).context("setting up a connection")?;
    socket.set_nonblocking(true).context("setting up a connection")?;
    Ok(TcpStream::from_std(socket))
}
