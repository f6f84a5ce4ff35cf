//! What a connection speaks through, as hyper's side of the worker sees it: a socket, and TLS if it has any.

use crate::worker::pace::{Pace, Share};
use crate::worker::secured::{Heard, Secured};
use crate::worker::slots::Channel;
use std::collections::VecDeque;
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tidings_auth::ClientCertificate;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// How much is read from a secured socket in one go.
const READ_BYTES: usize = 16 << 10;

/// The two of them.
pub(super) struct Stream {
    socket: TcpStream,
    secured: Option<Box<Secured>>,
    /// What was decrypted and not read yet.
    input: Vec<u8>,
    /// The peer has said over TLS that nothing follows.
    has_ended: bool,
    pace: Rc<Pace>,
    share: Share,
}

impl Stream {
    pub(super) fn new(Channel { socket, secured }: Channel, pace: Rc<Pace>) -> Result<Stream> {
        let socket = TcpStream::from_std(std::net::TcpStream::from(socket))?;
        Ok(Stream { socket, secured, input: Vec::new(), has_ended: false, pace, share: Share::default() })
    }

    /// The certificate that the peer has shown, if it is somebody's.
    pub(super) fn certificate(&self) -> Option<Arc<ClientCertificate>> {
        self.secured.as_ref().and_then(|secured| secured.certificate().cloned())
    }

    /// Back to what a slot takes.
    pub(super) fn into_channel(self) -> Result<Channel> {
        Ok(Channel { socket: OwnedFd::from(self.socket.into_std()?), secured: self.secured })
    }

    /// What was decrypted and not read yet.
    pub(super) fn take_input(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.input)
    }

    pub(super) async fn writable(&self) -> Result<()> {
        self.socket.writable().await
    }

    /// Says over TLS that nothing follows: to be flushed.
    pub(super) fn close(&mut self) {
        if let Some(secured) = &mut self.secured {
            secured.close();
        }
    }

    /// Fills `input` unless the peer's direction has ended.
    fn poll_records(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        let Stream { socket, secured: Some(secured), input, has_ended, .. } = self else {
            return Poll::Ready(Ok(()));
        };
        while input.is_empty() && !*has_ended {
            let mut records = secured.take_incoming();
            let start = records.len();
            records.resize(start + READ_BYTES, 0);
            let mut buffer = ReadBuf::new(&mut records[start..]);
            let read = Pin::new(&mut *socket).poll_read(context, &mut buffer);
            let count = buffer.filled().len();
            records.truncate(start + count);
            if !matches!(read, Poll::Ready(Ok(()))) {
                secured.keep_incoming(records);
                return read;
            }
            *has_ended = count == 0 || {
                let heard = secured.open(&mut records, input);
                // What TLS itself says may have to wait until something else is sent.
                let _said = send(socket, secured);
                heard.map_err(|error| Error::new(ErrorKind::InvalidData, error))? == Heard::Ended
            };
        }
        Poll::Ready(Ok(()))
    }

    fn poll_read_at_once(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        if self.secured.is_none() {
            return Pin::new(&mut self.socket).poll_read(context, buffer);
        }
        ready!(self.poll_records(context))?;
        let count = self.input.len().min(buffer.remaining());
        buffer.put_slice(&self.input[..count]);
        self.input.drain(..count);
        Poll::Ready(Ok(()))
    }

    /// Ready when the socket has taken all that is sealed.
    fn poll_sealed(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        let Some(secured) = &mut self.secured else { return Poll::Ready(Ok(())) };
        loop {
            send(&self.socket, secured)?;
            if !secured.has_sealed() {
                return Poll::Ready(Ok(()));
            }
            ready!(self.socket.poll_write_ready(context))?;
        }
    }

    /// Seals one record of these and sends what the socket takes of it.
    fn poll_write_sealed(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        ready!(self.poll_sealed(context))?;
        let Some(secured) = &mut self.secured else { return Poll::Ready(Ok(0)) };
        let mut plain = Vec::new();
        for slice in slices {
            let count = slice.len().min(Secured::RECORD_BYTES - plain.len());
            plain.extend_from_slice(&slice[..count]);
        }
        let mut records = Vec::new();
        secured.seal(&plain, &mut records)?;
        secured.push_sealed(records);
        send(&self.socket, secured)?;
        Poll::Ready(Ok(plain.len()))
    }
}

fn send(socket: &TcpStream, secured: &mut Secured) -> Result<usize> {
    secured.send(&mut VecDeque::new(), |bytes| socket.try_write(bytes))
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let Stream { pace, share, .. } = &mut *self;
        ready!(pace.poll_share(share, context));
        let before = buffer.filled().len();
        ready!(self.poll_read_at_once(context, buffer))?;
        self.share.on_read(buffer.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        if self.secured.is_none() {
            return Pin::new(&mut self.socket).poll_write(context, bytes);
        }
        self.poll_write_sealed(context, &[IoSlice::new(bytes)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.poll_sealed(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.close();
        self.poll_sealed(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        if self.secured.is_none() {
            return Pin::new(&mut self.socket).poll_write_vectored(context, slices);
        }
        self.poll_write_sealed(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}
