//! TLS over a socket that never waits.

use super::{Got, Traffic, write};
use crate::harness::tls::Tls;
use mio::net::TcpStream;
use rustls::ClientConnection;
use std::io::{self, ErrorKind, Read as _, Write as _};

/// What rustls knows of one connection.
#[derive(Debug)]
pub(super) struct Secured {
    // Of several hundred bytes, and most connections have none.
    state: Box<ClientConnection>,
    /// What is encrypted, and the socket has not taken yet.
    records: Vec<u8>,
}

impl Secured {
    pub(super) fn begin(tls: &Tls) -> io::Result<Secured> {
        Ok(Secured { state: Box::new(tls.begin()?), records: Vec::new() })
    }

    /// Goes on with the handshake. Returns whether it is over.
    pub(super) fn shakes_hands(&mut self, socket: &mut TcpStream, traffic: &mut Traffic) -> io::Result<bool> {
        loop {
            self.send_records(socket, traffic)?;
            if !self.state.is_handshaking() {
                return Ok(true);
            }
            match self.receive(socket, traffic)? {
                Received::Nothing => return Ok(false),
                Received::End => return Err(ErrorKind::UnexpectedEof.into()),
                Received::Records => {}
            }
        }
    }

    pub(super) fn read(
        &mut self,
        socket: &mut TcpStream,
        buffer: &mut [u8],
        traffic: &mut Traffic,
    ) -> io::Result<Got> {
        loop {
            match self.state.reader().read(buffer) {
                Ok(0) => return Ok(Got::End),
                Ok(bytes) => return Ok(Got::Bytes(bytes)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(Got::End),
                Err(error) => return Err(error),
            }
            match self.receive(socket, traffic)? {
                Received::Nothing => return Ok(Got::Nothing),
                // What came before the end is still to be read; then the reader tells of it.
                Received::Records | Received::End => {}
            }
            // The state may have something to say, such as new keys.
            self.send_records(socket, traffic)?;
        }
    }

    /// Encrypts and sends. Returns how much of the bytes was taken.
    pub(super) fn write(
        &mut self,
        socket: &mut TcpStream,
        bytes: &[u8],
        traffic: &mut Traffic,
    ) -> io::Result<usize> {
        let mut taken = 0;
        loop {
            // It takes as much as its buffer has room for.
            taken += self.state.writer().write(&bytes[taken..])?;
            self.send_records(socket, traffic)?;
            if taken == bytes.len() || self.has_unsent() {
                return Ok(taken);
            }
        }
    }

    pub(super) fn has_unsent(&self) -> bool {
        !self.records.is_empty() || self.state.wants_write()
    }

    fn send_records(&mut self, socket: &mut TcpStream, traffic: &mut Traffic) -> io::Result<()> {
        while self.state.wants_write() {
            self.state.write_tls(&mut self.records)?;
        }
        let sent = write(socket, &self.records)?;
        traffic.sent += sent;
        self.records.drain(..sent);
        Ok(())
    }

    fn receive(&mut self, socket: &mut TcpStream, traffic: &mut Traffic) -> io::Result<Received> {
        loop {
            match self.state.read_tls(socket) {
                Ok(0) => return Ok(Received::End),
                Ok(bytes) => {
                    traffic.received += bytes;
                    self.state.process_new_packets().map_err(io::Error::other)?;
                    return Ok(Received::Records);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Received::Nothing),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// What a read of the socket found.
enum Received {
    Records,
    Nothing,
    End,
}
