//! A well-behaved follower, written by hand: takes bytes, finds the messages in them, in order.

use crate::crowd::Shared;
use crate::victim::STREAM;
use std::io;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Poll,
    LongPoll,
    Sse,
    WebSocket,
}

impl Transport {
    pub(crate) const ALL: [Transport; 4] =
        [Transport::Poll, Transport::LongPoll, Transport::Sse, Transport::WebSocket];

    pub(crate) fn name(self) -> &'static str {
        match self {
            // What it waits for a message is what it waits by itself.
            Transport::Poll => "poll, to its answer",
            Transport::LongPoll => "long poll",
            Transport::Sse => "SSE",
            Transport::WebSocket => "WebSocket",
        }
    }

    fn request(self, offset: &str) -> String {
        let target = format!("GET /v1/stream/{STREAM}?offset={offset}");
        match self {
            Transport::Poll => format!("{target} HTTP/1.1\r\nHost: a\r\n\r\n"),
            Transport::LongPoll => format!("{target}&live=long-poll HTTP/1.1\r\nHost: a\r\n\r\n"),
            Transport::Sse => format!("{target}&live=sse HTTP/1.1\r\nHost: a\r\n\r\n"),
            Transport::WebSocket => format!(
                "{target} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            ),
        }
    }
}

/// A WebSocket that says nothing is taken for gone: an empty pong tells that it is there.
const PONG: [u8; 6] = [0x8a, 0x80, 0, 0, 0, 0];
const SAYS_EVERY: Duration = Duration::from_secs(5);

/// How often one polls. Not what a server advises: here it is a steady load.
const POLLS_EVERY: Duration = Duration::from_millis(50);

/// Follows for as long as it is not dropped; complains of what should not happen.
pub(crate) async fn follow(transport: Transport, shared: Rc<Shared>) {
    let mut follower = Follower { transport, shared, next: 0, arrived: Vec::new() };
    let ended = match transport {
        Transport::Poll | Transport::LongPoll => follower.ask_again_and_again().await,
        Transport::Sse | Transport::WebSocket => follower.listen().await,
    };
    if let Err(error) = ended {
        follower.shared.complain(format!("{transport:?} ended: {error}"));
    }
}

struct Follower {
    transport: Transport,
    shared: Rc<Shared>,
    /// The number of the message that comes next.
    next: u64,
    /// Bytes that are not looked at yet.
    arrived: Vec<u8>,
}

impl Follower {
    /// One response that does not end.
    async fn listen(&mut self) -> io::Result<()> {
        let mut socket = self.connect().await?;
        socket.write_all(self.transport.request("now").as_bytes()).await?;
        let mut is_known = false;
        let mut said = Instant::now();
        loop {
            self.read(&mut socket).await?;
            if self.transport == Transport::WebSocket && SAYS_EVERY < said.elapsed() {
                said = Instant::now();
                socket.write_all(&PONG).await?;
            }
            let end = self.take_messages();
            // Whoever is told of its place follows.
            let told = find(&self.arrived, b"upToDate").or(find(&self.arrived, b"\"live\""));
            if !is_known && told.is_some() {
                is_known = true;
                self.shared.following.set(self.shared.following.get() + 1);
            }
            let keep = self.arrived.len().min(KEPT_BYTES);
            self.arrived.drain(..end.max(self.arrived.len() - keep));
        }
    }

    /// Requests over one connection, each from the offset that the last answer named.
    async fn ask_again_and_again(&mut self) -> io::Result<()> {
        let mut socket = self.connect().await?;
        let mut offset = String::from("now");
        let mut due = Instant::now();
        for number in 0_usize.. {
            if self.transport == Transport::Poll {
                tokio::time::sleep_until(due).await;
            }
            // The first answer of a long poll tells its place too.
            let request = if number == 0 { Transport::Poll } else { self.transport }.request(&offset);
            socket.write_all(request.as_bytes()).await?;
            let head = self.read_answer(&mut socket).await?;
            if self.transport == Transport::Poll {
                self.shared.on_waited(self.transport, due);
                due = (due + POLLS_EVERY).max(Instant::now());
            }
            if self.transport == Transport::LongPoll && !head.starts_with("HTTP/1.1 200") {
                tokio::time::sleep(AFTER).await;
            }
            if let Some(next) = field(&head, "stream-next-offset") {
                next.clone_into(&mut offset);
            }
            if number == 0 {
                self.shared.following.set(self.shared.following.get() + 1);
            }
        }
        Ok(())
    }

    /// The head of an answer; the messages in its body are taken.
    async fn read_answer(&mut self, socket: &mut TcpStream) -> io::Result<String> {
        let end = loop {
            match find(&self.arrived, b"\r\n\r\n") {
                Some(at) => break at + 4,
                None => self.read(socket).await?,
            }
        };
        let head = String::from_utf8_lossy(&self.arrived[..end]).into_owned();
        let is_answer = head.starts_with("HTTP/1.1 200") || head.starts_with("HTTP/1.1 204");
        if !is_answer && !is_sent_away(&head) {
            return Err(io::Error::other(head));
        }
        let length: usize = field(&head, "content-length").map_or(0, |text| text.parse().unwrap_or(0));
        while self.arrived.len() < end + length {
            self.read(socket).await?;
        }
        self.take_messages();
        self.arrived.drain(..end + length);
        Ok(head)
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        let socket = TcpStream::connect(self.shared.address).await?;
        socket.set_nodelay(true)?;
        Ok(socket)
    }

    async fn read(&mut self, socket: &mut TcpStream) -> io::Result<()> {
        match socket.read_buf(&mut self.arrived).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// All messages that are here to their end; where the last one ends.
    fn take_messages(&mut self) -> usize {
        let mut at = 0;
        while let Some((number, due_ns, end)) = next_message(&self.arrived, at) {
            at = end;
            if number != self.next && self.next != 0 {
                self.shared.complain(format!("{:?}: {number} came after {}", self.transport, self.next - 1));
            }
            self.next = number + 1;
            if self.transport != Transport::Poll {
                self.shared.on_message(self.transport, due_ns);
            }
        }
        at
    }
}

/// A server that is short of memory takes nobody new: to it each long poll is.
fn is_sent_away(head: &str) -> bool {
    head.starts_with("HTTP/1.1 503")
}

/// When it comes again: sooner than it is told to, so that a run goes on. What it waits meanwhile counts.
const AFTER: Duration = Duration::from_millis(500);

/// Of what has no whole message, the end is kept: one may begin there.
const KEPT_BYTES: usize = 256;

/// The number of the next message, when it was due, and where it ends.
fn next_message(bytes: &[u8], from: usize) -> Option<(u64, u64, usize)> {
    let (number, at) = number_behind(bytes, from, b"{\"number\":")?;
    let (due_ns, end) = number_behind(bytes, at, b",\"due\":")?;
    Some((number, due_ns, end))
}

/// The number behind these words and where it ends, if it is here to its end.
fn number_behind(bytes: &[u8], from: usize, words: &[u8]) -> Option<(u64, usize)> {
    let begin = from + find(bytes.get(from..)?, words)? + words.len();
    let digits = bytes[begin..].iter().position(|byte| !byte.is_ascii_digit())?;
    let text = std::str::from_utf8(&bytes[begin..begin + digits]).ok()?;
    Some((text.parse().ok()?, begin + digits))
}

fn find(bytes: &[u8], words: &[u8]) -> Option<usize> {
    bytes.windows(words.len()).position(|window| window == words)
}

/// The value of a field.
fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}
