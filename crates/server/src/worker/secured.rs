//! TLS of one connection, as plain data: takes what a socket brought, and gives what it is to send.
//!
//! Knows records. Does not know sockets, workers, or what is said. A connection that waits holds no buffer here: what is
//! left is the state of rustls, which has none of its own in this form.

#[cfg(test)]
mod tests;

use crate::tls::client_certificate;
use bytes::{Buf, Bytes};
use rustls::ServerConfig;
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus, WriteTraffic};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use tidings_auth::ClientCertificate;

/// The state of one connection that is secured.
pub struct Secured {
    tls: UnbufferedServerConnection,
    /// The beginning of a record or of a message of the handshake: what its rest is waited for with.
    incoming: Vec<u8>,
    /// Records that the socket has not taken yet. At most one of what is said, and what TLS itself says.
    sealed: Bytes,
    /// Whose the peer's certificate is, if it has shown one.
    certificate: Option<Arc<ClientCertificate>>,
    /// The handshake is over.
    is_established: bool,
    /// We have said that nothing follows, or have nothing to say any more.
    is_closed: bool,
}

/// What came of some bytes from the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// More may come.
    Open,
    /// The peer has said that nothing follows.
    Ended,
}

impl Secured {
    /// What goes into one record at most: so much is encrypted ahead of a socket that does not take it.
    pub const RECORD_BYTES: usize = 16 << 10;

    /// What a record has beside its contents, at most: a head, a nonce (TLS 1.2), a type (TLS 1.3) and a tag.
    const OVERHEAD_BYTES: usize = 32;

    /// A connection that a peer has just made.
    ///
    /// # Errors
    /// When the configuration can't be used.
    pub fn new(config: Arc<ServerConfig>) -> Result<Secured, rustls::Error> {
        let tls = UnbufferedServerConnection::new(config)?;
        let (incoming, sealed) = (Vec::new(), Bytes::new());
        Ok(Secured { tls, incoming, sealed, certificate: None, is_established: false, is_closed: false })
    }

    /// Whether the peer is still a stranger.
    pub fn is_handshaking(&self) -> bool {
        !self.is_established
    }

    fn on_established(&mut self) {
        if self.is_established {
            return;
        }
        self.is_established = true;
        let shown = self.tls.peer_certificates().and_then(<[_]>::first);
        self.certificate = shown.and_then(|certificate| client_certificate(certificate)).map(Arc::new);
    }

    /// Whose the peer's certificate is, if it has shown one that is somebody's.
    pub(crate) fn certificate(&self) -> Option<&Arc<ClientCertificate>> {
        self.certificate.as_ref()
    }

    /// Whether the socket has yet to take records.
    pub fn has_sealed(&self) -> bool {
        !self.sealed.is_empty()
    }

    /// What it keeps of either direction.
    pub fn held_bytes(&self) -> usize {
        self.incoming.len() + self.sealed.len()
    }

    /// What came before and was not a whole record: to be put before what comes next.
    pub fn has_incoming(&self) -> bool {
        !self.incoming.is_empty()
    }

    /// Takes them.
    pub fn take_incoming(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.incoming)
    }

    /// The same once more, when nothing came.
    pub fn keep_incoming(&mut self, incoming: Vec<u8>) {
        self.incoming = incoming;
    }

    /// Decrypts what came, and appends it to `plain`. What TLS itself has to say is sealed then.
    ///
    /// An error is the peer's fault, and the end of the connection; an alert that names it is sealed. Once our own end is told, what comes
    /// is dropped: nothing may be said about it any more.
    pub fn open(&mut self, records: &mut [u8], plain: &mut Vec<u8>) -> Result<Heard, rustls::Error> {
        if self.is_closed {
            return Ok(Heard::Open);
        }
        let heard = self.open_records(records, plain);
        self.is_closed |= heard.is_err();
        heard
    }

    fn open_records(&mut self, records: &mut [u8], plain: &mut Vec<u8>) -> Result<Heard, rustls::Error> {
        let mut said = Vec::new();
        let mut at = 0;
        let mut heard = Ok(Heard::Open);
        // After an error rustls may be asked for its alert, and for nothing else.
        while heard.is_ok() || self.tls.wants_write() {
            let UnbufferedStatus { mut discard, state } = self.tls.process_tls_records(&mut records[at..]);
            match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record?;
                        discard += record.discard;
                        plain.extend_from_slice(record.payload);
                    }
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    append(&mut said, 0, |room| data.encode(room).map_err(|error| size_of_encoded(&error)))
                        .map_err(|error| rustls::Error::General(error.to_string()))?;
                }
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                Ok(ConnectionState::PeerClosed) => heard = heard.and(Ok(Heard::Ended)),
                Ok(ConnectionState::WriteTraffic(_)) => {
                    at += discard;
                    self.on_established();
                    break;
                }
                Ok(ConnectionState::BlockedHandshake | ConnectionState::Closed) => {
                    at += discard;
                    break;
                }
                // Data before the handshake is over may be a repetition, and is not asked for.
                Ok(_) => return Err(rustls::Error::General("data came too early".to_owned())),
                Err(error) => heard = Err(error),
            }
            at += discard;
        }
        self.push_sealed(said);
        if heard.is_ok() {
            self.incoming = records[at..].to_vec();
        }
        heard
    }

    /// Encrypts `plain`, of any size, and appends the records to `out`.
    pub fn seal(&mut self, plain: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let records = plain.len().div_ceil(Secured::RECORD_BYTES);
        let bytes = plain.len() + records * Secured::OVERHEAD_BYTES;
        self.write(out, |traffic, out| {
            append(out, bytes, |room| traffic.encrypt(plain, room).map_err(|error| size_of_encrypted(&error)))
        })
    }

    /// Seals that nothing follows; once.
    pub fn close(&mut self) {
        if self.is_closed || !self.is_established {
            return;
        }
        let mut said = Vec::new();
        let sealed = self.write(&mut said, |traffic, out| {
            append(out, Secured::OVERHEAD_BYTES, |room| {
                traffic.queue_close_notify(room).map_err(|error| size_of_encrypted(&error))
            })
        });
        self.is_closed = true;
        if sealed.is_ok() {
            self.push_sealed(said);
        }
    }

    /// Calls `write` once what TLS itself has to say is in `out`.
    fn write(
        &mut self,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut WriteTraffic<'_, ServerConnectionData>, &mut Vec<u8>) -> io::Result<()>,
    ) -> io::Result<()> {
        if self.is_closed {
            return Err(io::ErrorKind::NotConnected.into());
        }
        // rustls remembers how far it has looked into what is not whole, so it is shown that again.
        let mut incoming = std::mem::take(&mut self.incoming);
        let mut at = 0;
        let written = loop {
            let UnbufferedStatus { discard, state } = self.tls.process_tls_records(&mut incoming[at..]);
            match state {
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    let encoded =
                        append(out, 0, |room| data.encode(room).map_err(|error| size_of_encoded(&error)));
                    if let Err(error) = encoded {
                        break Err(io::Error::other(error));
                    }
                }
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                Ok(ConnectionState::PeerClosed) => {}
                Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                    let written = write(&mut traffic, out);
                    at += discard;
                    break written;
                }
                Ok(_) => break Err(io::ErrorKind::NotConnected.into()),
                Err(error) => break Err(io::Error::other(error)),
            }
            at += discard;
        };
        incoming.drain(..at);
        self.incoming = incoming;
        written
    }

    /// Sends what is sealed, then the queue record by record, through `send`, until all is sent or that takes no more.
    /// Says how many bytes went.
    pub fn send(
        &mut self,
        queue: &mut VecDeque<Bytes>,
        mut send: impl FnMut(&[u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let mut sent = 0;
        loop {
            while !self.sealed.is_empty() {
                match send(&self.sealed) {
                    Ok(count) => {
                        self.sealed.advance(count);
                        sent += count;
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(sent),
                    Err(broken) => return Err(broken),
                }
            }
            // An empty view still holds what it is a view of.
            self.sealed = Bytes::new();
            if queue.is_empty() {
                return Ok(sent);
            }
            self.seal_front(queue)?;
        }
    }

    /// Seals as much of the front of the queue as goes into one record.
    fn seal_front(&mut self, queue: &mut VecDeque<Bytes>) -> io::Result<()> {
        let mut out = Vec::new();
        let only = if queue.len() == 1 { queue.front_mut() } else { None };
        if let Some(front) = only {
            let count = front.len().min(Secured::RECORD_BYTES);
            self.seal(&front.split_to(count), &mut out)?;
        } else {
            let mut plain = Vec::new();
            while let Some(front) = queue.front_mut().filter(|_| plain.len() < Secured::RECORD_BYTES) {
                let count = front.len().min(Secured::RECORD_BYTES - plain.len());
                plain.extend_from_slice(&front.split_to(count));
                if front.is_empty() {
                    queue.pop_front();
                }
            }
            self.seal(&plain, &mut out)?;
        }
        if queue.front().is_some_and(Bytes::is_empty) {
            queue.pop_front();
        }
        self.sealed = out.into();
        Ok(())
    }

    /// Records that wait for the socket, behind those that do already.
    pub fn push_sealed(&mut self, records: impl Into<Bytes>) {
        let records = records.into();
        if self.sealed.is_empty() {
            self.sealed = records;
        } else if !records.is_empty() {
            self.sealed = [&self.sealed[..], &records[..]].concat().into();
        }
    }
}

/// Lets `fill` write behind `out`, which gets room for `bytes`, or for as many as `fill` then says that it needs.
fn append(
    out: &mut Vec<u8>,
    bytes: usize,
    mut fill: impl FnMut(&mut [u8]) -> Result<usize, Option<usize>>,
) -> io::Result<()> {
    let from = out.len();
    out.resize(from + bytes, 0);
    let filled = match fill(&mut out[from..]) {
        Err(Some(needed)) => {
            out.resize(from + needed, 0);
            fill(&mut out[from..])
        }
        filled => filled,
    };
    out.truncate(from + filled.unwrap_or_default());
    filled.map(drop).map_err(|_| io::Error::other("TLS has no more to say"))
}

fn size_of_encoded(error: &EncodeError) -> Option<usize> {
    match error {
        EncodeError::InsufficientSize(size) => Some(size.required_size),
        EncodeError::AlreadyEncoded => None,
    }
}

fn size_of_encrypted(error: &EncryptError) -> Option<usize> {
    match error {
        EncryptError::InsufficientSize(size) => Some(size.required_size),
        EncryptError::EncryptExhausted => None,
    }
}
