//! One connection: a socket that never waits, and what it has not taken yet.

use super::ask::Endpoint;
use crate::clock::nanoseconds;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::Ipv4Addr;

mod secured;
mod source;
mod unread;

use secured::Secured;

#[derive(Debug)]
pub(super) struct Wire {
    socket: TcpStream,
    is_connected: bool,
    /// What the socket has not taken; nearly always nothing.
    unsent: Vec<u8>,
    secured: Option<Secured>,
    traffic: Traffic,
}

/// Bytes of TCP connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Traffic {
    pub(super) sent: usize,
    pub(super) received: usize,
}

/// What reading found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Got {
    /// So many bytes, and perhaps more.
    Bytes(usize),
    /// So many, and the socket is empty: it will be told when more comes.
    Last(usize),
    /// Nothing now.
    Nothing,
    /// The peer has ended.
    End,
}

impl Wire {
    /// Begins to connect, to be told of by `token`. From that address, where one is given.
    pub(super) fn open(
        endpoint: &Endpoint,
        from: Option<Ipv4Addr>,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Wire> {
        let mut socket = match from {
            None => TcpStream::connect(endpoint.address)?,
            Some(from) => TcpStream::from_std(source::connect_from(from, endpoint.address)?),
        };
        registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE)?;
        let secured = endpoint.tls.as_deref().map(Secured::begin).transpose()?;
        Ok(Wire { socket, is_connected: false, unsent: Vec::new(), secured, traffic: Traffic::default() })
    }

    /// Whether it is connected now, and was not at the last look. With TLS that is after the handshake.
    pub(super) fn has_connected(&mut self) -> io::Result<bool> {
        if self.is_connected {
            return Ok(false);
        }
        if let Some(error) = self.socket.take_error()? {
            return Err(error);
        }
        match self.socket.peer_addr() {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotConnected => return Ok(false),
            Err(error) => return Err(error),
        }
        self.socket.set_nodelay(true)?;
        self.is_connected = match &mut self.secured {
            None => true,
            Some(secured) => secured.shakes_hands(&mut self.socket, &mut self.traffic)?,
        };
        Ok(self.is_connected)
    }

    pub(super) fn is_connected(&self) -> bool {
        self.is_connected
    }

    /// From now on it is noted when something comes, for [`Wire::unread_ns`].
    pub(super) fn note_arrivals(&self) {
        unread::begin(&self.socket);
    }

    /// For how long what can be read has waited for that, where it was noted.
    pub(super) fn unread_ns(&self) -> Option<u64> {
        unread::waited(&self.socket).map(nanoseconds)
    }

    /// One read.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<Got> {
        if let Some(secured) = &mut self.secured {
            return secured.read(&mut self.socket, buffer, &mut self.traffic);
        }
        loop {
            match self.socket.read(buffer) {
                Ok(0) => return Ok(Got::End),
                Ok(bytes) => {
                    self.traffic.received += bytes;
                    return Ok(if bytes < buffer.len() { Got::Last(bytes) } else { Got::Bytes(bytes) });
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Got::Nothing),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends, or keeps what the socket does not take.
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if !self.unsent.is_empty() || !self.is_connected || self.secured.is_some() {
            self.unsent.extend_from_slice(bytes);
            return self.flush();
        }
        let sent = write(&mut self.socket, bytes)?;
        self.traffic.sent += sent;
        self.unsent.extend_from_slice(&bytes[sent..]);
        Ok(())
    }

    /// Sends what was kept.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if !self.is_connected {
            return Ok(());
        }
        let sent = match &mut self.secured {
            Some(secured) => secured.write(&mut self.socket, &self.unsent, &mut self.traffic)?,
            None => {
                let sent = write(&mut self.socket, &self.unsent)?;
                self.traffic.sent += sent;
                sent
            }
        };
        self.unsent.drain(..sent);
        Ok(())
    }

    /// What is to be sent when the socket takes more.
    pub(super) fn unsent_bytes(&self) -> usize {
        self.unsent.len() + usize::from(self.secured.as_ref().is_some_and(Secured::has_unsent))
    }

    /// What went over the connection since the last look.
    pub(super) fn take_traffic(&mut self) -> Traffic {
        std::mem::take(&mut self.traffic)
    }
}

fn write(socket: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    let mut sent = 0;
    while sent < bytes.len() {
        match socket.write(&bytes[sent..]) {
            Ok(count) => sent += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(sent)
}
