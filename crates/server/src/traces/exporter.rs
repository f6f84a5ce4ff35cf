//! The thread that sends spans to a collector: a few at a time, and never in anybody's way.

use super::span::{Span, to_json};
use crate::metrics::Registry;
use crate::settings::OtlpEndpoint;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// How many spans may wait. One more is dropped, and counted.
const WAITING_MAX: usize = 2_048;
/// How many are sent at once, at most, and how long the first of them waits for others.
const AT_ONCE: usize = 512;
const GATHERED_FOR: Duration = Duration::from_millis(500);
/// How long a collector may take for any step of an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Starts the thread. It ends when nobody is left who could send it anything.
pub(super) fn start(endpoint: OtlpEndpoint, registry: Arc<Registry>) -> io::Result<SyncSender<Span>> {
    let (sender, spans) = sync_channel(WAITING_MAX);
    let exporter = Exporter { endpoint, registry, is_failing: false };
    // Not waited for at the end: a collector that is away must not hold a server up that ends.
    let _thread = thread::Builder::new().name("traces".to_owned()).spawn(move || exporter.run(&spans))?;
    Ok(sender)
}

struct Exporter {
    endpoint: OtlpEndpoint,
    registry: Arc<Registry>,
    is_failing: bool,
}

impl Exporter {
    fn run(mut self, spans: &Receiver<Span>) {
        while let Ok(first) = spans.recv() {
            let mut gathered = vec![first];
            let mut is_over = false;
            while gathered.len() < AT_ONCE && !is_over {
                match spans.recv_timeout(GATHERED_FOR) {
                    Ok(span) => gathered.push(span),
                    Err(RecvTimeoutError::Timeout) => break,
                    Err(RecvTimeoutError::Disconnected) => is_over = true,
                }
            }
            self.export(&gathered);
        }
    }

    fn export(&mut self, spans: &[Span]) {
        let count = spans.len() as u64;
        match post(&self.endpoint, &to_json(spans)) {
            Ok(()) => {
                self.is_failing = false;
                self.registry.server.spans_exported.add(count);
            }
            Err(error) => {
                // Said once, not for each batch.
                if !std::mem::replace(&mut self.is_failing, true) {
                    log::warn!("traces can't be sent to {}: {error}", self.endpoint.authority);
                }
                self.registry.server.spans_lost.add(count);
            }
        }
    }
}

fn post(endpoint: &OtlpEndpoint, body: &str) -> io::Result<()> {
    let OtlpEndpoint { authority, path } = endpoint;
    let addresses = authority.to_socket_addrs()?;
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(socket) => return ask(socket, authority, path, body),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn ask(mut socket: TcpStream, authority: &str, path: &str, body: &str) -> io::Result<()> {
    /// Enough for the first line.
    const ANSWER_BYTES: usize = 64;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {authority}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    socket.write_all(head.as_bytes())?;
    socket.write_all(body.as_bytes())?;
    let mut answer = [0; ANSWER_BYTES];
    let mut count = 0;
    while count < ANSWER_BYTES && !answer[..count].contains(&b'\n') {
        match socket.read(&mut answer[count..])? {
            0 => break,
            more => count += more,
        }
    }
    let answer = String::from_utf8_lossy(&answer[..count]);
    let status = answer.split(' ').nth(1).unwrap_or_default();
    if status.starts_with('2') {
        Ok(())
    } else {
        Err(io::Error::other(format!("the collector answers {status:?}")))
    }
}
