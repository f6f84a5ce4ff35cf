//! A WebSocket client: RFC 6455 by hand, for frames that are right and for frames that are wrong.

use crate::Random;
use crate::clock::Deadline;
use crate::http::{Connection, Filled, Request, Response, Wire};
use std::io;
use std::net::SocketAddr;

/// The key and its answer that RFC 6455 uses as an example; a key only has to be 16 bytes.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

const MASKED: u8 = 0x80;
const LENGTH_OF_2_BYTES: u8 = 0x7e;
const LENGTH_OF_8_BYTES: u8 = 0x7f;

/// What the other side sent. Fragments are joined, pings are answered and not shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// A pong.
    Pong(Vec<u8>),
    /// The closing handshake; it was echoed.
    Close(Close),
}

/// How a connection was closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// The close code, if there was one.
    pub code: Option<u16>,
    /// The reason.
    pub reason: String,
}

/// How the question for an upgrade was answered.
#[derive(Debug)]
pub enum Upgrade {
    /// It is one.
    Open(Socket),
    /// Another status than 101.
    Refused(Response),
}

/// An open connection.
#[derive(Debug)]
pub struct Socket {
    wire: Wire,
    masks: Random,
    /// The parts of a message so far, with its opcode.
    parts: Option<(u8, Vec<u8>)>,
}

impl Socket {
    /// Connects and asks for the upgrade.
    pub fn open(address: SocketAddr, target: &str) -> io::Result<Upgrade> {
        Socket::open_with(address, target, "tidings.v1", &[])
    }

    /// The same with this list of subprotocols and more headers.
    pub fn open_with(
        address: SocketAddr,
        target: &str,
        subprotocols: &str,
        headers: &[(&str, &str)],
    ) -> io::Result<Upgrade> {
        let mut connection = Connection::open(address)?;
        let request = Request::get(target)
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Protocol", subprotocols)
            .header("Sec-WebSocket-Key", KEY);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(name, *value));
        connection.send(&request)?;
        let answer =
            connection.upgrade_answer(&request, Deadline::patient())?.ok_or(io::ErrorKind::TimedOut)?;
        if answer.status != 101 {
            return Ok(Upgrade::Refused(answer));
        }
        let is_upgrade = answer.header("sec-websocket-accept") == Some(ACCEPT)
            && answer.header("upgrade").is_some_and(|value| value.eq_ignore_ascii_case("websocket"))
            && answer.header("sec-websocket-protocol").is_none_or(|value| value == "tidings.v1");
        if !is_upgrade {
            return Err(violation(format!("the upgrade was answered with {answer:?}")));
        }
        Ok(Upgrade::Open(Socket { wire: connection.into_wire(), masks: Random::seeded(1), parts: None }))
    }

    /// Connects and upgrades on a server that runs.
    ///
    /// # Panics
    /// When it is refused.
    pub fn expect(address: SocketAddr, target: &str) -> Socket {
        match Socket::open(address, target) {
            Ok(Upgrade::Open(socket)) => socket,
            refused => panic!("{target}: {refused:?}"),
        }
    }

    /// Sends a text message.
    pub fn send_text(&mut self, text: &str) -> io::Result<()> {
        self.send_frame(0x81, text.as_bytes())
    }

    /// Sends a ping.
    pub fn send_ping(&mut self, payload: &[u8]) -> io::Result<()> {
        self.send_frame(0x89, payload)
    }

    /// Sends a close with that code.
    pub fn send_close(&mut self, code: u16) -> io::Result<()> {
        self.send_frame(0x88, &code.to_be_bytes())
    }

    /// Sends one masked frame with that first byte (FIN, reserved bits, opcode).
    pub fn send_frame(&mut self, first: u8, payload: &[u8]) -> io::Result<()> {
        let [.., a, b, c, d] = self.masks.number().to_be_bytes();
        let mask = [a, b, c, d];
        let mut frame = vec![first];
        match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
            (Ok(length @ 0..=125), _) => frame.push(MASKED | length),
            (_, Ok(length)) => {
                frame.push(MASKED | LENGTH_OF_2_BYTES);
                frame.extend(length.to_be_bytes());
            }
            (_, Err(_)) => {
                frame.push(MASKED | LENGTH_OF_8_BYTES);
                frame.extend((payload.len() as u64).to_be_bytes());
            }
        }
        frame.extend(mask);
        frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        self.wire.write(&frame)
    }

    /// The next message, pong or close; `None` when there is none by the deadline.
    pub fn next(&mut self, deadline: Deadline) -> io::Result<Option<Frame>> {
        loop {
            while let Some((first, payload)) = self.take_frame()? {
                if let Some(frame) = self.on_frame(first, payload)? {
                    return Ok(Some(frame));
                }
            }
            match self.wire.fill(deadline)? {
                Filled::More => {}
                Filled::Nothing => return Ok(None),
                Filled::End => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
    }

    /// The next text message as JSON.
    ///
    /// # Panics
    /// When something else comes, or nothing in time.
    pub fn expect_json(&mut self) -> serde_json::Value {
        match self.next(Deadline::patient()) {
            Ok(Some(Frame::Text(text))) => {
                serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
            }
            other => panic!("a text message was expected, but: {other:?}"),
        }
    }

    /// The next whole frame that has arrived: its first byte and its payload.
    fn take_frame(&mut self) -> io::Result<Option<(u8, Vec<u8>)>> {
        let bytes = self.wire.unread();
        let [first, second, rest @ ..] = bytes else { return Ok(None) };
        if second & MASKED != 0 {
            return Err(violation("a masked frame from a server".to_owned()));
        }
        let (length, start) = match second & !MASKED {
            LENGTH_OF_2_BYTES => match rest.first_chunk() {
                Some(length) => (u64::from(u16::from_be_bytes(*length)), 4),
                None => return Ok(None),
            },
            LENGTH_OF_8_BYTES => match rest.first_chunk() {
                Some(length) => (u64::from_be_bytes(*length), 10),
                None => return Ok(None),
            },
            length => (u64::from(length), 2),
        };
        let length = usize::try_from(length).map_err(|_| violation(format!("a frame of {length} bytes")))?;
        let Some(payload) = bytes.get(start..start + length) else { return Ok(None) };
        let frame = (*first, payload.to_vec());
        self.wire.consume(start + length);
        Ok(Some(frame))
    }

    fn on_frame(&mut self, first: u8, payload: Vec<u8>) -> io::Result<Option<Frame>> {
        let is_last = first & 0x80 != 0;
        match (first & 0x7f, self.parts.take()) {
            (opcode @ (1 | 2), None) => self.on_part(opcode, payload, is_last),
            (0, Some((opcode, parts))) => self.on_part(opcode, [parts, payload].concat(), is_last),
            (opcode @ (8..=10), parts) if is_last && payload.len() <= 125 => {
                self.parts = parts;
                self.on_control(opcode, payload)
            }
            _ => Err(violation(format!("a frame that begins with {first:#x}"))),
        }
    }

    fn on_part(&mut self, opcode: u8, bytes: Vec<u8>, is_last: bool) -> io::Result<Option<Frame>> {
        if !is_last {
            self.parts = Some((opcode, bytes));
            return Ok(None);
        }
        if opcode == 2 {
            return Ok(Some(Frame::Binary(bytes)));
        }
        let text = String::from_utf8(bytes).map_err(|error| violation(format!("text: {error}")))?;
        Ok(Some(Frame::Text(text)))
    }

    fn on_control(&mut self, opcode: u8, payload: Vec<u8>) -> io::Result<Option<Frame>> {
        match opcode {
            8 => {
                let _echoed = self.send_frame(0x88, &payload); // The other side may be gone already.
                let code = payload.first_chunk().map(|bytes| u16::from_be_bytes(*bytes));
                let reason = String::from_utf8_lossy(payload.get(2..).unwrap_or_default()).into_owned();
                Ok(Some(Frame::Close(Close { code, reason })))
            }
            9 => {
                self.send_frame(0x8a, &payload)?;
                Ok(None)
            }
            _ => Ok(Some(Frame::Pong(payload))),
        }
    }
}

fn violation(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
