//! A socket that first gives back what was already read from it.

use super::stream::Stream;
use bytes::{Buf, Bytes};
use std::cell::Cell;
use std::io::Result;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// The socket, what to read before it, and a note of when it was last used.
pub(super) struct Rewound {
    before: Bytes,
    socket: Stream,
    quiet: Rc<Quiet>,
    is_over: bool,
}

/// When a socket was last used, and whether everything written to it has left.
pub(super) struct Quiet {
    used: Cell<Instant>,
    heard: Cell<Instant>,
    flushed: Cell<bool>,
}

impl Quiet {
    /// When it was last used.
    pub(super) fn used(&self) -> Instant {
        self.used.get()
    }

    /// When its peer last sent something.
    pub(super) fn heard(&self) -> Instant {
        self.heard.get()
    }

    pub(super) fn is_flushed(&self) -> bool {
        self.flushed.get()
    }

    fn on_used(&self) {
        self.used.set(Instant::now());
    }
}

impl Rewound {
    /// What is behind it.
    pub(super) fn stream(&self) -> &Stream {
        &self.socket
    }

    pub(super) fn new(socket: Stream, before: Bytes) -> Rewound {
        let now = Cell::new(Instant::now());
        let quiet = Rc::new(Quiet { used: now.clone(), heard: now, flushed: Cell::new(true) });
        Rewound { before, socket, quiet, is_over: false }
    }

    pub(super) fn quiet(&self) -> Rc<Quiet> {
        Rc::clone(&self.quiet)
    }

    /// Whether the peer has ended its direction.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    pub(super) fn into_parts(self) -> (Stream, Bytes) {
        (self.socket, self.before)
    }
}

impl AsyncRead for Rewound {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        if !self.before.is_empty() {
            let count = self.before.len().min(buffer.remaining());
            buffer.put_slice(&self.before[..count]);
            self.before.advance(count);
            return Poll::Ready(Ok(()));
        }
        let filled = buffer.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(context, buffer))?;
        self.is_over = buffer.filled().len() == filled;
        self.quiet.on_used();
        self.quiet.heard.set(self.quiet.used());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Rewound {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        self.quiet.on_used();
        self.quiet.flushed.set(false);
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        ready!(Pin::new(&mut self.socket).poll_flush(context))?;
        self.quiet.flushed.set(true);
        Poll::Ready(Ok(()))
    }

    /// Says over TLS that nothing follows, and flushes; the socket stays open in both directions.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.socket.close();
        self.poll_flush(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[std::io::IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        self.quiet.on_used();
        self.quiet.flushed.set(false);
        Pin::new(&mut self.socket).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}
