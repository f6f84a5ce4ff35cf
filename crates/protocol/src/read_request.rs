//! What a read asks for: where to begin, how to wait, how much, in which form.
//!
//! Knows "Read" in `docs/protocol.md`. Does not know streams, limits of a server, or what is answered.

mod live;
mod many;
mod start;
mod timeout;

pub use live::Live;
pub use many::ReadManyRequest;
pub use start::{StartGiven, StartKind};

use crate::cache_cursor::CacheCursor;
use crate::digits::parse_decimal;
use crate::etag::IfNoneMatch;
use crate::headers::Headers;
use crate::query::{QueryWriter, invalid, parameters, parse_switch};
use crate::{ErrorCode, Problem};
use start::StartParameters;
use std::borrow::Cow;
use std::time::Duration;
use tidings_model::Start;

/// A read of one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadRequest {
    /// Where it begins, and how that was said.
    pub start: StartGiven,
    /// How it waits.
    pub live: Live,
    /// At most that many messages in one answer (poll and long poll).
    pub limit: Option<u64>,
    /// Whether each message is wrapped with its offset and time.
    pub envelope: bool,
    /// For how long a long poll is to be held; the server clamps it.
    pub timeout: Option<Duration>,
    /// The cache key of the last live answer.
    pub cursor: Option<u64>,
    /// The pages that the reader already has.
    pub if_none_match: IfNoneMatch,
}

/// The known parameters of a read, decoded.
#[derive(Default)]
struct Given<'q> {
    start: StartParameters<'q>,
    live: Option<Cow<'q, str>>,
    limit: Option<Cow<'q, str>>,
    envelope: Option<Cow<'q, str>>,
    timeout: Option<Cow<'q, str>>,
    cursor: Option<Cow<'q, str>>,
}

impl ReadRequest {
    /// The largest `limit`.
    pub const LIMIT_MAX: u64 = 10_000;

    /// A poll that begins there, with nothing else asked.
    pub fn poll(start: StartGiven) -> ReadRequest {
        ReadRequest {
            start,
            live: Live::POLL,
            limit: None,
            envelope: false,
            timeout: None,
            cursor: None,
            if_none_match: IfNoneMatch::Nothing,
        }
    }

    /// Reads the query and headers of a `GET`. Every known parameter is checked, also where it has no meaning.
    pub fn parse(query: &str, headers: &(impl Headers + ?Sized)) -> Result<ReadRequest, Problem> {
        let given = Given::parse(query)?;
        let start = given.start.parse(headers)?;
        let live = Live::parse(given.live.as_deref())?;
        if live != Live::POLL && start == StartGiven::Absent {
            return Err(Problem::new(
                ErrorCode::InvalidOffset,
                "with `live` say where to begin: `offset=-1`, `offset=now`, `last=N`, or a token",
            ));
        }
        Ok(ReadRequest {
            start,
            live,
            limit: given.limit.as_deref().map(parse_limit).transpose()?,
            envelope: parse_switch("envelope", given.envelope.as_deref())?,
            timeout: given.timeout.as_deref().map(timeout::parse).transpose()?,
            cursor: given.cursor.as_deref().and_then(CacheCursor::parse_asked),
            if_none_match: IfNoneMatch::parse(headers),
        })
    }

    /// The query that asks for this, without `?`; names in order. A start by `Last-Event-ID` and the condition
    /// are headers, and not in it.
    pub fn to_query(&self) -> String {
        let mut query = QueryWriter::new();
        if let Some(cursor) = self.cursor {
            query.add("cursor", &cursor.to_string());
        }
        if self.envelope {
            query.add("envelope", "true");
        }
        if let StartGiven::Last(count) = self.start {
            query.add("last", &count.to_string());
        }
        if let Some(limit) = self.limit {
            query.add("limit", &limit.to_string());
        }
        if self.live != Live::POLL {
            query.add("live", self.live.as_str());
        }
        match self.start {
            StartGiven::Beginning => query.add("offset", "-1"),
            StartGiven::Now => query.add("offset", "now"),
            StartGiven::Token(offset) => query.add("offset", &offset.to_string()),
            StartGiven::Absent | StartGiven::Last(_) | StartGiven::LastEventId(_) => {}
        }
        if let Some(timeout) = self.timeout {
            query.add("timeout", &timeout::to_text(timeout));
        }
        query.finish()
    }
}

/// Where a WebSocket on a stream's path begins: `offset` or `last`, the tail where both are absent.
pub fn parse_upgrade_start(query: &str) -> Result<Start, Problem> {
    let no_headers: [(&str, &str); 0] = [];
    let given = StartParameters::parse_query(query)?.parse(&no_headers[..])?;
    Ok(if given == StartGiven::Absent { Start::Now } else { given.start() })
}

impl<'q> Given<'q> {
    fn parse(query: &'q str) -> Result<Given<'q>, Problem> {
        let mut given = Given::default();
        for parameter in parameters(query) {
            let place = match &*parameter.name {
                "live" => &mut given.live,
                "limit" => &mut given.limit,
                "envelope" => &mut given.envelope,
                "timeout" => &mut given.timeout,
                "cursor" => &mut given.cursor,
                _ => {
                    given.start.take(parameter)?;
                    continue;
                }
            };
            parameter.keep(place, ErrorCode::InvalidParameter)?;
        }
        Ok(given)
    }
}

fn parse_limit(value: &str) -> Result<u64, Problem> {
    parse_decimal(value.as_bytes())
        .filter(|limit| (1..=ReadRequest::LIMIT_MAX).contains(limit))
        .ok_or_else(|| invalid("`limit` is a whole number from 1 to 10000"))
}

#[cfg(test)]
mod tests;
