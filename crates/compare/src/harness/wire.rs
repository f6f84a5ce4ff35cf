//! One connection: a socket that never waits, and what it has not taken yet.

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with, sockopt};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

#[derive(Debug)]
pub(super) struct Wire {
    socket: TcpStream,
    is_connected: bool,
    /// What the socket has not taken; nearly always nothing.
    unsent: Vec<u8>,
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
        address: SocketAddr,
        from: Option<Ipv4Addr>,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Wire> {
        let mut socket = match from {
            None => TcpStream::connect(address)?,
            Some(from) => TcpStream::from_std(connect_from(from, address)?),
        };
        registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Wire { socket, is_connected: false, unsent: Vec::new() })
    }

    /// Whether it is connected now, and was not at the last look.
    pub(super) fn has_connected(&mut self) -> io::Result<bool> {
        if self.is_connected {
            return Ok(false);
        }
        if let Some(error) = self.socket.take_error()? {
            return Err(error);
        }
        match self.socket.peer_addr() {
            Ok(_) => {
                self.is_connected = true;
                self.socket.set_nodelay(true)?;
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.is_connected
    }

    /// One read.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<Got> {
        loop {
            match self.socket.read(buffer) {
                Ok(0) => return Ok(Got::End),
                Ok(bytes) if bytes < buffer.len() => return Ok(Got::Last(bytes)),
                Ok(bytes) => return Ok(Got::Bytes(bytes)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Got::Nothing),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends, or keeps what the socket does not take. Returns how many bytes it took.
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.unsent.is_empty() || !self.is_connected {
            self.unsent.extend_from_slice(bytes);
            return self.flush();
        }
        let sent = write(&mut self.socket, bytes)?;
        self.unsent.extend_from_slice(&bytes[sent..]);
        Ok(sent)
    }

    /// Sends what was kept. Returns how many bytes the socket took.
    pub(super) fn flush(&mut self) -> io::Result<usize> {
        if self.unsent.is_empty() || !self.is_connected {
            return Ok(0);
        }
        let sent = write(&mut self.socket, &self.unsent)?;
        self.unsent.drain(..sent);
        Ok(sent)
    }

    pub(super) fn unsent_bytes(&self) -> usize {
        self.unsent.len()
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

fn connect_from(from: Ipv4Addr, address: SocketAddr) -> io::Result<std::net::TcpStream> {
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    rustix::io::ioctl_fionbio(&socket, true)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    bind(&socket, &SocketAddr::new(IpAddr::V4(from), 0))?;
    match connect(&socket, &address) {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS) => Ok(std::net::TcpStream::from(socket)),
        Err(error) => Err(error.into()),
    }
}
