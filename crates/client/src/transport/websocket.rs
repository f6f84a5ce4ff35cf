//! WebSocket: one connection, both directions; here it follows one stream.

use super::report::Gone;
use super::{Reporter, Source};
use crate::http_client::root_cause;
use crate::session::Heard;
use crate::{Failure, Malformed, Message, Refusal, Unreachable};
use bytes::Bytes;
use http::{Method, StatusCode};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tidings_model::Start;
use tidings_protocol::websocket::assembler::{self, Assembler, Rules};
use tidings_protocol::websocket::client_message::ClientMessage;
use tidings_protocol::websocket::close_code::CloseCode;
use tidings_protocol::websocket::frame::{Fin, Opcode, close_payload, write_frame};
use tidings_protocol::websocket::handshake::ClientKey;
use tidings_protocol::websocket::input::Input;
use tidings_protocol::websocket::server_message::ServerMessage;
use tidings_protocol::websocket::{Compression, Role, Violation};
use tidings_protocol::{ErrorCode, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

/// How long the goodbye may take.
const GOODBYE_MAX: Duration = Duration::from_secs(1);

/// Connects, subscribes once the session says from where, and tells what comes. When the sender of `starts` is
/// dropped, it says goodbye and ends.
pub(crate) async fn run(source: Source, mut starts: mpsc::Receiver<Start>, reporter: Reporter) {
    let connected = tokio::select! {
        connected = connect(&source) => connected,
        // Nobody subscribes before the first frame: it was given up.
        _given_up = starts.recv() => return,
    };
    let end = match connected {
        Ok(io) => Connection::new(&source, io).follow(&source, starts, &reporter).await,
        Err(failure) => Ok(Heard::Lost(failure)),
    };
    if let Ok(heard) = end {
        let _nobody_listens = reporter.tell(heard).await;
    }
}

async fn connect(source: &Source) -> Result<TokioIo<Upgraded>, Failure> {
    let http = &source.client.http;
    let key = ClientKey::new(rand::random());
    let fields: Vec<_> =
        key.fields().into_iter().map(|(name, value)| (name, HeaderValue::text(value))).collect();
    let response = http.open(http.request(Method::GET, "/v1/ws", &fields, Bytes::new())).await?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(http.whole(response, &mut || {}).await?.into_failure());
    }
    key.verify(response.status().as_u16(), response.headers())
        .map_err(|not_upgraded| Malformed(not_upgraded.to_string()))?;
    let upgraded = hyper::upgrade::on(response).await;
    Ok(TokioIo::new(upgraded.map_err(|error| Unreachable::Broken(root_cause(&error)))?))
}

/// What is read between two turns, at most.
const READ_BYTES: usize = 64 << 10;

/// What one read has brought.
struct Turn {
    heard: Vec<Heard>,
    /// Why there will be no more.
    end: Option<Failure>,
}

struct Connection {
    io: TokioIo<Upgraded>,
    assembler: Assembler,
    rules: Rules,
    outgoing: Vec<u8>,
}

impl Connection {
    fn new(source: &Source, io: TokioIo<Upgraded>) -> Connection {
        let message_bytes_max = source.client.http.options().answer_bytes_max;
        let rules = Rules::new(Role::Client, message_bytes_max);
        Connection { io, assembler: Assembler::new(Compression::None), rules, outgoing: Vec::new() }
    }

    /// Tells what comes, until it ends; then how it ended.
    async fn follow(
        mut self,
        source: &Source,
        mut starts: mpsc::Receiver<Start>,
        reporter: &Reporter,
    ) -> Result<Heard, Gone> {
        let mut incoming = vec![0; READ_BYTES];
        loop {
            tokio::select! {
                // A read that is given up has taken nothing; what is half read is in the assembler.
                read = self.io.read(&mut incoming) => match read {
                    Ok(0) => return Ok(Heard::lost(Unreachable::Ended)),
                    Ok(count) => {
                        let Turn { heard, end } = self.on_bytes(&mut incoming[..count]);
                        reporter.tell_bytes();
                        let flushed = self.flush().await;
                        for heard in heard {
                            reporter.tell(heard).await?;
                        }
                        if let Some(failure) = end.or(flushed.err().map(Failure::from)) {
                            return Ok(Heard::Lost(failure));
                        }
                    }
                    Err(error) => return Ok(Heard::lost(Unreachable::Broken(error.to_string()))),
                },
                start = starts.recv() => {
                    let Some(start) = start else {
                        self.say_goodbye().await;
                        return Err(Gone);
                    };
                    self.send_text(&ClientMessage::Subscribe { stream: source.name.clone(), start });
                    if let Err(broken) = self.flush().await {
                        return Ok(Heard::lost(broken));
                    }
                }
            }
        }
    }

    /// Closes as RFC 6455 wants it, but does not wait for the answer.
    async fn say_goodbye(&mut self) {
        self.send(Opcode::Close, &close_payload(CloseCode::NORMAL, ""));
        let _too_slow_or_broken = tokio::time::timeout(GOODBYE_MAX, self.flush()).await;
    }

    /// What these bytes say. What has to be answered is then in `outgoing`.
    fn on_bytes(&mut self, bytes: &mut [u8]) -> Turn {
        let mut input = Input::new(bytes);
        let mut heard = Vec::new();
        while let Some(message) = self.assembler.next_message(&self.rules, &mut input) {
            match (self.on_message(message), heard.last_mut()) {
                (Ok(Heard::Bytes), _) => {}
                (Ok(Heard::Messages(mut new)), Some(Heard::Messages(messages))) => messages.append(&mut new),
                (Ok(other), _) => heard.push(other),
                (Err(failure), _) => return Turn { heard, end: Some(failure) },
            }
        }
        Turn { heard, end: None }
    }

    fn on_message(&mut self, message: Result<assembler::Message<'_>, Violation>) -> Result<Heard, Failure> {
        match message {
            Ok(assembler::Message::Text(text)) => meaning(&Bytes::copy_from_slice(text.as_bytes())),
            Ok(assembler::Message::Binary(_)) => Err(Malformed("it sent a binary message".to_owned()).into()),
            Ok(assembler::Message::Pong(_)) => Ok(Heard::Bytes),
            Ok(assembler::Message::Ping(payload)) => {
                self.send(Opcode::Pong, &payload);
                Ok(Heard::Bytes)
            }
            Ok(assembler::Message::Close { code, reason }) => Err(self.on_close(code, &reason)),
            Err(violation) => Err(self.on_violation(violation)),
        }
    }

    fn on_close(&mut self, code: Option<CloseCode>, reason: &str) -> Failure {
        let echo = code.map_or_else(Vec::new, |code| close_payload(code, ""));
        self.send(Opcode::Close, &echo);
        let why = code.map_or_else(|| "without a code".to_owned(), |code| format!("{code} {reason}"));
        Unreachable::Broken(format!("the server closed the WebSocket: {}", why.trim_end())).into()
    }

    fn on_violation(&mut self, violation: Violation) -> Failure {
        self.send(Opcode::Close, &close_payload(violation.code, violation.reason));
        Malformed(violation.to_string()).into()
    }

    fn send_text(&mut self, message: &ClientMessage<'_>) {
        let mut text = Vec::new();
        message.encode(&mut text);
        self.send(Opcode::Text, &text);
    }

    fn send(&mut self, opcode: Opcode, payload: &[u8]) {
        write_frame(&mut self.outgoing, opcode, Fin::Last, Some(rand::random()), payload);
    }

    async fn flush(&mut self) -> Result<(), Unreachable> {
        let result = async {
            self.io.write_all(&self.outgoing).await?;
            self.io.flush().await
        };
        result.await.map_err(|error| Unreachable::Broken(error.to_string()))?;
        self.outgoing.clear();
        Ok(())
    }
}

/// What a message of the server means for the only subscription of this connection.
fn meaning(text: &Bytes) -> Result<Heard, Failure> {
    let message = ServerMessage::parse(text).map_err(|invalid| Malformed(invalid.to_string()))?;
    Ok(match message {
        ServerMessage::Hello(hello) => Heard::Hello { heartbeat: hello.heartbeat },
        ServerMessage::Subscribed { offset, .. } => Heard::At { offset, up_to_date: false },
        ServerMessage::Message { offset, time, data, .. } => {
            Heard::Messages(vec![Message { offset, time, data: data.into() }])
        }
        ServerMessage::Live { offset, .. } => Heard::At { offset, up_to_date: true },
        ServerMessage::Skipped { skip, .. } => Heard::Skipped(skip),
        ServerMessage::Reset { reset, .. } => Heard::Reset(reset),
        ServerMessage::Closed { offset, .. } => Heard::Closed { offset },
        ServerMessage::Drain { within } => Heard::Drain { within },
        ServerMessage::Error { code, .. } if ErrorCode::parse(&code) == Some(ErrorCode::StreamNotFound) => {
            Heard::Missing
        }
        ServerMessage::Error { code, message, retryable, .. } => {
            return Err(Refusal { status: 0, code, detail: message, retryable, retry_after: None }.into());
        }
        ServerMessage::Unsubscribed { .. }
        | ServerMessage::Published { .. }
        | ServerMessage::Heartbeat
        | ServerMessage::Unknown => Heard::Bytes,
    })
}
