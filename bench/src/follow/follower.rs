//! One follower: a connection that reads, and counts what it gets.

use super::payload::{Marked, Payloads};
use super::target::{Framing, Target};
use anyhow::Context;
use memchr::memmem;
use mio::net::TcpStream;
use std::io::{ErrorKind, Read, Write};

/// What came to all followers together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) delivered: u64,
    /// Messages that a later one came without.
    pub(super) lost: u64,
    /// Messages that came again, or after a later one.
    pub(super) repeated: u64,
}

pub(super) struct Follower {
    socket: TcpStream,
    framing: Framing,
    /// What the server sends when it follows, until it did.
    joining: Option<&'static [u8]>,
    /// The beginning of what is not whole yet; nearly always empty.
    input: Vec<u8>,
    /// The number of the message that comes next, when one came.
    next: Option<u64>,
}

impl Follower {
    /// Sends what begins to follow.
    pub(super) fn new(mut socket: TcpStream, target: &dyn Target) -> anyhow::Result<Follower> {
        let mut output = Vec::new();
        target.follow(&mut output);
        socket.write_all(&output).context("beginning to follow")?;
        let joining = Some(target.followed());
        Ok(Follower { socket, framing: target.framing(), joining, input: Vec::new(), next: None })
    }

    pub(super) fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    pub(super) fn has_joined(&self) -> bool {
        self.joining.is_none()
    }

    /// Reads until there is nothing more: readiness is told once. Calls `found` for each message.
    pub(super) fn on_readable(
        &mut self,
        buffer: &mut [u8],
        payloads: &Payloads,
        tally: &mut Tally,
        mut found: impl FnMut(Marked),
    ) -> anyhow::Result<()> {
        loop {
            match self.socket.read(buffer) {
                Ok(0) => anyhow::bail!("the server closed a follower: {}", self.told()),
                Ok(bytes) => {
                    let next = &mut self.next;
                    let mut on_message = |marked: Marked| {
                        count(next, marked.number, tally);
                        found(marked);
                    };
                    let input = &buffer[..bytes];
                    if self.joining.is_some() || !self.input.is_empty() {
                        self.input.extend_from_slice(input);
                        if joins(&mut self.joining, self.framing, &mut self.input) {
                            let rest = std::mem::take(&mut self.input);
                            let left =
                                take(self.framing, &mut self.socket, &rest, payloads, &mut on_message)?;
                            self.input.extend_from_slice(&rest[rest.len() - left..]);
                        }
                    } else {
                        let left = take(self.framing, &mut self.socket, input, payloads, &mut on_message)?;
                        self.input.extend_from_slice(&input[bytes - left..]);
                    }
                    if bytes < buffer.len() {
                        // The socket is empty: what comes now is told anew.
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("reading as a follower"),
            }
        }
    }

    /// What came and was not understood.
    fn told(&self) -> String {
        String::from_utf8_lossy(&self.input).into_owned()
    }
}

/// Compares a message with the one that should come.
fn count(next: &mut Option<u64>, number: u64, tally: &mut Tally) {
    match *next {
        Some(next) if number < next => tally.repeated += 1,
        Some(next) => tally.lost += number - next,
        None => {}
    }
    tally.delivered += 1;
    *next = (*next).max(Some(number + 1));
}

/// Whether it follows. When it begins to, the head of the response is taken away.
fn joins(joining: &mut Option<&'static [u8]>, framing: Framing, input: &mut Vec<u8>) -> bool {
    let Some(sign) = *joining else { return true };
    if memmem::find(input, sign).is_none() {
        return false;
    }
    if framing == Framing::WebSocket {
        let Some(end) = memmem::find(input, b"\r\n\r\n") else { return false };
        input.drain(..end + 4);
    }
    *joining = None;
    true
}

/// Takes the messages out of the input, and answers pings. Returns how many bytes at its end are not whole.
fn take(
    framing: Framing,
    socket: &mut TcpStream,
    input: &[u8],
    payloads: &Payloads,
    mut found: impl FnMut(Marked),
) -> anyhow::Result<usize> {
    if framing == Framing::Text {
        return payloads.find(input, found);
    }
    let mut rest = input;
    while let Some((opcode, body, after)) = frame(rest)? {
        match opcode {
            0..=2 => {
                let torn = payloads.find(body, &mut found)?;
                anyhow::ensure!(torn == 0, "a message that is torn over two frames");
            }
            9 => pong(socket, body)?,
            8 => anyhow::bail!("the server closed a WebSocket: {}", String::from_utf8_lossy(body)),
            _ => {}
        }
        rest = after;
    }
    Ok(rest.len())
}

/// The first whole frame of a server: its opcode and payload, and what comes after it (RFC 6455, section 5.2).
#[expect(clippy::type_complexity, reason = "three slices of one input")]
fn frame(input: &[u8]) -> anyhow::Result<Option<(u8, &[u8], &[u8])>> {
    let [first, second, rest @ ..] = input else { return Ok(None) };
    anyhow::ensure!(first & 0x70 == 0 && second & 0x80 == 0, "a frame that no server may send");
    let (bytes, rest) = match second {
        126 => match rest.split_first_chunk() {
            Some((bytes, rest)) => (u64::from(u16::from_be_bytes(*bytes)), rest),
            None => return Ok(None),
        },
        127 => match rest.split_first_chunk() {
            Some((bytes, rest)) => (u64::from_be_bytes(*bytes), rest),
            None => return Ok(None),
        },
        bytes => (u64::from(*bytes), rest),
    };
    let bytes = usize::try_from(bytes).context("a frame beyond memory")?;
    Ok(rest.split_at_checked(bytes).map(|(body, after)| (first & 15, body, after)))
}

/// Answers a ping. The mask is all zeros, so that the body stays as it is.
fn pong(socket: &mut TcpStream, body: &[u8]) -> anyhow::Result<()> {
    let bytes =
        u8::try_from(body.len()).ok().filter(|bytes| *bytes < 126).context("a ping that is too long")?;
    let output = [&[0x8a, 0x80 | bytes, 0, 0, 0, 0], body].concat();
    socket.write_all(&output).context("answering a ping")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_and_repetitions_are_counted() {
        let (mut next, mut tally) = (None, Tally::default());
        for number in [5, 6, 9, 8, 10, 10] {
            count(&mut next, number, &mut tally);
        }
        assert_eq!(tally, Tally { delivered: 6, lost: 2, repeated: 2 });
    }

    #[test]
    fn a_frame_is_whole_with_its_body() {
        let long = [&[0x82, 126, 0, 200][..], &[7; 200], &[0x89, 0]].concat();
        assert_eq!(frame(&long[..203]).unwrap(), None);
        let (opcode, body, after) = frame(&long).unwrap().unwrap();
        assert_eq!((opcode, body.len(), after), (2, 200, &[0x89, 0][..]));
        assert!(frame(&[0xc1, 0]).is_err(), "compressed, which nobody asked for");
    }
}
