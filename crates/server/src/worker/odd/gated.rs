//! The socket of an HTTP/1 connection as hyper sees it: behind the [`Gate`], with notes of how it is used.

use super::gate::{Admitted, Gate, Pass};
use super::rewound::{Quiet, Rewound};
use super::stream::Stream;
use std::cell::{Cell, RefCell};
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// How much is read from the socket in one go.
const READ_BYTES: usize = 16 << 10;

/// The socket and its gate.
pub(super) struct Gated {
    socket: Rewound,
    passage: Rc<Passage>,
}

/// What is known of the connection while hyper has the socket.
pub(super) struct Passage {
    gate: RefCell<Gate>,
    quiet: Rc<Quiet>,
    /// When the socket last took bytes.
    wrote: Cell<Instant>,
    /// The gate lets nothing more through.
    stopped: Cell<bool>,
    /// The body of a request was malformed, and how.
    broken: Cell<Option<&'static str>>,
}

impl Passage {
    /// When it was last used.
    pub(super) fn used(&self) -> Instant {
        self.quiet.used()
    }

    /// When the socket last took bytes.
    pub(super) fn wrote(&self) -> Instant {
        self.wrote.get()
    }

    pub(super) fn is_flushed(&self) -> bool {
        self.quiet.is_flushed()
    }

    /// Whether what the peer has sent is for the narrow front.
    pub(super) fn has_stopped(&self) -> bool {
        self.stopped.get()
    }

    /// How the body of the request that hyper reads is malformed, if it is.
    pub(super) fn broken(&self) -> Option<&'static str> {
        self.broken.get()
    }

    /// Whether all of the last request went to hyper, and nothing of another one.
    pub(super) fn is_between_requests(&self) -> bool {
        self.gate.borrow().is_between_requests()
    }

    /// What is known of the request whose head hyper has just read.
    pub(super) fn take_admitted(&self) -> Option<Admitted> {
        self.gate.borrow_mut().take_admitted()
    }
}

impl Gated {
    /// `socket` first gives back what was read from it.
    pub(super) fn new(socket: Rewound, gate: Gate) -> Gated {
        let passage = Rc::new(Passage {
            gate: RefCell::new(gate),
            quiet: socket.quiet(),
            wrote: Cell::new(Instant::now()),
            stopped: Cell::new(false),
            broken: Cell::new(None),
        });
        Gated { socket, passage }
    }

    pub(super) fn passage(&self) -> Rc<Passage> {
        Rc::clone(&self.passage)
    }

    /// Whether the peer has ended its direction.
    pub(super) fn is_over(&self) -> bool {
        self.socket.is_over()
    }

    /// The socket, and what was read from it that did not go to hyper.
    pub(super) fn into_parts(self) -> (Stream, Vec<u8>) {
        let (mut stream, before) = self.socket.into_parts();
        let mut input = self.passage.gate.borrow_mut().take_input();
        input.extend_from_slice(&before);
        input.append(&mut stream.take_input());
        (stream, input)
    }

    fn note(&self, written: &Poll<Result<usize>>) {
        if matches!(written, Poll::Ready(Ok(_))) {
            self.passage.wrote.set(Instant::now());
        }
    }
}

impl AsyncRead for Gated {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let passage = self.passage();
        let mut gate = passage.gate.borrow_mut();
        loop {
            match gate.pass(buffer.remaining()) {
                Pass::Through(bytes) => {
                    buffer.put_slice(&bytes);
                    return Poll::Ready(Ok(()));
                }
                Pass::Stop => {
                    // This wakes nobody: whoever polls hyper looks at it after each poll.
                    passage.stopped.set(true);
                    return Poll::Pending;
                }
                Pass::Broken(reason) => {
                    passage.broken.set(Some(reason));
                    return Poll::Ready(Err(Error::new(ErrorKind::InvalidData, reason)));
                }
                Pass::More => {}
            }
            let mut space = [MaybeUninit::uninit(); READ_BYTES];
            let mut read = ReadBuf::uninit(&mut space);
            ready!(Pin::new(&mut self.socket).poll_read(context, &mut read))?;
            if read.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            gate.fill(read.filled());
        }
    }
}

impl AsyncWrite for Gated {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(context, bytes);
        self.note(&written);
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    /// Flushes only: how the connection ends is for the worker to say.
    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.poll_flush(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(context, slices);
        self.note(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}
