//! A server that does what a test says, one exchange at a time.

use tidings_client::{Client, ClientOptions};
use tidings_protocol::websocket::assembler::{Assembler, Message, Rules};
use tidings_protocol::websocket::close_code::CloseCode;
use tidings_protocol::websocket::frame::{Fin, Opcode, write_frame};
use tidings_protocol::websocket::handshake::Accept;
use tidings_protocol::websocket::input::Input;
use tidings_protocol::websocket::{Compression, Role};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The incarnation of the stream that all tests follow.
const INCARNATION: &str = "0000000000000abc";

/// The token of a place.
pub(crate) fn token(index: u64) -> String {
    format!("{INCARNATION}_{index:016}")
}

/// The envelopes of the messages between two places: JSON numbers.
pub(crate) fn envelopes(after: u64, to: u64) -> String {
    let one = |index: u64| {
        format!(r#"{{"offset":"{}","time":"2026-11-23T10:00:00.000Z","data":{index}}}"#, token(index))
    };
    format!("[{}]", (after + 1..=to).map(one).collect::<Vec<_>>().join(","))
}

/// A page of those messages, up to the tail.
pub(crate) fn page(after: u64, to: u64) -> String {
    let headers =
        format!("Stream-Next-Offset: {}\r\nStream-Up-To-Date: true\r\nETag: \"t{to}\"\r\n", token(to));
    answer("200 OK", &headers, &envelopes(after, to))
}

/// The frame of the message before a place: a JSON number.
pub(crate) fn message_frame(index: u64) -> String {
    frame("message", index, &format!(r#","time":"2026-11-23T10:00:00.000Z","data":{index}"#))
}

/// A frame about the stream: its type, a place, and further members.
pub(crate) fn frame(kind: &str, index: u64, members: &str) -> String {
    format!(r#"{{"type":"{kind}","stream":"a/b","offset":"{}"{members}}}"#, token(index))
}

/// The answer to a poll or a long poll of many streams, up to the tail.
pub(crate) fn frames(frames: &[String]) -> String {
    answer("200 OK", "Stream-Up-To-Date: true\r\n", &format!("[{}]", frames.join(",")))
}

/// The same with the messages between two places.
pub(crate) fn messages(after: u64, to: u64) -> String {
    frames(&(after + 1..=to).map(message_frame).collect::<Vec<_>>())
}

/// A whole answer, after which the connection is closed.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n{body}")
}

/// A refusal as the protocol has it.
pub(crate) fn problem(status: &str, headers: &str, code: &str) -> String {
    let body = format!(r#"{{"code":"{code}","detail":"because","retryable":{}}}"#, status.starts_with("503"));
    answer(status, &format!("Content-Type: application/problem+json\r\n{headers}"), &body)
}

/// A listener on a free port.
pub(crate) struct Peer {
    listener: TcpListener,
}

impl Peer {
    pub(crate) async fn bind() -> Peer {
        Peer { listener: TcpListener::bind("127.0.0.1:0").await.expect("a free port") }
    }

    /// A client of this peer.
    pub(crate) fn client(&self) -> Client {
        self.client_with(ClientOptions::default())
    }

    /// The same with options.
    pub(crate) fn client_with(&self, options: ClientOptions) -> Client {
        let address = self.listener.local_addr().expect("it is bound");
        Client::with_options(&format!("http://{address}"), options).expect("a URL")
    }

    /// The next request. Its connection is cut when it is dropped.
    pub(crate) async fn request(&self) -> Request {
        let (mut socket, _) = self.listener.accept().await.expect("a connection");
        let mut bytes = Vec::new();
        let head_end = loop {
            if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            assert_ne!(socket.read_buf(&mut bytes).await.expect("bytes"), 0, "the request ended in its head");
        };
        let mut body = bytes.split_off(head_end);
        let head = String::from_utf8(bytes).expect("a head of text");
        let mut request = Request { socket, line: String::new(), headers: Vec::new(), body: String::new() };
        let mut lines = head.trim_end().lines();
        lines.next().expect("a request line").clone_into(&mut request.line);
        request.headers = lines
            .map(|line| line.split_once(": ").expect("a header"))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let length = request.header("content-length").map_or(0, |text| text.parse().expect("a length"));
        while body.len() < length {
            assert_ne!(
                request.socket.read_buf(&mut body).await.expect("bytes"),
                0,
                "the request ended in its body"
            );
        }
        request.body = String::from_utf8(body).expect("a body of text");
        request
    }

    /// Answers the next request; gives its first line.
    pub(crate) async fn answer(&self, answer: &str) -> Request {
        let mut request = self.request().await;
        request.send(answer).await;
        request
    }

    /// Upgrades the next request.
    pub(crate) async fn websocket(&self) -> WebSocket {
        let mut request = self.request().await;
        let accept = Accept::check(&request.headers[..]).expect("an upgrade");
        request.send("HTTP/1.1 101 Switching Protocols\r\n").await;
        for (name, value) in accept.fields() {
            request.send(&format!("{name}: {value}\r\n")).await;
        }
        request.send("\r\n").await;
        WebSocket { request, assembler: Assembler::new(Compression::None) }
    }
}

/// A request, and the connection it came over.
pub(crate) struct Request {
    socket: TcpStream,
    pub(crate) line: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Sends bytes as they are.
    pub(crate) async fn send(&mut self, text: &str) {
        self.socket.write_all(text.as_bytes()).await.expect("the client is there");
    }
}

/// The server's end of a WebSocket.
pub(crate) struct WebSocket {
    request: Request,
    assembler: Assembler,
}

impl WebSocket {
    /// A field of the request that was upgraded.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.request.header(name)
    }

    /// The request that was upgraded.
    pub(crate) fn line(&self) -> &str {
        &self.request.line
    }

    /// Sends a text message.
    pub(crate) async fn send(&mut self, text: &str) {
        self.send_frame(Opcode::Text, text.as_bytes()).await;
    }

    /// Sends any frame.
    pub(crate) async fn send_frame(&mut self, opcode: Opcode, payload: &[u8]) {
        let mut frame = Vec::new();
        write_frame(&mut frame, opcode, Fin::Last, None, payload);
        self.request.socket.write_all(&frame).await.expect("the client is there");
    }

    /// Sends the first frame.
    pub(crate) async fn hello(&mut self) {
        self.send(r#"{"type":"hello","heartbeat":25,"max_message_bytes":8388608,"max_streams":1000}"#).await;
    }

    /// Sends a frame about the stream: its type, a place, and further members.
    pub(crate) async fn tell(&mut self, kind: &str, index: u64, members: &str) {
        self.send(&frame(kind, index, members)).await;
    }

    /// Sends the message before a place.
    pub(crate) async fn message(&mut self, index: u64) {
        self.send(&message_frame(index)).await;
    }

    /// The next message of the client, as text: of a ping or close its payload after its kind.
    pub(crate) async fn receive(&mut self) -> String {
        let rules = Rules::new(Role::Server, 1 << 20);
        let mut bytes = Vec::new();
        loop {
            assert_ne!(
                self.request.socket.read_buf(&mut bytes).await.expect("bytes"),
                0,
                "the client has gone"
            );
            if let Some(message) = self.assembler.next_message(&rules, &mut Input::new(&mut bytes)) {
                return match message.expect("frames as they should be") {
                    Message::Text(text) => text.into_owned(),
                    Message::Pong(payload) => format!("pong {}", String::from_utf8_lossy(&payload)),
                    Message::Close { code, .. } => format!("close {:?}", code.map(CloseCode::to_number)),
                    other @ (Message::Binary(_) | Message::Ping(_)) => panic!("{other:?}"),
                };
            }
            bytes.clear();
        }
    }
}
