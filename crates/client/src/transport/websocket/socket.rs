//! A WebSocket that is open: frames in, frames out, at the same time.

use super::post::{PostBox, Said, Unanswered};
use crate::session::Heard;
use crate::transport::frames::parse_frame;
use crate::transport::report::{Gone, Reporter};
use crate::{ClientOptions, Failure, Malformed, Token, Unreachable};
use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use std::io;
use std::time::Duration;
use tidings_protocol::websocket::assembler::{self, Assembler, Rules};
use tidings_protocol::websocket::client_message::ClientMessage;
use tidings_protocol::websocket::close_code::CloseCode;
use tidings_protocol::websocket::frame::{Fin, Opcode, close_payload, write_frame};
use tidings_protocol::websocket::input::Input;
use tidings_protocol::websocket::server_message::ServerMessage;
use tidings_protocol::websocket::{Compression, Role, Violation};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};

/// How long the goodbye may take.
const GOODBYE_MAX: Duration = Duration::from_secs(1);

/// What is read between two turns, at most.
const READ_BYTES: usize = 64 << 10;

/// How much is made ready to be written before what is ready is written.
const READY_BYTES: usize = 64 << 10;

/// A peer that wants more answers than this and doesn't take them is not read any more.
const ANSWERS_BYTES_MAX: usize = 1 << 20;

/// An open WebSocket.
pub(super) struct Socket {
    reading: ReadHalf<TokioIo<Upgraded>>,
    writing: Outgoing<WriteHalf<TokioIo<Upgraded>>>,
    incoming: Incoming,
}

/// What one read has brought.
struct Turn {
    frames: Vec<ServerMessage>,
    /// Why there will be no more.
    end: Option<Failure>,
}

impl Socket {
    pub(super) fn new(io: TokioIo<Upgraded>, options: &ClientOptions) -> Socket {
        let (reading, writing) = tokio::io::split(io);
        let incoming = Incoming {
            assembler: Assembler::new(Compression::None),
            rules: Rules::new(Role::Client, options.answer_bytes_max),
            unanswered: Unanswered::default(),
            token: options.token.clone().filter(Token::is_asked),
        };
        Socket {
            reading,
            writing: Outgoing { out: writing, ready: Vec::new(), written: 0, is_flushed: true },
            incoming,
        }
    }

    /// Tells what comes, until it ends; then how it ended.
    pub(super) async fn run(mut self, post_box: &PostBox, reporter: &Reporter) -> Result<Failure, Gone> {
        let mut bytes = vec![0; READ_BYTES];
        loop {
            let is_ready = self.writing.is_ready();
            tokio::select! {
                // A read that is given up has taken nothing; what is half read is in the assembler.
                read = self.reading.read(&mut bytes), if self.writing.ready.len() < ANSWERS_BYTES_MAX => {
                    let count = match read {
                        Ok(0) => return Ok(Unreachable::Ended.into()),
                        Ok(count) => count,
                        Err(error) => return Ok(Unreachable::Broken(error.to_string()).into()),
                    };
                    let Turn { frames, end } = self.incoming.on_bytes(&mut bytes[..count], &mut self.writing.ready);
                    if frames.is_empty() {
                        reporter.tell_bytes();
                    } else {
                        reporter.tell(Heard::Frames(frames)).await?;
                    }
                    if let Some(failure) = end {
                        let _too_slow_or_broken = tokio::time::timeout(GOODBYE_MAX, self.writing.write_all()).await;
                        return Ok(failure);
                    }
                }
                // A write that is given up has written nothing; what is half written is counted.
                written = self.writing.write_some(), if is_ready => {
                    if let Err(error) = written {
                        return Ok(Unreachable::Broken(error.to_string()).into());
                    }
                }
                said = post_box.next(), if self.writing.has_room() => match said {
                    Some(said) => self.say_all(said, post_box),
                    None => {
                        self.say_goodbye().await;
                        return Err(Gone);
                    }
                },
            }
        }
    }

    /// Makes what waits ready, as far as there is room.
    fn say_all(&mut self, first: Said, post_box: &PostBox) {
        let mut next = Some(first);
        while let Some(said) = next {
            let message = match said {
                Said::Message(message) => message,
                Said::Publish(publish) => self.incoming.unanswered.name(*publish),
            };
            if message == ClientMessage::Ping {
                // Everybody answers the ping of the WebSocket itself, at once.
                write(&mut self.writing.ready, Opcode::Ping, b"");
            } else {
                let mut text = Vec::new();
                message.encode(&mut text);
                write(&mut self.writing.ready, Opcode::Text, &text);
            }
            next = if self.writing.has_room() { post_box.try_next() } else { None };
        }
    }

    /// Closes as RFC 6455 wants it, but does not wait for the answer.
    async fn say_goodbye(&mut self) {
        write(&mut self.writing.ready, Opcode::Close, &close_payload(CloseCode::NORMAL, ""));
        let _too_slow_or_broken = tokio::time::timeout(GOODBYE_MAX, self.writing.write_all()).await;
    }
}

/// What is to be written, and how much of it is.
struct Outgoing<W> {
    out: W,
    ready: Vec<u8>,
    written: usize,
    /// TLS holds back what does not fill a record until it is told.
    is_flushed: bool,
}

impl<W: AsyncWrite + Unpin> Outgoing<W> {
    /// Whether there is something to do.
    fn is_ready(&self) -> bool {
        !self.is_flushed || self.written < self.ready.len()
    }

    fn has_room(&self) -> bool {
        self.ready.len() < READY_BYTES
    }

    async fn write_some(&mut self) -> io::Result<()> {
        if self.written < self.ready.len() {
            let count = self.out.write(&self.ready[self.written..]).await?;
            if count == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.written += count;
            self.is_flushed = false;
        }
        if self.written == self.ready.len() {
            self.ready.clear();
            self.written = 0;
            self.out.flush().await?;
            self.is_flushed = true;
        }
        Ok(())
    }

    async fn write_all(&mut self) -> io::Result<()> {
        while self.is_ready() {
            self.write_some().await?;
        }
        Ok(())
    }
}

/// What is half read, and what waits for answers.
struct Incoming {
    assembler: Assembler,
    rules: Rules,
    unanswered: Unanswered,
    /// Where another may be had when the server wants to hear it again.
    token: Option<Token>,
}

impl Incoming {
    /// What these bytes say. What has to be answered is then in `answers`.
    fn on_bytes(&mut self, bytes: &mut [u8], answers: &mut Vec<u8>) -> Turn {
        let mut input = Input::new(bytes);
        let mut frames = Vec::new();
        while let Some(message) = self.assembler.next_message(&self.rules, &mut input) {
            match frame(message, answers) {
                Ok(frame) => {
                    self.renew(frame.as_ref(), answers);
                    frames.extend(frame.and_then(|frame| self.unanswered.on_frame(frame)));
                }
                Err(failure) => return Turn { frames, end: Some(failure) },
            }
        }
        Turn { frames, end: None }
    }

    /// Says anew who speaks, if the server wants to hear it.
    fn renew(&self, frame: Option<&ServerMessage>, answers: &mut Vec<u8>) {
        if let (Some(ServerMessage::Renew { .. }), Some(token)) = (frame, &self.token) {
            let mut text = Vec::new();
            ClientMessage::Auth { token: token.text() }.encode(&mut text);
            write(answers, Opcode::Text, &text);
        }
    }
}

/// The frame that a message holds, if it holds any.
fn frame(
    message: Result<assembler::Message<'_>, Violation>,
    answers: &mut Vec<u8>,
) -> Result<Option<ServerMessage>, Failure> {
    match message {
        Ok(assembler::Message::Text(text)) => {
            Ok(Some(parse_frame(&Bytes::copy_from_slice(text.as_bytes()))?))
        }
        Ok(assembler::Message::Binary(_)) => Err(Malformed("it sent a binary message".to_owned()).into()),
        Ok(assembler::Message::Pong(_)) => Ok(None),
        Ok(assembler::Message::Ping(payload)) => {
            write(answers, Opcode::Pong, &payload);
            Ok(None)
        }
        Ok(assembler::Message::Close { code, reason }) => {
            let echo = code.map_or_else(Vec::new, |code| close_payload(code, ""));
            write(answers, Opcode::Close, &echo);
            let why = code.map_or_else(|| "without a code".to_owned(), |code| format!("{code} {reason}"));
            Err(Unreachable::Broken(format!("the server closed the WebSocket: {}", why.trim_end())).into())
        }
        Err(violation) => {
            write(answers, Opcode::Close, &close_payload(violation.code, violation.reason));
            Err(Malformed(violation.to_string()).into())
        }
    }
}

fn write(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
    write_frame(out, opcode, Fin::Last, Some(rand::random()), payload);
}
