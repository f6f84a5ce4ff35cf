//! What a server sends over `tidings.v1`, as a client reads it.

pub mod writer;

use crate::envelope::{EnvelopeData, InvalidEnvelope};
use crate::json::present;
use crate::parse_rfc3339;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::time::Duration;
use tidings_model::{Offset, Reset, ResetReason, Skip, StreamName, Timestamp};

/// What a server says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// How long it is silent at most.
    pub heartbeat: Duration,
    /// The largest message that it takes.
    pub max_message_bytes: u64,
    /// How many streams one connection may follow.
    pub max_streams: u64,
}

/// One message of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerMessage {
    /// Always the first.
    Hello(Hello),
    /// Where a subscription begins.
    Subscribed {
        /// Of which stream.
        stream: StreamName,
        /// There.
        offset: Offset,
    },
    /// One message of a stream.
    Message {
        /// Of which stream.
        stream: StreamName,
        /// Where to go on after it.
        offset: Offset,
        /// When the server stored it.
        time: Timestamp,
        /// The message.
        data: EnvelopeData,
    },
    /// Everything stored was sent.
    Live {
        /// Of which stream.
        stream: StreamName,
        /// Its tail.
        offset: Offset,
    },
    /// The client stayed behind, and goes on at the newest message.
    Skipped {
        /// Of which stream.
        stream: StreamName,
        /// Over what.
        skip: Skip,
    },
    /// The offset can't be continued; the subscription has ended.
    Reset {
        /// Of which stream.
        stream: StreamName,
        /// Why, and where it may go on.
        reset: Reset,
    },
    /// The stream is closed and everything was sent; the subscription has ended.
    Closed {
        /// Which stream.
        stream: StreamName,
        /// The last offset there will ever be.
        offset: Offset,
    },
    /// The subscription has ended as it was asked.
    Unsubscribed {
        /// Of which stream.
        stream: StreamName,
    },
    /// A publish is stored.
    Published {
        /// Of the publish.
        id: String,
        /// Where it went.
        stream: StreamName,
        /// The one after it; `None` for an old duplicate of a producer.
        offset: Option<Offset>,
        /// Whether it was stored before.
        duplicate: bool,
    },
    /// Something that was asked can't be done.
    Error {
        /// Of the publish, where it is known.
        id: Option<String>,
        /// Which stream it is about, where it is known; not always a name.
        stream: Option<String>,
        /// A code, perhaps of a newer server.
        code: String,
        /// What to do about it.
        message: String,
        /// Whether the same may succeed later.
        retryable: bool,
        /// How long to wait before, where the server says so.
        retry_after: Option<Duration>,
    },
    /// The server lives.
    Heartbeat,
    /// The server is about to end: come back within this time, spread out.
    Drain {
        /// The window.
        within: Duration,
    },
    /// Should the server be lost without a word: come back within this time, spread out.
    Return {
        /// The window; zero where nobody needs to wait for others.
        within: Duration,
    },
    /// Who speaks is not believed much longer: say anew who one is.
    Renew {
        /// Within this.
        within: Duration,
    },
    /// Of a type that only newer versions know; to be ignored.
    Unknown,
}

/// A text is not a message of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidServerMessage {
    /// It is not a JSON object with a `type`, or a member is of another JSON type than documented.
    #[error("not a JSON object with a `type` and members as documented")]
    Shape,
    /// A member is missing or wrong.
    #[error("the member `{member}` is missing or wrong")]
    Member {
        /// Which.
        member: &'static str,
    },
    /// The data is not as its encoding says.
    #[error(transparent)]
    Data(#[from] InvalidEnvelope),
}

#[derive(Deserialize)]
struct Members<'a> {
    #[serde(rename = "type")]
    kind: String,
    stream: Option<String>,
    offset: Option<String>,
    from: Option<String>,
    time: Option<String>,
    #[serde(borrow, default, deserialize_with = "present")]
    data: Option<&'a RawValue>,
    encoding: Option<String>,
    reason: Option<String>,
    earliest: Option<String>,
    tail: Option<String>,
    id: Option<String>,
    duplicate: Option<bool>,
    code: Option<String>,
    message: Option<String>,
    retry_after: Option<u32>,
    retryable: Option<bool>,
    heartbeat: Option<f64>,
    max_message_bytes: Option<u64>,
    max_streams: Option<u64>,
    within: Option<f64>,
}

impl ServerMessage {
    /// Reads a text message. A stream's message that travelled as JSON shares its memory.
    pub fn parse(text: &Bytes) -> Result<ServerMessage, InvalidServerMessage> {
        let members: Members<'_> = serde_json::from_slice(text).map_err(|_| InvalidServerMessage::Shape)?;
        Ok(match &*members.kind {
            "hello" => ServerMessage::Hello(members.hello()?),
            "subscribed" => {
                ServerMessage::Subscribed { stream: members.stream()?, offset: members.offset()? }
            }
            "message" => ServerMessage::Message {
                stream: members.stream()?,
                offset: members.offset()?,
                time: need("time", members.time.as_deref().and_then(parse_rfc3339))?,
                data: members.data(text)?,
            },
            "live" => ServerMessage::Live { stream: members.stream()?, offset: members.offset()? },
            "skipped" => ServerMessage::Skipped { stream: members.stream()?, skip: members.skip()? },
            "reset" => ServerMessage::Reset { stream: members.stream()?, reset: members.reset()? },
            "closed" => ServerMessage::Closed { stream: members.stream()?, offset: members.offset()? },
            "unsubscribed" => ServerMessage::Unsubscribed { stream: members.stream()? },
            "published" => ServerMessage::Published {
                stream: members.stream()?,
                offset: token("offset", members.offset.as_deref())?,
                duplicate: need("duplicate", members.duplicate)?,
                id: need("id", members.id)?,
            },
            "error" => ServerMessage::Error {
                id: members.id,
                stream: members.stream,
                code: need("code", members.code)?,
                message: members.message.unwrap_or_default(),
                retryable: need("retryable", members.retryable)?,
                retry_after: members.retry_after.map(|seconds| Duration::from_secs(u64::from(seconds))),
            },
            "heartbeat" => ServerMessage::Heartbeat,
            "drain" => ServerMessage::Drain { within: seconds("within", members.within)? },
            "return" => ServerMessage::Return { within: seconds("within", members.within)? },
            "renew" => ServerMessage::Renew { within: seconds("within", members.within)? },
            _ => ServerMessage::Unknown,
        })
    }
}

impl Members<'_> {
    fn hello(&self) -> Result<Hello, InvalidServerMessage> {
        Ok(Hello {
            heartbeat: seconds("heartbeat", self.heartbeat)?,
            max_message_bytes: need("max_message_bytes", self.max_message_bytes)?,
            max_streams: need("max_streams", self.max_streams)?,
        })
    }

    fn stream(&self) -> Result<StreamName, InvalidServerMessage> {
        need("stream", self.stream.as_deref().and_then(|name| StreamName::parse(name).ok()))
    }

    fn offset(&self) -> Result<Offset, InvalidServerMessage> {
        need("offset", token("offset", self.offset.as_deref())?)
    }

    fn data(&self, text: &Bytes) -> Result<EnvelopeData, InvalidServerMessage> {
        let value = need("data", self.data)?;
        Ok(EnvelopeData::from_members(text, value, self.encoding.as_deref())?)
    }

    fn skip(&self) -> Result<Skip, InvalidServerMessage> {
        let from = need("from", token("from", self.from.as_deref())?)?;
        let to = self.offset()?;
        let goes_on = from.incarnation == to.incarnation && from.index < to.index;
        need("from", goes_on.then_some(Skip { from, to }))
    }

    fn reset(&self) -> Result<Reset, InvalidServerMessage> {
        Ok(Reset {
            reason: need("reason", self.reason.as_deref().and_then(ResetReason::parse))?,
            earliest: token("earliest", self.earliest.as_deref())?,
            tail: token("tail", self.tail.as_deref())?,
        })
    }
}

/// An offset that may be `null`.
fn token(member: &'static str, text: Option<&str>) -> Result<Option<Offset>, InvalidServerMessage> {
    text.map(Offset::parse).transpose().map_err(|_| InvalidServerMessage::Member { member })
}

fn seconds(member: &'static str, value: Option<f64>) -> Result<Duration, InvalidServerMessage> {
    need(member, value.and_then(|value| Duration::try_from_secs_f64(value).ok()))
}

fn need<T>(member: &'static str, value: Option<T>) -> Result<T, InvalidServerMessage> {
    value.ok_or(InvalidServerMessage::Member { member })
}

#[cfg(test)]
mod tests;
