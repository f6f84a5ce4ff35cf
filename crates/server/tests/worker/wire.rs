//! One connection to the server, seen byte by byte.

use rustix::net::sockopt::set_socket_linger;
use rustix::net::{AddressFamily, SocketType, bind, socket};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;
use tidings_testkit::{PATIENCE, Server};

/// The opcodes of RFC 6455 that the tests speak of.
pub(crate) const TEXT: u8 = 1;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// A TCP connection, its TLS if it has any, and what has arrived on it.
#[derive(Debug)]
pub(crate) struct Wire {
    socket: TcpStream,
    tls: Option<Box<ClientConnection>>,
    arrived: Vec<u8>,
}

/// An answer to an HTTP/1 request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The status line and the fields, as they came.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The value of the first field of that name.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The `code` of a problem; empty when the answer is none.
    pub(crate) fn code(&self) -> String {
        let problem: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        problem["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl Wire {
    pub(crate) fn connect(server: &Server) -> Wire {
        Wire::of(connected(server.address()))
    }

    /// Over TLS, with what the client is told.
    pub(crate) fn secured_with(server: &Server, config: &Arc<ClientConfig>) -> Wire {
        Wire::secured_as(server, config, "localhost")
    }

    /// The same to a host of that name.
    pub(crate) fn secured_as(server: &Server, config: &Arc<ClientConfig>, name: &str) -> Wire {
        Wire::secured_at(server.secured_address(), config, name)
    }

    /// The same to whoever listens there.
    pub(crate) fn secured_at(address: SocketAddr, config: &Arc<ClientConfig>, name: &str) -> Wire {
        let name = ServerName::try_from(name.to_owned()).expect("it is the name of a host");
        let tls = ClientConnection::new(Arc::clone(config), name).expect("the configuration is complete");
        let mut wire = Wire::of(connected(address));
        wire.tls = Some(Box::new(tls));
        wire
    }

    /// Over TLS, in one go.
    pub(crate) fn secured(server: &Server) -> Wire {
        Wire::secured_with(server, &server.authority().client_config(None))
    }

    /// The state of its TLS.
    pub(crate) fn tls(&mut self) -> &mut ClientConnection {
        self.tls.as_mut().expect("it is secured")
    }

    /// From that address, which is one of this machine's: the whole of `127.0.0.0/8` is.
    pub(crate) fn connect_from(server: &Server, address: &str) -> Wire {
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("the system has a socket");
        let address: IpAddr = address.parse().expect("it is an address");
        bind(&socket, &SocketAddr::new(address, 0)).expect("it is an address of this machine");
        rustix::net::connect(&socket, &server.address()).expect("the server accepts");
        let socket = TcpStream::from(socket);
        socket.set_nodelay(true).expect("a socket has this option");
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket has this option");
        socket.set_write_timeout(Some(PATIENCE)).expect("a socket has this option");
        Wire::of(socket)
    }

    /// Its own port.
    pub(crate) fn port(&self) -> u16 {
        self.socket.local_addr().expect("it is connected").port()
    }

    /// A connection that somebody else has made.
    pub(crate) fn of(socket: TcpStream) -> Wire {
        Wire { socket, tls: None, arrived: Vec::new() }
    }

    /// Connects, and upgrades to a WebSocket; the target names the stream and where to begin.
    pub(crate) fn upgraded(server: &Server, target: &str) -> Wire {
        Wire::connect(server).upgrade(target)
    }

    /// Upgrades this one.
    pub(crate) fn upgrade(mut self, target: &str) -> Wire {
        self.send(crate::requests::upgrade(target));
        assert_eq!(self.answer().status, 101);
        self
    }

    pub(crate) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes.as_ref()).expect("the server reads");
    }

    /// The same to a server that may have gone.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match &mut self.tls {
            None => self.socket.write_all(bytes),
            Some(tls) => rustls::Stream::new(&mut **tls, &mut self.socket).write_all(bytes),
        }
    }

    /// Each byte in a packet of its own.
    pub(crate) fn send_byte_by_byte(&mut self, bytes: impl AsRef<[u8]>) {
        for byte in bytes.as_ref() {
            self.send([*byte]);
        }
    }

    /// A masked frame with FIN set.
    pub(crate) fn send_frame(&mut self, opcode: u8, payload: &[u8]) {
        self.send(frame(opcode, payload));
    }

    /// Asks, and waits for the answer.
    pub(crate) fn ask(&mut self, request: impl AsRef<[u8]>) -> Answer {
        self.send(request);
        self.answer()
    }

    /// Asks; `None` where the connection ends before it is answered.
    pub(crate) fn try_ask(&mut self, request: impl AsRef<[u8]>) -> Option<Answer> {
        let _refused = self.socket.write_all(request.as_ref());
        while !self.arrived.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
            if !self.fill() {
                return None;
            }
        }
        Some(self.answer())
    }

    /// Waits for the end, with a reset too.
    ///
    /// # Panics
    /// When anything comes before it.
    pub(crate) fn expect_end_of_any_kind(&mut self) {
        assert!(!self.fill(), "{:?}", String::from_utf8_lossy(&self.arrived));
    }

    /// Asks, and tells the status and the code of the answer.
    pub(crate) fn answer_to(&mut self, request: &str) -> (u16, String) {
        let answer = self.ask(request);
        (answer.status, answer.code())
    }

    /// The next answer, to anything but a HEAD.
    pub(crate) fn answer(&mut self) -> Answer {
        let mut answer = self.head();
        let is_empty = matches!(answer.status, 100 | 101 | 204 | 304);
        answer.body = match (answer.field("content-length"), answer.field("transfer-encoding")) {
            (Some(length), _) if !is_empty => {
                let length = length.parse().expect("a length is a number");
                self.take(length)
            }
            (None, Some("chunked")) if !is_empty => self.chunks(),
            _ => Vec::new(),
        };
        answer
    }

    /// The next answer without its body: to a HEAD, or of a response that goes on.
    pub(crate) fn head(&mut self) -> Answer {
        let head = self.take_until(b"\r\n\r\n");
        let head = String::from_utf8(head).expect("a head is text");
        let status = head.get(9..12).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status: {head}"));
        Answer { status, head, body: Vec::new() }
    }

    fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let chunk = self.chunk();
            if chunk.is_empty() {
                return body;
            }
            body.extend(chunk);
        }
    }

    /// The next chunk; empty for the last one.
    pub(crate) fn chunk(&mut self) -> Vec<u8> {
        let line = String::from_utf8(self.take_until(b"\r\n")).expect("a size is text");
        let size = usize::from_str_radix(line.trim(), 16).unwrap_or_else(|_| panic!("no size: {line:?}"));
        let mut chunk = self.take(size + 2);
        assert_eq!(chunk.split_off(size), b"\r\n");
        chunk
    }

    /// Chunks of an SSE response until one holds `text`; all that came.
    pub(crate) fn events_until(&mut self, text: &str) -> String {
        let mut events = String::new();
        while !events.contains(text) {
            let chunk = self.chunk();
            assert!(!chunk.is_empty(), "the response ended before {text:?}: {events}");
            events.push_str(&String::from_utf8(chunk).expect("events are text"));
        }
        events
    }

    /// The next frame: its opcode and payload.
    pub(crate) fn frame(&mut self) -> (u8, Vec<u8>) {
        let (first, payload) = self.any_frame();
        assert_eq!(first & 0xf0, 0x80, "whole frames only, no reserved bits");
        (first & 0x0f, payload)
    }

    /// The next frame: its first byte, which has reserved bits too, and its payload as it came.
    pub(crate) fn any_frame(&mut self) -> (u8, Vec<u8>) {
        let head = self.take(2);
        let length = match head[1] {
            126 => self.take(2).into_iter().fold(0, |length, byte| length << 8 | usize::from(byte)),
            127 => self.take(8).into_iter().fold(0, |length, byte| length << 8 | usize::from(byte)),
            length => usize::from(length),
        };
        (head[0], self.take(length))
    }

    /// Frames until a text with that `type`; pings are answered on the way.
    pub(crate) fn message(&mut self, kind: &str) -> serde_json::Value {
        loop {
            match self.frame() {
                (TEXT, text) => {
                    let value: serde_json::Value = serde_json::from_slice(&text).expect("texts are JSON");
                    if value["type"] == kind {
                        return value;
                    }
                }
                (PING, payload) => self.send_frame(PONG, &payload),
                (CLOSE, payload) => panic!("closed while waiting for {kind}: {payload:?}"),
                _ => {}
            }
        }
    }

    /// Frames until the close; its code.
    pub(crate) fn close_code(&mut self) -> u16 {
        loop {
            if let (CLOSE, payload) = self.frame() {
                return u16::from_be_bytes([payload[0], payload[1]]);
            }
        }
    }

    /// No more requests from here; answers still come.
    pub(crate) fn half_close(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            while tls.wants_write() {
                tls.write_tls(&mut self.socket).expect("the server reads");
            }
        }
        self.socket.shutdown(Shutdown::Write).expect("the connection is open");
    }

    /// Ends with a reset.
    pub(crate) fn reset(self) {
        set_socket_linger(&self.socket, Some(Duration::ZERO)).expect("a socket has this option");
    }

    /// Everything up to the end of the connection.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        while self.fill() {}
        std::mem::take(&mut self.arrived)
    }

    /// Waits for the next byte, or for the end; whether it was the end.
    pub(crate) fn is_at_end(&mut self) -> bool {
        self.arrived.is_empty() && !self.fill()
    }

    /// # Panics
    /// When anything but the end comes.
    pub(crate) fn expect_end(&mut self) {
        assert_eq!(String::from_utf8_lossy(&self.rest()), "");
    }

    /// Bytes up to the end of that mark, which is taken too.
    pub(crate) fn take_until(&mut self, mark: &[u8]) -> Vec<u8> {
        let mut from = 0;
        loop {
            let found = self.arrived[from..].windows(mark.len()).position(|bytes| bytes == mark);
            if let Some(at) = found {
                return self.take(from + at + mark.len());
            }
            from = self.arrived.len().saturating_sub(mark.len() - 1);
            self.expect_more();
        }
    }

    pub(crate) fn take(&mut self, count: usize) -> Vec<u8> {
        while self.arrived.len() < count {
            self.expect_more();
        }
        let rest = self.arrived.split_off(count);
        std::mem::replace(&mut self.arrived, rest)
    }

    /// Whether so many bytes still come before the end.
    pub(crate) fn has_more(&mut self, count: usize) -> bool {
        while self.arrived.len() < count {
            if !self.fill() {
                return false;
            }
        }
        true
    }

    fn expect_more(&mut self) {
        let more = self.fill();
        assert!(more, "the connection ended after {:?}", String::from_utf8_lossy(&self.arrived));
    }

    /// Reads once; says whether there may be more.
    fn fill(&mut self) -> bool {
        let before = self.arrived.len();
        self.arrived.resize(before + (64 << 10), 0);
        let read = match &mut self.tls {
            None => self.socket.read(&mut self.arrived[before..]),
            Some(tls) => rustls::Stream::new(&mut **tls, &mut self.socket).read(&mut self.arrived[before..]),
        };
        self.arrived.truncate(before + read.as_ref().map_or(0, |count| *count));
        match read {
            Ok(count) => 0 < count,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&self.arrived[..before])),
        }
    }
}

fn connected(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).expect("the server accepts");
    socket.set_nodelay(true).expect("a socket has this option");
    socket.set_read_timeout(Some(PATIENCE)).expect("a socket has this option");
    socket.set_write_timeout(Some(PATIENCE)).expect("a socket has this option");
    socket
}

/// A masked frame with FIN set.
pub(crate) fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x5a, 0x01, 0xff, 0x33];
    const MASKED: u8 = 0x80;
    const LENGTH_OF_2_BYTES: u8 = 0x7e;
    const LENGTH_OF_8_BYTES: u8 = 0x7f;
    let mut frame = vec![0x80 | opcode];
    match u16::try_from(payload.len()) {
        Ok(length @ 0..=125) => frame.push(MASKED | length.to_be_bytes()[1]),
        Ok(length) => {
            frame.push(MASKED | LENGTH_OF_2_BYTES);
            frame.extend(length.to_be_bytes());
        }
        Err(_) => {
            frame.push(MASKED | LENGTH_OF_8_BYTES);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend(MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}
