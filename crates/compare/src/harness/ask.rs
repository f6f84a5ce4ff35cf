//! Requests while a run is prepared or is over: one after the other, each waited for.

use super::answer::{AnswerReader, Part, room};
use super::said::said;
use super::tls::Tls;
use crate::clock;
use anyhow::Context as _;
use rustls::StreamOwned;
use std::cell::Cell;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a server may take for one answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// The longest answer.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Where a server is, and how connections to it are protected.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    pub(crate) tls: Option<Arc<Tls>>,
}

/// Asks one server, over one connection as long as that is kept.
pub(super) struct Asker<'a> {
    endpoint: &'a Endpoint,
    line: Option<Box<dyn Line>>,
    /// How long an answer may take.
    patience: Duration,
    /// When the one that is awaited must be whole.
    until: Rc<Cell<Instant>>,
}

trait Line: Read + Write {}
impl<T: Read + Write> Line for T {}

/// What a server answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// All that came, as it came.
    pub(super) bytes: Vec<u8>,
}

impl Answer {
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Itself, if it is one.
    pub(super) fn success(self) -> anyhow::Result<Answer> {
        anyhow::ensure!(
            self.is_success(),
            "the server answered with status {}: {}",
            self.status,
            self.beginning()
        );
        Ok(self)
    }

    /// The beginning of its body, which often says why.
    fn beginning(&self) -> String {
        let body = memchr::memmem::find(&self.bytes, b"\r\n\r\n").map_or(0, |end| end + 4);
        said(&self.bytes[body..])
    }
}

impl<'a> Asker<'a> {
    pub(super) fn new(endpoint: &'a Endpoint) -> Asker<'a> {
        Asker { endpoint, line: None, patience: ANSWER_MAX, until: Rc::new(Cell::new(clock::now())) }
    }

    /// Sends a request and waits for its answer.
    pub(super) fn ask(&mut self, request: &[u8]) -> anyhow::Result<Answer> {
        self.ask_until(request, |_| false)
    }

    /// Likewise, and waits no longer for an answer that goes on: `is_enough` is shown its status and what came.
    pub(super) fn ask_until(
        &mut self,
        request: &[u8],
        is_enough: impl Fn(&Answer) -> bool,
    ) -> anyhow::Result<Answer> {
        self.until.set(clock::now() + self.patience);
        let mut line = match self.line.take() {
            Some(line) => line,
            None => self.connect()?,
        };
        line.write_all(request).and_then(|()| line.flush()).context("asking the server")?;
        let (mut input, mut buffer) = (Vec::new(), [0; 4 << 10]);
        loop {
            let count = line.read(&mut buffer).context("waiting for the server")?;
            anyhow::ensure!(0 < count, "the server closed without an answer");
            input.extend_from_slice(&buffer[..count]);
            anyhow::ensure!(
                input.len() <= ANSWER_BYTES_MAX,
                "an answer of more than {ANSWER_BYTES_MAX} bytes"
            );
            let (status, end) = look(&input)?;
            let answer = Answer { status: status.unwrap_or(0), bytes: input };
            if let Some(keeps) = end {
                self.line = keeps.then_some(line);
                return Ok(answer);
            }
            if status.is_some() && is_enough(&answer) {
                return Ok(answer);
            }
            input = answer.bytes;
        }
    }

    /// Whether anybody listens there.
    pub(super) fn reach(&self) -> std::io::Result<()> {
        TcpStream::connect_timeout(&self.endpoint.address, ANSWER_MAX).map(drop)
    }

    fn connect(&self) -> anyhow::Result<Box<dyn Line>> {
        let Endpoint { address, tls } = self.endpoint;
        let socket = TcpStream::connect_timeout(address, ANSWER_MAX)
            .with_context(|| format!("connecting to {address}: is the server running?"))?;
        let socket = Limited { socket, until: Rc::clone(&self.until) };
        socket.socket.set_nodelay(true).context("setting up a connection")?;
        Ok(match tls {
            None => Box::new(socket),
            Some(tls) => Box::new(StreamOwned::new(tls.begin()?, socket)),
        })
    }
}

/// A socket whose reads and writes are over at a moment, together: a server that sends a byte now and then holds nobody up.
struct Limited {
    socket: TcpStream,
    until: Rc<Cell<Instant>>,
}

impl Limited {
    fn left(&self) -> io::Result<Duration> {
        let left = self.until.get().saturating_duration_since(clock::now());
        if left.is_zero() { Err(no_answer()) } else { Ok(left) }
    }
}

impl Read for Limited {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(Some(self.left()?))?;
        self.socket.read(buffer).map_err(in_time)
    }
}

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(Some(self.left()?))?;
        self.socket.write(bytes).map_err(in_time)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

fn no_answer() -> io::Error {
    io::Error::new(ErrorKind::TimedOut, format!("it did not answer within {ANSWER_MAX:?}"))
}

/// The system says of a time that is over that it should be tried again.
fn in_time(error: io::Error) -> io::Error {
    let is_over = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
    if is_over { no_answer() } else { error }
}

/// The status, once the head is whole; and whether the connection may be used again, once all is.
fn look(input: &[u8]) -> anyhow::Result<(Option<u16>, Option<bool>)> {
    let (mut reader, mut rest, mut status) = (AnswerReader::new(), input, None);
    loop {
        let mut fields = room();
        match reader.next_part(&mut rest, &mut fields)? {
            None => return Ok((status, None)),
            Some(Part::Head(head)) => status = Some(head.status),
            Some(Part::Body(_)) => {}
            Some(Part::End { keeps }) => return Ok((status, Some(keeps))),
            Some(Part::Upgraded) => anyhow::bail!("the server upgraded what is no upgrade"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_server_that_answers_for_ever_is_not_listened_to_for_ever() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = Endpoint { address: listener.local_addr().unwrap(), tls: None };
        std::thread::spawn(move || {
            let (mut client, _) = listener.accept()?;
            client.write_all(b"HTTP/1.1 200 OK\r\nX: ")?;
            // Long enough that only a limit ends it, and not for ever where there is none.
            for _ in 0..200 {
                client.write_all(b"x")?;
                std::thread::sleep(Duration::from_millis(20));
            }
            io::Result::Ok(())
        });
        let mut asker = Asker { patience: Duration::from_millis(200), ..Asker::new(&endpoint) };
        let Err(error) = asker.ask(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") else { panic!("it never answered") };
        assert!(format!("{error:#}").contains("did not answer within"), "{error:#}");
    }
}
