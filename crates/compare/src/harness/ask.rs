//! Requests while a run is prepared or is over: one after the other, each waited for.

use super::answer::{AnswerReader, Part, room};
use super::tls::Tls;
use anyhow::Context as _;
use rustls::StreamOwned;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

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
        String::from_utf8_lossy(&self.bytes[body..]).chars().take(300).collect()
    }
}

impl<'a> Asker<'a> {
    pub(super) fn new(endpoint: &'a Endpoint) -> Asker<'a> {
        Asker { endpoint, line: None }
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
        socket.set_read_timeout(Some(ANSWER_MAX)).context("setting up a connection")?;
        socket.set_nodelay(true).context("setting up a connection")?;
        Ok(match tls {
            None => Box::new(socket),
            Some(tls) => Box::new(StreamOwned::new(tls.begin()?, socket)),
        })
    }
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
