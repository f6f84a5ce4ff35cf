//! The load generator: connections in a closed loop, all on one thread.
//!
//! Each has one request in flight, or a few, and sends the next when one is answered: two system calls and a share of
//! one wait for a request, or less where several are answered at once. What is asked, and for how long, is up to a
//! [`Driver`].

use super::wire::{What, Wire};
use crate::clock;
use anyhow::Context;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Says what is sent, and hears what became of it.
pub(crate) trait Driver {
    /// Writes the next request of a connection; `false` if it has none any more.
    fn submit(&mut self, connection: usize, output: &mut Vec<u8>) -> bool;

    /// A request was answered after that time, with so many bytes.
    fn on_done(&mut self, took: Duration, bytes: usize);

    /// Whether all is done. Looked at often.
    fn is_over(&mut self, now: Instant) -> anyhow::Result<bool>;
}

/// Open connections to one server.
pub(crate) struct Connections<'a> {
    wire: &'a dyn Wire,
    poll: Poll,
    list: Vec<Connection>,
    /// How many requests each connection has in flight.
    depth: u32,
}

struct Connection {
    socket: TcpStream,
    output: Vec<u8>,
    input: Vec<u8>,
    /// When the requests in flight were submitted, the oldest first: answers come in that order.
    submitted: VecDeque<Instant>,
}

impl<'a> Connections<'a> {
    const EVENTS_MAX: usize = 256;
    const WAIT_MAX: Duration = Duration::from_millis(20);

    /// Connects one after the other.
    pub(crate) fn open(
        wire: &'a dyn Wire,
        address: SocketAddr,
        count: u32,
    ) -> anyhow::Result<Connections<'a>> {
        let poll = Poll::new().context("making a poll")?;
        let mut list = Vec::new();
        for token in 0..count as usize {
            let socket = std::net::TcpStream::connect(address).context("connecting")?;
            socket.set_nodelay(true).context("setting up a connection")?;
            socket.set_nonblocking(true).context("setting up a connection")?;
            let mut socket = TcpStream::from_std(socket);
            let interest = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut socket, Token(token), interest).context("watching a connection")?;
            let mut output = Vec::new();
            wire.greet(token, &mut output);
            list.push(Connection { socket, output, input: Vec::new(), submitted: VecDeque::new() });
        }
        Ok(Connections { wire, poll, list, depth: 1 })
    }

    /// With so many requests in flight on each connection. Only for protocols that answer in order.
    pub(crate) fn pipelined(self, depth: u32) -> Connections<'a> {
        Connections { depth, ..self }
    }

    /// Goes on until the driver says that it is over. What is in flight then stays unanswered.
    pub(crate) fn run(&mut self, driver: &mut dyn Driver) -> anyhow::Result<()> {
        let mut buffer = vec![0; 16 << 10];
        let mut events = Events::with_capacity(Connections::EVENTS_MAX);
        for (token, connection) in self.list.iter_mut().enumerate() {
            for _ in 0..self.depth {
                connection.submit(token, driver);
            }
            connection.send()?;
        }
        while !driver.is_over(clock::now())? {
            match self.poll.poll(&mut events, Some(Connections::WAIT_MAX)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                polled => polled.context("waiting for answers")?,
            }
            for event in &events {
                let Token(token) = event.token();
                let connection = &mut self.list[token];
                if event.is_writable() {
                    connection.send()?;
                }
                if event.is_readable() {
                    connection.on_readable(token, self.wire, driver, &mut buffer)?;
                }
            }
        }
        Ok(())
    }
}

impl Connection {
    fn submit(&mut self, token: usize, driver: &mut dyn Driver) {
        if driver.submit(token, &mut self.output) {
            self.submitted.push_back(clock::now());
        }
    }

    /// Sends what the socket takes now; the rest goes when it is writable again.
    fn send(&mut self) -> anyhow::Result<()> {
        while !self.output.is_empty() {
            match self.socket.write(&self.output) {
                Ok(bytes) => drop(self.output.drain(..bytes)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("sending a request"),
            }
        }
        Ok(())
    }

    /// Reads until there is nothing more: readiness is told once.
    fn on_readable(
        &mut self,
        token: usize,
        wire: &dyn Wire,
        driver: &mut dyn Driver,
        buffer: &mut [u8],
    ) -> anyhow::Result<()> {
        loop {
            match self.socket.read(buffer) {
                Ok(0) => anyhow::bail!("the server closed a connection"),
                Ok(bytes) => {
                    self.input.extend_from_slice(&buffer[..bytes]);
                    self.on_input(token, wire, driver)?;
                    if bytes < buffer.len() {
                        // The socket is empty: what comes now is told anew.
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("reading an answer"),
            }
        }
    }

    fn on_input(&mut self, token: usize, wire: &dyn Wire, driver: &mut dyn Driver) -> anyhow::Result<()> {
        while let Some(incoming) = wire.parse(&self.input)? {
            self.input.drain(..incoming.bytes);
            match incoming.what {
                What::Done => {
                    let submitted = self.submitted.pop_front().context("an answer that nobody asked for")?;
                    driver.on_done(clock::now().duration_since(submitted), incoming.bytes);
                    self.submit(token, driver);
                }
                What::Aside => {}
                What::Wants(answer) => self.output.extend_from_slice(answer),
            }
        }
        self.send()
    }
}
