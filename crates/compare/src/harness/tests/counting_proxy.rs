//! A second count of what followers send and receive, by other means: two threads a connection pump bytes and count them.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;

/// How every request of a follower begins.
const REQUEST: &[u8] = b"GET /v1/stream/";

/// What has passed so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) requests: u64,
    pub(super) sent_bytes: u64,
    pub(super) received_bytes: u64,
    pub(super) connections: u64,
}

#[derive(Debug, Default)]
struct Counters {
    requests: AtomicU64,
    sent_bytes: AtomicU64,
    received_bytes: AtomicU64,
    connections: AtomicU64,
}

/// A proxy; its threads end with their connections, and the one that accepts with the test.
pub(super) struct CountingProxy {
    address: SocketAddr,
    counters: Arc<Counters>,
}

impl CountingProxy {
    pub(super) fn start(to: SocketAddr) -> CountingProxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let counters = Arc::new(Counters::default());
        let shared = Arc::clone(&counters);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                shared.connections.fetch_add(1, SeqCst);
                let Ok(server) = TcpStream::connect(to) else { continue };
                connect(&client, &server, &shared);
            }
        });
        CountingProxy { address, counters }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn counted(&self) -> Counted {
        let Counters { requests, sent_bytes, received_bytes, connections } = &*self.counters;
        let [requests, sent_bytes, received_bytes, connections] =
            [requests, sent_bytes, received_bytes, connections].map(|counter| counter.load(SeqCst));
        Counted { requests, sent_bytes, received_bytes, connections }
    }
}

impl Counted {
    pub(super) fn since(self, before: Counted) -> Counted {
        Counted {
            requests: self.requests - before.requests,
            sent_bytes: self.sent_bytes - before.sent_bytes,
            received_bytes: self.received_bytes - before.received_bytes,
            connections: self.connections - before.connections,
        }
    }
}

fn connect(client: &TcpStream, server: &TcpStream, counters: &Arc<Counters>) {
    for socket in [client, server] {
        socket.set_nodelay(true).unwrap();
    }
    let (up, down) = (Arc::clone(counters), Arc::clone(counters));
    let [client, from_client, server, from_server] =
        [client, client, server, server].map(|socket| socket.try_clone().unwrap());
    thread::spawn(move || {
        let mut tail = Vec::new();
        pump(from_client, server, |bytes| {
            up.sent_bytes.fetch_add(bytes.len() as u64, SeqCst);
            up.requests.fetch_add(begun(&mut tail, bytes), SeqCst);
        });
    });
    thread::spawn(move || {
        pump(from_server, client, |bytes| {
            down.received_bytes.fetch_add(bytes.len() as u64, SeqCst);
        });
    });
}

fn pump(mut from: TcpStream, mut to: TcpStream, mut count: impl FnMut(&[u8])) {
    let mut buffer = [0; 16 << 10];
    while let Ok(bytes @ 1..) = from.read(&mut buffer) {
        count(&buffer[..bytes]);
        if to.write_all(&buffer[..bytes]).is_err() {
            break;
        }
    }
    let _ended = to.shutdown(Shutdown::Write); // The other end may be gone.
}

/// How many requests begin in what came, also where the beginning is cut in two. `tail` is what of the bytes before may belong to one.
fn begun(tail: &mut Vec<u8>, bytes: &[u8]) -> u64 {
    tail.extend_from_slice(bytes);
    let count = tail.windows(REQUEST.len()).filter(|window| *window == REQUEST).count();
    let rest = tail.len().saturating_sub(REQUEST.len() - 1);
    tail.drain(..rest);
    count as u64
}
