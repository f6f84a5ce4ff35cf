//! A server that is running, and how to speak to it.

use super::answer::{AnswerReader, Part, room};
use super::child::{Child, Program};
use super::dialect::{Dialect, Place, Tidings};
use super::usage;
use anyhow::Context as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// How long a server may take for one answer while a run is prepared.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// A server that is running, and how to speak to it.
#[derive(Debug)]
pub(crate) struct Site {
    /// Where followers connect.
    pub(crate) address: SocketAddr,
    /// Where messages are published: at the server itself, also when followers go through a proxy.
    pub(crate) publisher_address: SocketAddr,
    pub(crate) dialect: Arc<dyn Dialect>,
    /// The server, where it is our own.
    pub(crate) child: Option<Child>,
}

impl Site {
    /// Starts a server of our own over a fresh folder. Streams are made with that durability, where one is given.
    pub(crate) fn start_own(program: &Program, durability: Option<String>) -> anyhow::Result<Site> {
        let child = Child::start(program)?;
        let address = child.address();
        let dialect = Tidings { authority: address.to_string(), base_path: String::new(), durability };
        Ok(Site { address, publisher_address: address, dialect: Arc::new(dialect), child: Some(child) })
    }

    /// How it is spoken to.
    pub(crate) fn dialect(&self) -> &dyn Dialect {
        &*self.dialect
    }

    /// Processor time of the server so far, where it is known.
    pub(super) fn cpu(&self) -> Option<Duration> {
        usage::cpu_of(self.child.as_ref()?.process_id())
    }

    /// Memory of the server now, where it is known.
    pub(super) fn memory_bytes(&self) -> Option<u64> {
        usage::memory_bytes(self.child.as_ref()?.process_id())
    }

    /// Processor time of the proxy that followers go through.
    #[expect(clippy::unused_self, reason = "there is no proxy yet")]
    pub(super) fn proxy_cpu(&self) -> Duration {
        Duration::ZERO
    }

    /// Makes streams. Returns where followers of each begin.
    pub(super) fn create(&self, streams: &[String]) -> anyhow::Result<Vec<Place>> {
        let mut places = vec![Place::default(); streams.len()];
        let mut line = None;
        for (stream, place) in streams.iter().zip(&mut places) {
            let mut request = Vec::new();
            self.dialect.create(stream, &mut request);
            if !request.is_empty() {
                let answer =
                    self.ask(&mut line, &request).with_context(|| format!("making the stream {stream}"))?;
                let mut fields = room();
                if let Some(Part::Head(head)) =
                    AnswerReader::new().next_part(&mut &answer[..], &mut fields)?
                {
                    self.dialect.start(head.fields, place);
                }
            }
        }
        Ok(places)
    }

    /// Removes the streams of a run from a server that goes on; one of our own ends with its folder.
    pub(super) fn remove(&self, streams: &[String]) -> anyhow::Result<()> {
        let mut line = None;
        for stream in streams.iter().filter(|_| self.child.is_none()) {
            let mut request = Vec::new();
            self.dialect.remove(stream, &mut request);
            if !request.is_empty() {
                self.ask(&mut line, &request).with_context(|| format!("removing the stream {stream}"))?;
            }
        }
        Ok(())
    }

    /// Sends a request and waits for its answer, which must be a success. Returns the head.
    fn ask(&self, line: &mut Option<TcpStream>, request: &[u8]) -> anyhow::Result<Vec<u8>> {
        let mut socket = match line.take() {
            Some(socket) => socket,
            None => TcpStream::connect_timeout(&self.publisher_address, ANSWER_MAX)
                .with_context(|| format!("connecting to {}", self.publisher_address))?,
        };
        socket.set_read_timeout(Some(ANSWER_MAX)).context("setting up a connection")?;
        socket.write_all(request).context("asking the server")?;
        let (mut input, mut buffer) = (Vec::new(), [0; 4 << 10]);
        loop {
            let count = socket.read(&mut buffer).context("waiting for the server")?;
            anyhow::ensure!(0 < count, "the server closed without an answer");
            input.extend_from_slice(&buffer[..count]);
            if let Some(keeps) = whole(&input)? {
                *line = keeps.then_some(socket);
                return Ok(input);
            }
        }
    }
}

/// Whether an answer is whole, and then whether its connection may be used again.
fn whole(input: &[u8]) -> anyhow::Result<Option<bool>> {
    let (mut reader, mut rest) = (AnswerReader::new(), input);
    loop {
        let mut fields = room();
        match reader.next_part(&mut rest, &mut fields)? {
            None => return Ok(None),
            Some(Part::Head(head)) => {
                let is_success = (200..300).contains(&head.status);
                anyhow::ensure!(is_success, "the server answered with status {}", head.status);
            }
            Some(Part::Body(_)) => {}
            Some(Part::End { keeps }) => return Ok(Some(keeps)),
            Some(Part::Upgraded) => anyhow::bail!("the server upgraded what is no upgrade"),
        }
    }
}
