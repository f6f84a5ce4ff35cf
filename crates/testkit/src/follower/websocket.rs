//! WebSocket: one connection that follows one stream.

use super::envelope::{Envelope, ResetBody, refusal};
use super::{Event, Feed, FollowError, Message, Received, Skipped, Start};
use crate::api;
use crate::clock::Deadline;
use crate::socket::{Frame, Socket, Upgrade};
use serde::Deserialize;
use std::io;
use std::net::SocketAddr;

/// A follower over a socket on the stream's own URL.
pub(super) struct WebSocket {
    socket: Socket,
    greeted: bool,
}

/// The members of a frame that are not those of an envelope.
#[derive(Debug, Deserialize)]
struct Header<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(default)]
    offset: Option<&'a str>,
    #[serde(default)]
    from: Option<&'a str>,
    #[serde(default)]
    messages: Option<u64>,
    #[serde(default)]
    code: Option<&'a str>,
}

impl WebSocket {
    pub(super) fn open(address: SocketAddr, stream: &str, start: &Start) -> Result<WebSocket, FollowError> {
        let target = format!("{}?{}", api::path(stream), start.query());
        match Socket::open(address, &target)? {
            Upgrade::Open(socket) => Ok(WebSocket { socket, greeted: false }),
            Upgrade::Refused(answer) => Err(refusal(&answer)),
        }
    }

    fn on_text(&mut self, text: &str, received: &mut Received) -> Result<(), FollowError> {
        let violation = |error: String| FollowError::Violation(format!("{error} in {text}"));
        let header: Header<'_> = serde_json::from_str(text).map_err(|error| violation(error.to_string()))?;
        if !self.greeted && header.kind != "hello" {
            return Err(violation("no hello".to_owned()));
        }
        let offset = || header.offset.ok_or_else(|| violation("no offset".to_owned()));
        match header.kind {
            "hello" => self.greeted = true,
            "subscribed" => received.stands_at(offset()?)?,
            "message" => {
                let envelope: Envelope<'_> =
                    serde_json::from_str(text).map_err(|error| violation(error.to_string()))?;
                received.messages(vec![Message::from(envelope)])?;
            }
            "live" => {
                received.stands_at(offset()?)?;
                received.event(Event::Live);
            }
            "skipped" => {
                let from = header.from.unwrap_or_default().to_owned();
                let messages = header.messages.unwrap_or_default();
                received.skipped(Skipped { from, to: offset()?.to_owned(), messages })?;
            }
            "closed" => {
                received.stands_at(offset()?)?;
                received.event(Event::Closed);
            }
            "reset" => received.event(Event::Reset(ResetBody::parse(text)?)),
            "heartbeat" | "drain" => {}
            "error" => {
                let code = header.code.unwrap_or_default().to_owned();
                return Err(FollowError::Refused { status: 0, code, detail: text.to_owned() });
            }
            _ => return Err(violation("an unknown type".to_owned())),
        }
        Ok(())
    }
}

impl Feed for WebSocket {
    fn read(&mut self, deadline: Deadline, received: &mut Received) -> Result<(), FollowError> {
        match self.socket.next(deadline)? {
            Some(Frame::Text(text)) => self.on_text(&text, received),
            Some(Frame::Close(close)) => Err(FollowError::Connection(io::Error::new(
                io::ErrorKind::ConnectionAborted,
                format!("{close:?}"),
            ))),
            Some(Frame::Pong(_)) | None => Ok(()),
            Some(Frame::Binary(bytes)) => {
                Err(FollowError::Violation(format!("a binary message of {} bytes", bytes.len())))
            }
        }
    }
}
