//! The members of a client's message, before their meaning: each is looked at only when its message needs it.

use super::publish::{Publish, PublishData};
use crate::digits::{parse_canonical, parse_decimal};
use crate::json::{check, parse_string, present};
use crate::{ErrorCode, Problem, Producer, PublishIdentity, check_key, check_producer_id, check_stream_seq};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use tidings_model::{ContentType, Offset, Start, StreamName};

/// Each member as it was written; `None` where it is absent or `null`.
#[derive(Deserialize)]
pub(super) struct Members<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    id: Option<&'a RawValue>,
    stream: Option<&'a RawValue>,
    offset: Option<&'a RawValue>,
    last: Option<&'a RawValue>,
    /// Here `null` is a value.
    #[serde(default, deserialize_with = "present")]
    data: Option<&'a RawValue>,
    encoding: Option<&'a RawValue>,
    key: Option<&'a RawValue>,
    content_type: Option<&'a RawValue>,
    create: Option<&'a RawValue>,
    producer: Option<&'a RawValue>,
    seq: Option<&'a RawValue>,
    close: Option<&'a RawValue>,
    token: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ProducerMembers<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    epoch: Option<&'a RawValue>,
    seq: Option<&'a RawValue>,
}

impl<'a> Members<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Members<'a>, Problem> {
        // serde would also take an array for the members in their order.
        if text.trim_ascii_start().starts_with('{')
            && let Ok(members) = serde_json::from_str(text)
        {
            return Ok(members);
        }
        match check(text.as_bytes()) {
            Err(invalid) => Err(Problem::new(ErrorCode::InvalidJson, invalid.to_string())),
            Ok(()) => Err(invalid("a message is a JSON object that has no member twice")),
        }
    }

    pub(super) fn kind(&self) -> Result<Option<Cow<'a, str>>, Problem> {
        text("type", self.kind)
    }

    /// The `id`, if it is of any use.
    pub(super) fn known_id(&self) -> Option<String> {
        text("id", self.id).ok().flatten().map(Cow::into_owned)
    }

    /// The `stream`, if it is of any use.
    pub(super) fn known_stream(&self) -> Option<String> {
        text("stream", self.stream).ok().flatten().map(Cow::into_owned)
    }

    pub(super) fn stream(&self) -> Result<StreamName, Problem> {
        let name = required("stream", text("stream", self.stream)?)?;
        StreamName::parse(&name).map_err(|reason| Problem::new(ErrorCode::InvalidName, reason.to_string()))
    }

    pub(super) fn token(&self) -> Result<String, Problem> {
        Ok(required("token", text("token", self.token)?)?.into_owned())
    }

    /// Where a subscription begins: the tail where nothing is said.
    pub(super) fn start(&self) -> Result<Start, Problem> {
        match (self.offset, self.last) {
            (None, None) => Ok(Start::Now),
            (Some(offset), None) => parse_offset(offset),
            (None, Some(last)) => parse_last(last),
            (Some(_), Some(_)) => Err(invalid_offset("give `offset` or `last`, not both")),
        }
    }

    pub(super) fn publish(&self) -> Result<Publish<'a>, Problem> {
        Ok(Publish {
            id: required("id", text("id", self.id)?)?.into_owned(),
            stream: self.stream()?,
            data: self.data()?,
            content_type: self.content_type()?,
            create: truth("create", self.create)?,
            identity: self.identity()?,
            seq: self.seq()?.map(|seq| seq.as_ref().into()),
            close: truth("close", self.close)?,
        })
    }

    fn data(&self) -> Result<PublishData<'a>, Problem> {
        let value = required("data", self.data)?;
        match text("encoding", self.encoding)?.as_deref() {
            None => Ok(PublishData::Json(value.get().into())),
            Some("base64") => match parse_string(value.get()) {
                Some(base64) => Ok(PublishData::Base64(base64)),
                None => Err(invalid("with `encoding`, `data` must be a string")),
            },
            Some(_) => Err(invalid("`encoding` must be `base64`, or be left out")),
        }
    }

    fn content_type(&self) -> Result<Option<ContentType>, Problem> {
        let given = text("content_type", self.content_type)?;
        given
            .map(|given| ContentType::parse(&given))
            .transpose()
            .map_err(|reason| invalid(reason.to_string()))
    }

    fn seq(&self) -> Result<Option<Cow<'a, str>>, Problem> {
        let seq = text("seq", self.seq)?;
        seq.as_deref().map(check_stream_seq).transpose().map_err(in_frame)?;
        Ok(seq)
    }

    fn identity(&self) -> Result<PublishIdentity, Problem> {
        match (text("key", self.key)?, self.producer) {
            (None, None) => Ok(PublishIdentity::None),
            (Some(key), None) => Ok(PublishIdentity::Key(check_key(&key).map_err(in_frame)?.into())),
            (None, Some(producer)) => parse_producer(producer).map(PublishIdentity::Producer),
            (Some(_), Some(_)) => Err(invalid("give `key` or `producer`, not both")),
        }
    }
}

fn parse_producer(value: &RawValue) -> Result<Producer, Problem> {
    const SHAPE: &str = "`producer` must be an object with `id`, `epoch` and `seq`";
    if !value.get().starts_with('{') {
        return Err(invalid(SHAPE));
    }
    let members: ProducerMembers<'_> = serde_json::from_str(value.get()).map_err(|_| invalid(SHAPE))?;
    let id = required("producer.id", text("producer.id", members.id)?)?;
    Ok(Producer {
        id: check_producer_id(&id).map_err(in_frame)?.into(),
        epoch: integer("producer.epoch", members.epoch)?,
        seq: integer("producer.seq", members.seq)?,
    })
}

fn parse_offset(value: &RawValue) -> Result<Start, Problem> {
    match parse_string(value.get()).as_deref() {
        Some("-1") => Ok(Start::Beginning),
        Some("now") => Ok(Start::Now),
        Some(token) => match Offset::parse(token) {
            Ok(offset) => Ok(Start::After(offset)),
            Err(reason) => Err(invalid_offset(reason.to_string())),
        },
        None => Err(invalid_offset("`offset` must be a string")),
    }
}

fn parse_last(value: &RawValue) -> Result<Start, Problem> {
    if !value.get().bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid_offset("`last` must be a whole number of messages"));
    }
    // More than 64 bits is more than there are: all of them.
    match parse_decimal(value.get().as_bytes()).unwrap_or(u64::MAX) {
        0 => Ok(Start::Now),
        count => Ok(Start::Last(count)),
    }
}

fn text<'a>(name: &str, value: Option<&'a RawValue>) -> Result<Option<Cow<'a, str>>, Problem> {
    let Some(value) = value else {
        return Ok(None);
    };
    match parse_string(value.get()) {
        Some(text) => Ok(Some(text)),
        None => Err(invalid(format!("`{name}` must be a string"))),
    }
}

fn truth(name: &str, value: Option<&RawValue>) -> Result<bool, Problem> {
    match value.map(RawValue::get) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(invalid(format!("`{name}` must be `true` or `false`"))),
    }
}

fn integer(name: &str, value: Option<&RawValue>) -> Result<u64, Problem> {
    let value = required(name, value)?;
    parse_canonical(value.get().as_bytes())
        .ok_or_else(|| invalid(format!("`{name}` must be a whole number, at most 2^53 - 1")))
}

fn required<T>(name: &str, value: Option<T>) -> Result<T, Problem> {
    value.ok_or_else(|| invalid(format!("`{name}` is missing")))
}

/// What is said of a header holds for the member of the same meaning.
fn in_frame(problem: Problem) -> Problem {
    Problem { code: ErrorCode::InvalidFrame, ..problem }
}

fn invalid(detail: impl Into<Cow<'static, str>>) -> Problem {
    Problem::new(ErrorCode::InvalidFrame, detail)
}

fn invalid_offset(detail: impl Into<Cow<'static, str>>) -> Problem {
    Problem::new(ErrorCode::InvalidOffset, detail)
}
