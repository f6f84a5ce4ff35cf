//! Where a read begins: `offset`, `last` and `Last-Event-ID`.

use crate::digits::parse_decimal;
use crate::headers::Headers;
use crate::query::{Parameter, parameters};
use crate::{ErrorCode, Problem, header_name};
use std::borrow::Cow;
use tidings_model::{Offset, Start};

/// Where a read begins, and how that was said: caches may keep only what a token in the URL names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartGiven {
    /// Nothing was said: at the earliest offset.
    Absent,
    /// `offset=-1`
    Beginning,
    /// `offset=now`, or `last=0`, which is the same.
    Now,
    /// `last=N`, N above 0.
    Last(u64),
    /// `offset=<token>`
    Token(Offset),
    /// `Last-Event-ID: <token>`
    LastEventId(Offset),
}

/// In which way a start was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartKind {
    /// By a word that stands for another place later: `now`.
    Now,
    /// By a token in the URL: always the same place.
    Token,
    /// In any other way.
    Other,
}

impl StartGiven {
    /// In which way it was given.
    pub fn kind(self) -> StartKind {
        match self {
            StartGiven::Now => StartKind::Now,
            StartGiven::Token(_) => StartKind::Token,
            StartGiven::Absent | StartGiven::Beginning | StartGiven::Last(_) | StartGiven::LastEventId(_) => {
                StartKind::Other
            }
        }
    }

    /// Where it begins, however that was said.
    pub fn start(self) -> Start {
        match self {
            StartGiven::Absent | StartGiven::Beginning => Start::Beginning,
            StartGiven::Now => Start::Now,
            StartGiven::Last(count) => Start::Last(count),
            StartGiven::Token(offset) | StartGiven::LastEventId(offset) => Start::After(offset),
        }
    }
}

/// The parameters that say where to begin, decoded.
#[derive(Default)]
pub(super) struct StartParameters<'q> {
    offset: Option<Cow<'q, str>>,
    last: Option<Cow<'q, str>>,
}

impl<'q> StartParameters<'q> {
    /// Those of a whole query; all others are ignored.
    pub(super) fn parse_query(query: &'q str) -> Result<StartParameters<'q>, Problem> {
        let mut given = StartParameters::default();
        parameters(query).try_for_each(|parameter| given.take(parameter))?;
        Ok(given)
    }

    /// Takes one parameter, if it is one of these.
    pub(super) fn take(&mut self, parameter: Parameter<'q>) -> Result<(), Problem> {
        match &*parameter.name {
            "offset" => parameter.keep(&mut self.offset, ErrorCode::InvalidOffset),
            "last" => parameter.keep(&mut self.last, ErrorCode::InvalidOffset),
            _ => Ok(()),
        }
    }

    /// Decides. `Last-Event-ID` beats the URL, since an `EventSource` repeats the URL it was made with; what the
    /// URL says must be right nevertheless.
    pub(super) fn parse(&self, headers: &(impl Headers + ?Sized)) -> Result<StartGiven, Problem> {
        let in_url = match (self.offset.as_deref(), self.last.as_deref()) {
            (None, None) => StartGiven::Absent,
            (Some(offset), None) => parse_offset(offset)?,
            (None, Some(last)) => parse_last(last)?,
            (Some(_), Some(_)) => return Err(invalid("give `offset` or `last`, not both")),
        };
        let event_id = headers
            .single_text(header_name::LAST_EVENT_ID)
            .map_err(|problem| Problem { code: ErrorCode::InvalidOffset, ..problem })?;
        match event_id.map(Offset::parse) {
            None => Ok(in_url),
            Some(Ok(offset)) => Ok(StartGiven::LastEventId(offset)),
            Some(Err(_)) => Err(invalid("`Last-Event-ID` is the `id` of an event of this stream")),
        }
    }
}

fn parse_offset(text: &str) -> Result<StartGiven, Problem> {
    match text {
        "-1" => Ok(StartGiven::Beginning),
        "now" => Ok(StartGiven::Now),
        token => match Offset::parse(token) {
            Ok(offset) => Ok(StartGiven::Token(offset)),
            Err(reason) => Err(invalid(reason.to_string())),
        },
    }
}

fn parse_last(text: &str) -> Result<StartGiven, Problem> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number {
        return Err(invalid("`last` is a whole number of messages"));
    }
    // More than 64 bits is more than there are: all of them.
    match parse_decimal(text.as_bytes()).unwrap_or(u64::MAX) {
        0 => Ok(StartGiven::Now),
        count => Ok(StartGiven::Last(count)),
    }
}

fn invalid(detail: impl Into<Cow<'static, str>>) -> Problem {
    Problem::new(ErrorCode::InvalidOffset, detail)
}
