//! Envelopes: messages with their offsets.

use super::{FollowError, Message, Reset};
use crate::http::Response;
use serde::Deserialize;
use serde_json::value::RawValue;

/// A message as it stands in a body, an event or a frame.
#[derive(Debug, Deserialize)]
pub(super) struct Envelope<'a> {
    offset: &'a str,
    time: &'a str,
    #[serde(borrow)]
    data: &'a RawValue,
}

impl From<Envelope<'_>> for Message {
    fn from(envelope: Envelope<'_>) -> Message {
        Message {
            offset: envelope.offset.to_owned(),
            time: envelope.time.to_owned(),
            data: envelope.data.get().to_owned(),
        }
    }
}

/// The messages of an array of envelopes.
pub(super) fn messages(body: &str) -> Result<Vec<Message>, FollowError> {
    let envelopes: Vec<Envelope<'_>> = serde_json::from_str(body)
        .map_err(|error| FollowError::Violation(format!("no array of envelopes ({error}): {body}")))?;
    Ok(envelopes.into_iter().map(Message::from).collect())
}

/// What a reset says, as an event of SSE or a frame of WebSocket.
#[derive(Debug, Deserialize)]
pub(super) struct ResetBody {
    reason: String,
    earliest: Option<String>,
    tail: Option<String>,
}

impl ResetBody {
    pub(super) fn parse(text: &str) -> Result<Reset, FollowError> {
        let body: ResetBody = serde_json::from_str(text)
            .map_err(|error| FollowError::Violation(format!("no reset ({error}): {text}")))?;
        Ok(Reset { reason: body.reason, earliest: body.earliest, tail: body.tail })
    }
}

/// The reset in a `410`, whose headers and body have to agree.
pub(super) fn reset_of(answer: &Response) -> Result<Reset, FollowError> {
    let header = |name: &str| answer.header(name).map(str::to_owned);
    let reset = ResetBody::parse(&answer.text())?;
    let told = (header("stream-reset"), header("stream-earliest-offset"), header("stream-next-offset"));
    if told == (Some(reset.reason.clone()), reset.earliest.clone(), reset.tail.clone()) {
        Ok(reset)
    } else {
        Err(FollowError::Violation(format!("the headers of a reset say {told:?}, its body {reset:?}")))
    }
}

/// An answer that is none of those a reader can go on with.
pub(super) fn refusal(answer: &Response) -> FollowError {
    FollowError::Refused { status: answer.status, code: answer.code(), detail: answer.text() }
}
