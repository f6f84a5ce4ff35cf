//! A TCP proxy that breaks connections on purpose.

use crate::clock::pause;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What happens to what the server says. What the client says always passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It passes.
    None,
    /// Each part is held back for a while.
    Delay(Duration),
    /// It is taken from the server and never reaches the client.
    Swallow,
    /// After so many bytes of it the connection ends in good order.
    CutAfter(usize),
    /// After so many bytes of it the connection is reset. With 0 the server has written an answer that the client never sees.
    ResetAfter(usize),
}

/// A proxy in front of one server.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    server: SocketAddr,
    fault: Mutex<Fault>,
    ended: AtomicBool,
    broken: AtomicUsize,
    streams: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// Starts one that passes everything.
    ///
    /// # Panics
    /// When there is no free port.
    pub fn start(server: SocketAddr) -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let shared = Arc::new(Shared {
            server,
            fault: Mutex::new(Fault::None),
            ended: AtomicBool::new(false),
            broken: AtomicUsize::new(0),
            streams: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || accept(&listener, &accepting));
        Proxy { address, shared }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on this happens, on open connections as well.
    pub fn set(&self, fault: Fault) {
        *lock(&self.shared.fault) = fault;
    }

    /// How many connections it has cut or reset.
    pub fn broken(&self) -> usize {
        self.shared.broken.load(Ordering::SeqCst)
    }

    /// Ends all open connections.
    pub fn cut_all(&self) {
        for stream in lock(&self.shared.streams).drain(..) {
            let _shut = stream.shutdown(Shutdown::Both); // It may have ended by itself.
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.cut_all();
        drop(TcpStream::connect(self.address)); // Wakes the listener, which then sees that it has ended.
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        if shared.ended.load(Ordering::SeqCst) {
            return;
        }
        if let Ok(client) = client {
            let _refused = connect(&client, shared); // The server may be down: the client sees an end.
        }
    }
}

fn connect(client: &TcpStream, shared: &Arc<Shared>) -> io::Result<()> {
    let server = TcpStream::connect(shared.server)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    lock(&shared.streams).extend([client.try_clone()?, server.try_clone()?]);
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    std::thread::spawn(move || {
        let _copied = io::copy(&mut from_client, &mut to_server); // Either side may end it at any time.
        let _shut = to_server.shutdown(Shutdown::Write);
    });
    let (client, shared) = (client.try_clone()?, Arc::clone(shared));
    std::thread::spawn(move || {
        let _passed = pass_answers(&server, &client, &shared);
        let _shut = server.shutdown(Shutdown::Both);
        let _shut = client.shutdown(Shutdown::Both);
    });
    Ok(())
}

/// Passes what the server says to the client, as the fault of the moment wants it.
fn pass_answers(mut server: &TcpStream, mut client: &TcpStream, shared: &Shared) -> io::Result<()> {
    let mut part = vec![0; 64 * 1024];
    let mut passed = 0;
    loop {
        let count = server.read(&mut part)?;
        if count == 0 {
            return Ok(());
        }
        let fault = *lock(&shared.fault);
        let (allowed, breaks) = match fault {
            Fault::None => (count, false),
            Fault::Delay(delay) => {
                pause(delay);
                (count, false)
            }
            Fault::Swallow => (0, false),
            Fault::CutAfter(bytes) | Fault::ResetAfter(bytes) => {
                let allowed = bytes.saturating_sub(passed);
                (allowed.min(count), allowed <= count)
            }
        };
        client.write_all(&part[..allowed])?;
        passed += allowed;
        if breaks {
            shared.broken.fetch_add(1, Ordering::SeqCst);
            return if matches!(fault, Fault::ResetAfter(_)) { reset(client) } else { Ok(()) };
        }
    }
}

/// Resets the connection, although other handles of it are open: that is what dissolving the association does on Linux.
fn reset(client: &TcpStream) -> io::Result<()> {
    Ok(rustix::net::connect_unspec(client)?)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Deadline;
    use crate::http::{Connection, Request};

    /// Answers every connection with the same bytes, once something was asked.
    fn answering(answer: &'static [u8]) -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let mut open = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _count = stream.read(&mut [0; 1024]).unwrap();
                stream.write_all(answer).unwrap();
                open.push(stream);
            }
        });
        address
    }

    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

    fn ask(proxy: &Proxy) -> io::Result<String> {
        let mut connection = Connection::open(proxy.address())?;
        connection
            .ask(&Request::get("/"), Deadline::after(Duration::from_secs(5)))
            .map(|answer| answer.text())
    }

    #[test]
    fn a_reset_comes_after_the_answer_was_written_and_before_it_arrives() {
        let proxy = Proxy::start(answering(ANSWER));
        assert_eq!(ask(&proxy).unwrap(), "ok");
        proxy.set(Fault::ResetAfter(0));
        assert_eq!(ask(&proxy).unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(proxy.broken(), 1);
        proxy.set(Fault::None);
        assert_eq!(ask(&proxy).unwrap(), "ok");
    }

    #[test]
    fn a_cut_is_an_end_in_good_order() {
        let proxy = Proxy::start(answering(ANSWER));
        proxy.set(Fault::CutAfter(ANSWER.len() - 1));
        assert_eq!(ask(&proxy).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn swallowed_answers_never_arrive() {
        let proxy = Proxy::start(answering(ANSWER));
        proxy.set(Fault::Swallow);
        let mut connection = Connection::open(proxy.address()).unwrap();
        let wait = Deadline::after(Duration::from_millis(100));
        assert_eq!(connection.ask(&Request::get("/"), wait).unwrap_err().kind(), io::ErrorKind::TimedOut);
        proxy.set(Fault::Delay(Duration::from_millis(20)));
        assert_eq!(ask(&proxy).unwrap(), "ok");
    }
}
