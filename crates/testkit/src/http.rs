//! A small blocking HTTP/1.1 client, just enough to ask a server and to see every byte of what it says.
//!
//! Reading never loses what has arrived: when a deadline passes in mid-answer, the next call goes on from there.

mod answer;
mod body;
mod request;
mod wire;

pub use answer::Response;
pub use request::Request;

pub(crate) use answer::Head;
pub(crate) use body::BodyDecoder;
pub(crate) use wire::{Filled, Wire};

use crate::clock::Deadline;
use std::io;
use std::net::SocketAddr;

/// One connection, over which one request after another is asked.
#[derive(Debug)]
pub struct Connection {
    wire: Wire,
    incoming: Option<Incoming>,
}

/// An answer of which at least the head has arrived.
#[derive(Debug)]
struct Incoming {
    head: Head,
    decoder: BodyDecoder,
    body: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub fn open(address: SocketAddr) -> io::Result<Connection> {
        Ok(Connection { wire: Wire::connect(address)?, incoming: None })
    }

    /// Sends a request, without waiting for the answer.
    pub fn send(&mut self, request: &Request) -> io::Result<()> {
        self.wire.write(&request.encode())
    }

    /// Sends these bytes as they are.
    pub fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.wire.write(bytes)
    }

    /// The whole answer; `None` when it is not here by the deadline, and may be asked for again.
    pub fn answer(&mut self, request: &Request, deadline: Deadline) -> io::Result<Option<Response>> {
        loop {
            if self.incoming.is_none() {
                let Some(head) = self.head(deadline)? else { return Ok(None) };
                let decoder = BodyDecoder::of(&head, request);
                self.incoming = Some(Incoming { head, decoder, body: Vec::new() });
            }
            if let Some(incoming) = &mut self.incoming {
                let used = incoming.decoder.decode(self.wire.unread(), &mut incoming.body)?;
                self.wire.consume(used);
            }
            if let Some(done) = self.incoming.take_if(|incoming| incoming.decoder.is_done()) {
                return Ok(Some(done.head.into_response(done.body)));
            }
            match self.wire.fill(deadline)? {
                Filled::More => {}
                Filled::Nothing => return Ok(None),
                Filled::End => {
                    let incoming = self.incoming.take().filter(|it| it.decoder.ends_with_connection());
                    let incoming = incoming.ok_or(io::ErrorKind::UnexpectedEof)?;
                    return Ok(Some(incoming.head.into_response(incoming.body)));
                }
            }
        }
    }

    /// Sends a request and waits for its answer.
    pub fn ask(&mut self, request: &Request, deadline: Deadline) -> io::Result<Response> {
        self.send(request)?;
        self.answer(request, deadline)?.ok_or_else(|| io::ErrorKind::TimedOut.into())
    }

    /// Whether the server ends the connection by the deadline, without another byte.
    pub fn is_ended_by(&mut self, deadline: Deadline) -> bool {
        self.wire.unread().is_empty() && matches!(self.wire.fill(deadline), Ok(Filled::End) | Err(_))
    }

    /// The head of the next answer, for who reads the body in another way.
    pub(crate) fn head(&mut self, deadline: Deadline) -> io::Result<Option<Head>> {
        loop {
            if let Some((head, used)) = Head::parse(self.wire.unread())? {
                self.wire.consume(used);
                return Ok(Some(head));
            }
            match self.wire.fill(deadline)? {
                Filled::More => {}
                Filled::Nothing => return Ok(None),
                Filled::End => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
    }

    /// The answer to the question for an upgrade; after a `101` the bytes belong to somebody else.
    pub(crate) fn upgrade_answer(
        &mut self,
        request: &Request,
        deadline: Deadline,
    ) -> io::Result<Option<Response>> {
        let Some(head) = self.head(deadline)? else { return Ok(None) };
        if head.status == 101 {
            return Ok(Some(head.into_response(Vec::new())));
        }
        self.incoming = Some(Incoming { decoder: BodyDecoder::of(&head, request), head, body: Vec::new() });
        self.answer(request, deadline)
    }

    /// What lies under it.
    pub(crate) fn wire(&mut self) -> &mut Wire {
        &mut self.wire
    }

    /// What lies under it, with what has arrived already.
    pub(crate) fn into_wire(self) -> Wire {
        self.wire
    }
}
