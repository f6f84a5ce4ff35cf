//! What a client sends over `tidings.v1`: read by the server, written by a client.
//!
//! Knows the members of each message and what is wrong with them. Does not know streams or subscriptions.

mod members;
mod publish;

pub use publish::{Publish, PublishData};

use super::server_message::writer::ErrorFrame;
use crate::json::text::{write_offset, write_string};
use crate::{ErrorCode, Problem, write_decimal};
use members::Members;
use std::borrow::Cow;
use tidings_model::{Start, StreamName};

/// One message of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientMessage<'a> {
    /// Follow a stream.
    Subscribe {
        /// Which.
        stream: StreamName,
        /// Where to begin.
        start: Start,
    },
    /// Follow it no more.
    Unsubscribe {
        /// Which.
        stream: StreamName,
    },
    /// Store one message.
    Publish(Box<Publish<'a>>),
    /// Say who one is.
    Auth {
        /// By this.
        token: String,
    },
    /// Ask for a sign of life.
    Ping,
}

/// A message that can't be followed: what the `error` frame says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct RefusedMessage {
    /// What went wrong.
    pub code: ErrorCode,
    /// What to do about it.
    pub detail: Cow<'static, str>,
    /// The `id` of the message, where it has one.
    pub id: Option<String>,
    /// The `stream` of the message, where it has one; not always a name.
    pub stream: Option<String>,
}

impl RefusedMessage {
    /// The frame that answers.
    pub fn frame(&self) -> ErrorFrame<'_> {
        ErrorFrame {
            id: self.id.as_deref(),
            stream: self.stream.as_deref(),
            code: self.code,
            message: &self.detail,
        }
    }
}

impl<'a> ClientMessage<'a> {
    /// Reads a text message. Unknown members are ignored, and `null` is as good as absent (but in `data`).
    pub fn parse(text: &'a str) -> Result<ClientMessage<'a>, RefusedMessage> {
        let members = Members::parse(text).map_err(|problem| refused(problem, None, None))?;
        read(&members).map_err(|problem| refused(problem, members.known_id(), members.known_stream()))
    }

    /// Appends the text of the message.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            ClientMessage::Subscribe { stream, start } => {
                out.extend_from_slice(br#"{"type":"subscribe","#);
                write_subscription(out, stream, *start);
            }
            ClientMessage::Unsubscribe { stream } => {
                out.extend_from_slice(br#"{"type":"unsubscribe","stream":"#);
                write_string(out, stream.as_str());
            }
            ClientMessage::Publish(publish) => publish.encode(out),
            ClientMessage::Auth { token } => {
                out.extend_from_slice(br#"{"type":"auth","token":"#);
                write_string(out, token);
            }
            ClientMessage::Ping => out.extend_from_slice(br#"{"type":"ping""#),
        }
        out.push(b'}');
    }
}

fn read<'a>(members: &Members<'a>) -> Result<ClientMessage<'a>, Problem> {
    match members.kind()?.as_deref() {
        Some("subscribe") => {
            Ok(ClientMessage::Subscribe { stream: members.stream()?, start: members.start()? })
        }
        Some("unsubscribe") => Ok(ClientMessage::Unsubscribe { stream: members.stream()? }),
        Some("publish") => Ok(ClientMessage::Publish(Box::new(members.publish()?))),
        Some("auth") => Ok(ClientMessage::Auth { token: members.token()? }),
        Some("ping") => Ok(ClientMessage::Ping),
        Some(_) | None => Err(Problem::new(
            ErrorCode::InvalidFrame,
            "`type` must be one of subscribe, unsubscribe, publish, auth, ping",
        )),
    }
}

fn refused(problem: Problem, id: Option<String>, stream: Option<String>) -> RefusedMessage {
    RefusedMessage { code: problem.code, detail: problem.detail, id, stream }
}

/// What a subscription asks for, wherever it stands: `text` is an object that has at least its members.
pub(crate) fn parse_subscription(text: &str) -> Result<(StreamName, Start), Problem> {
    let members = Members::parse(text)?;
    Ok((members.stream()?, members.start()?))
}

/// Appends the members of a subscription.
pub(crate) fn write_subscription(out: &mut Vec<u8>, stream: &StreamName, start: Start) {
    out.extend_from_slice(br#""stream":"#);
    write_string(out, stream.as_str());
    write_start(out, start);
}

fn write_start(out: &mut Vec<u8>, start: Start) {
    match start {
        Start::Beginning => out.extend_from_slice(br#","offset":"-1""#),
        Start::Now => out.extend_from_slice(br#","offset":"now""#),
        Start::Last(count) => {
            out.extend_from_slice(br#","last":"#);
            write_decimal(count, out);
        }
        Start::After(offset) => {
            out.extend_from_slice(br#","offset":"#);
            write_offset(out, offset);
        }
    }
}

#[cfg(test)]
mod tests;
