//! One follower: a connection that reads, and counts what it gets.

use super::payload::{Marked, Payloads};
use super::target::{Framing, Step, Target};
use crate::http::wire::Wire;
use crate::http::wire::http1::Http1;
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

/// What all followers of a server need to read.
pub(super) struct Reading<'a> {
    pub(super) payloads: Payloads,
    pub(super) target: &'a dyn Target,
}

/// A connection.
pub(super) struct Follower {
    socket: TcpStream,
    framing: Framing,
    /// The steps that are still to come until it follows, the last one first.
    joining: Vec<Step>,
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
        let mut joining = target.steps();
        joining.reverse();
        Ok(Follower { socket, framing: target.framing(), joining, input: Vec::new(), next: None })
    }

    pub(super) fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    pub(super) fn has_joined(&self) -> bool {
        self.joining.is_empty()
    }

    /// Reads until there is nothing more: readiness is told once. Calls `found` for each message.
    pub(super) fn on_readable(
        &mut self,
        buffer: &mut [u8],
        reading: &Reading<'_>,
        tally: &mut Tally,
        mut found: impl FnMut(Marked),
    ) -> anyhow::Result<()> {
        loop {
            match self.socket.read(buffer) {
                Ok(0) => anyhow::bail!("the server closed a follower: {}", self.told()),
                Ok(bytes) => {
                    self.on_input(&buffer[..bytes], reading, tally, &mut found)?;
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

    fn on_input(
        &mut self,
        input: &[u8],
        reading: &Reading<'_>,
        tally: &mut Tally,
        found: &mut impl FnMut(Marked),
    ) -> anyhow::Result<()> {
        if self.has_joined() && self.input.is_empty() {
            let left = self.take(input, reading, tally, found)?;
            self.input.extend_from_slice(&input[input.len() - left..]);
            return Ok(());
        }
        self.input.extend_from_slice(input);
        if self.joins()? {
            let input = std::mem::take(&mut self.input);
            let left = self.take(&input, reading, tally, found)?;
            self.input.extend_from_slice(&input[input.len() - left..]);
        }
        Ok(())
    }

    /// Whether it follows. When it begins to, the head of the response is taken away.
    fn joins(&mut self) -> anyhow::Result<bool> {
        while let Some(step) = self.joining.last() {
            if memmem::find(&self.input, step.sign).is_none() {
                return Ok(false);
            }
            self.socket.write_all(&step.answer).context("joining")?;
            self.joining.pop();
            if self.joining.is_empty() && self.framing == Framing::WebSocket {
                let end = memmem::find(&self.input, b"\r\n\r\n").context("no upgrade")?;
                self.input.drain(..end + 4);
            }
        }
        Ok(true)
    }

    /// Takes the messages out of the input, and answers what wants an answer. Returns how many bytes at its end are
    /// not whole.
    fn take(
        &mut self,
        input: &[u8],
        reading: &Reading<'_>,
        tally: &mut Tally,
        found: &mut impl FnMut(Marked),
    ) -> anyhow::Result<usize> {
        let Follower { socket, framing, next, .. } = self;
        let mut on_message = |marked: Marked| {
            count(next, marked.number, tally);
            found(marked);
        };
        match framing {
            Framing::Text => reading.payloads.find(input, on_message),
            Framing::WebSocket => take_frames(socket, input, reading, &mut on_message),
            Framing::Answers => take_answers(socket, input, reading, &mut on_message),
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

/// Takes the messages out of frames, and answers pings.
fn take_frames(
    socket: &mut TcpStream,
    input: &[u8],
    reading: &Reading<'_>,
    on_message: &mut impl FnMut(Marked),
) -> anyhow::Result<usize> {
    let mut rest = input;
    while let Some((opcode, body, after)) = frame(rest)? {
        match opcode {
            0..=2 => {
                let torn = reading.payloads.find(body, &mut *on_message)?;
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

/// Takes the messages out of answers, and asks for more.
fn take_answers(
    socket: &mut TcpStream,
    input: &[u8],
    reading: &Reading<'_>,
    on_message: &mut impl FnMut(Marked),
) -> anyhow::Result<usize> {
    let mut rest = input;
    while let Some(incoming) = Http1.parse(rest)? {
        let (answer, after) = rest.split_at(incoming.bytes);
        reading.payloads.find(answer, &mut *on_message)?;
        let mut output = Vec::new();
        reading.target.follow_on(answer, &mut output)?;
        socket.write_all(&output).context("asking for more")?;
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
