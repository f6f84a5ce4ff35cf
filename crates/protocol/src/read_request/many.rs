//! Many streams in one request: which, where each begins, and how the request waits.
//!
//! Knows "Many streams in one request" in `docs/protocol.md`. An entry of the list is what a `subscribe` frame has.

use super::{Live, timeout};
use crate::json::{SplitError, check, split_messages_within};
use crate::query::{QueryWriter, invalid, parameters};
use crate::websocket::client_message::{parse_subscription, write_subscription};
use crate::{ErrorCode, Problem};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::HashSet;
use std::time::Duration;
use tidings_model::{Start, StreamName};

/// A read of many streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadManyRequest {
    /// Each once, in the order in which they are answered. There is at least one.
    pub streams: Vec<(StreamName, Start)>,
    /// How it waits.
    pub live: Live,
    /// For how long a long poll is to be held; the server clamps it.
    pub timeout: Option<Duration>,
}

/// The body. Unknown members are ignored.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    streams: Option<&'a RawValue>,
}

impl ReadManyRequest {
    /// Reads the query and the body of a `POST`. Takes no memory for more than `streams_max` entries.
    pub fn parse(query: &str, body: &Bytes, streams_max: usize) -> Result<ReadManyRequest, Problem> {
        let (mut live, mut timeout) = (None, None);
        for parameter in parameters(query) {
            let place = match &*parameter.name {
                "live" => &mut live,
                "timeout" => &mut timeout,
                _ => continue,
            };
            parameter.keep(place, ErrorCode::InvalidParameter)?;
        }
        Ok(ReadManyRequest {
            live: Live::parse(live.as_deref())?,
            timeout: timeout.as_deref().map(timeout::parse).transpose()?,
            streams: parse_body(body, streams_max)?,
        })
    }

    /// The query that asks for this, without `?`; empty for a poll.
    pub fn to_query(&self) -> String {
        let mut query = QueryWriter::new();
        if self.live != Live::POLL {
            query.add("live", self.live.as_str());
        }
        if let Some(timeout) = self.timeout {
            query.add("timeout", &timeout::to_text(timeout));
        }
        query.finish()
    }

    /// The body that asks for this.
    pub fn to_body(&self) -> Vec<u8> {
        let mut out = br#"{"streams":["#.to_vec();
        for (index, (stream, start)) in self.streams.iter().enumerate() {
            out.extend_from_slice(if index == 0 { b"{" } else { b",{" });
            write_subscription(&mut out, stream, *start);
            out.push(b'}');
        }
        out.extend_from_slice(b"]}");
        out
    }
}

fn parse_body(body: &Bytes, streams_max: usize) -> Result<Vec<(StreamName, Start)>, Problem> {
    check(body).map_err(|reason| Problem::new(ErrorCode::InvalidJson, reason.to_string()))?;
    let entries = split_messages_within(&list(body)?, streams_max).map_err(|reason| match reason {
        SplitError::Invalid(reason) => Problem::new(ErrorCode::InvalidJson, reason.to_string()),
        SplitError::TooMany { count_max } => too_many(count_max),
    })?;
    if entries.is_empty() {
        return Err(invalid("`streams` is empty: list at least one"));
    }
    let streams = entries.iter().enumerate().map(|(index, entry)| {
        let text = std::str::from_utf8(entry).expect("it was checked as JSON");
        parse_subscription(text).map_err(|reason| invalid(format!("`streams[{index}]`: {}", reason.detail)))
    });
    let streams: Vec<_> = streams.collect::<Result<_, _>>()?;
    refuse_doubles(&streams)?;
    Ok(streams)
}

/// The text of the list, from a body that is JSON.
fn list(body: &Bytes) -> Result<Bytes, Problem> {
    const SHAPE: &str =
        "the body is an object with a list `streams`, once: {\"streams\":[{\"stream\":\"a\"}]}";
    // serde would also take an array for the members in their order.
    let body_text = body.trim_ascii_start();
    if !body_text.starts_with(b"{") {
        return Err(invalid(SHAPE));
    }
    let members: Body<'_> = serde_json::from_slice(body_text).map_err(|_| invalid(SHAPE))?;
    match members.streams {
        Some(list) if list.get().starts_with('[') => Ok(body.slice_ref(list.get().as_bytes())),
        Some(_) | None => Err(invalid(SHAPE)),
    }
}

fn refuse_doubles(streams: &[(StreamName, Start)]) -> Result<(), Problem> {
    let mut seen = HashSet::with_capacity(streams.len());
    match streams.iter().find(|(name, _)| !seen.insert(name.as_str())) {
        None => Ok(()),
        Some((name, _)) => {
            let detail = format!("`{name}` is listed twice; one request reads a stream from one place");
            Err(Problem::new(ErrorCode::AlreadySubscribed, detail))
        }
    }
}

fn too_many(count_max: usize) -> Problem {
    let detail = format!("one request reads at most {count_max} streams (`max_read_streams`); send another");
    Problem::new(ErrorCode::TooManySubscriptions, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidings_model::Offset;

    const MAX: usize = 3;

    fn parse(body: &str) -> Result<Vec<(StreamName, Start)>, ErrorCode> {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let request = ReadManyRequest::parse("", &body, MAX);
        request.map(|request| request.streams).map_err(|problem| problem.code)
    }

    fn name(text: &str) -> StreamName {
        StreamName::parse(text).unwrap()
    }

    #[test]
    fn each_entry_is_what_a_subscribe_frame_has() {
        let token = "00000000000000aa_0000000000000007";
        let body = format!(
            r#" {{"x":[1],"streams":[ {{"stream":"a/1","offset":"{token}","y":2}}, {{"last":10,"stream":"b"}},{{"stream":"\u00fc"}}] }} "#
        );
        let place = Start::After(Offset::parse(token).unwrap());
        let expected = vec![(name("a/1"), place), (name("b"), Start::Last(10)), (name("ü"), Start::Now)];
        assert_eq!(parse(&body), Ok(expected));
        let words = parse(r#"{"streams":[{"stream":"a","offset":"-1"},{"stream":"b","offset":"now"}]}"#);
        assert_eq!(words, Ok(vec![(name("a"), Start::Beginning), (name("b"), Start::Now)]));
    }

    #[test]
    fn what_is_wrong_has_its_code() {
        for body in ["", "{", "streams", r#"{"streams":[{]}"#, "{\"streams\":[{\"stream\":\"a\nb\"}]}"] {
            assert_eq!(parse(body), Err(ErrorCode::InvalidJson), "{body}");
        }
        let wrong = [
            "[]",
            "{}",
            "7",
            r#"[[{"stream":"a"}]]"#,
            r#"{"streams":null}"#,
            r#"{"streams":{"stream":"a"}}"#,
            r#"{"streams":"a"}"#,
            r#"{"streams":[]}"#,
            r#"{"streams":[{"stream":"a"}],"streams":[]}"#,
            r#"{"streams":["a"]}"#,
            r#"{"streams":[["a"]]}"#,
            r#"{"streams":[{}]}"#,
            r#"{"streams":[{"stream":"/a"}]}"#,
            r#"{"streams":[{"stream":"a","offset":"x"}]}"#,
            r#"{"streams":[{"stream":"a","offset":"now","last":1}]}"#,
            r#"{"streams":[{"stream":"a","last":-1}]}"#,
        ];
        for body in wrong {
            assert_eq!(parse(body), Err(ErrorCode::InvalidParameter), "{body}");
        }
        let twice = r#"{"streams":[{"stream":"a"},{"stream":"b"},{"stream":"\u0061","last":1}]}"#;
        assert_eq!(parse(twice), Err(ErrorCode::AlreadySubscribed));
        let four = r#"{"streams":[{"stream":"a"},{"stream":"b"},{"stream":"c"},7]}"#;
        assert_eq!(parse(four), Err(ErrorCode::TooManySubscriptions));
    }

    #[test]
    fn a_wrong_entry_is_named() {
        let body = Bytes::from_static(br#"{"streams":[{"stream":"a"},{"stream":"b","offset":"7"}]}"#);
        let problem = ReadManyRequest::parse("", &body, MAX).unwrap_err();
        assert!(problem.detail.starts_with("`streams[1]`: "), "{problem}");
    }

    #[test]
    fn the_query_says_how_to_wait() {
        let body = Bytes::from_static(br#"{"streams":[{"stream":"a"}]}"#);
        let parse = |query| ReadManyRequest::parse(query, &body, MAX).map_err(|problem| problem.code);
        let request = parse("live=long-poll&timeout=0.5&offset=what").unwrap();
        assert_eq!((request.live, request.timeout), (Live::LONG_POLL, Some(Duration::from_millis(500))));
        for bad in ["live=", "live=SSE", "live=sse&live=sse", "timeout=x", "timeout=1&timeout=1"] {
            assert_eq!(parse(bad), Err(ErrorCode::InvalidParameter), "{bad}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let offset = Offset::parse("00000000000000aa_0000000000000007").unwrap();
        let streams = vec![
            (name("a \"quoted\""), Start::After(offset)),
            (name("b"), Start::Last(4)),
            (name("c"), Start::Beginning),
        ];
        let timeout = Some(Duration::from_millis(2_500));
        for live in [Live::POLL, Live::LONG_POLL, Live::SSE] {
            let request = ReadManyRequest { streams: streams.clone(), live, timeout };
            let body = request.to_body().into();
            assert_eq!(ReadManyRequest::parse(&request.to_query(), &body, MAX), Ok(request));
        }
    }
}
