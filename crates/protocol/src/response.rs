//! Responses as data: status, headers, body; written as HTTP/1.1 by the narrow front or handed to hyper.
//!
//! Knows what every response carries ("Headers" in `docs/protocol.md`). Does not know what is answered, or when.

mod http1;

pub use http1::{Connection, Http1Form, OpenBody, reason_phrase};

use crate::header_value::HeaderValue;
use crate::{Cors, ErrorCode, Problem, ProblemFacts, header_name};
use bytes::Bytes;
use tidings_model::Offset;

/// The headers of every response.
const COMMON: [(&str, &str); 2] = [
    (header_name::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header_name::CROSS_ORIGIN_RESOURCE_POLICY, "cross-origin"),
];

/// An answer. The headers of every response and those of the connection are added when it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Names in lower case, as in [`header_name`].
    pub headers: Vec<(&'static str, HeaderValue)>,
    /// The body. Statuses that have none (204, 304) are written without it.
    pub body: Bytes,
    /// Whose pages may see it.
    pub cors: Cors,
    /// What went wrong, if it is a refusal.
    pub problem: Option<ErrorCode>,
}

impl Response {
    /// An answer without headers and body.
    pub fn new(status: u16) -> Response {
        // A poll has six headers of its own: one allocation holds them.
        Response {
            status,
            headers: Vec::with_capacity(8),
            body: Bytes::new(),
            cors: Cors::Anyone,
            problem: None,
        }
    }

    /// The same answer with one more header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<HeaderValue>) -> Response {
        self.headers.push((name, value.into()));
        self
    }

    /// The same answer with a body of that type.
    #[must_use]
    pub fn with_body(self, content_type: impl Into<HeaderValue>, body: impl Into<Bytes>) -> Response {
        let body = body.into();
        Response { body, ..self.with(header_name::CONTENT_TYPE, content_type) }
    }

    /// A refusal. It is never kept by caches, which may otherwise keep a 404 or 410 for as long as they like.
    pub fn problem(problem: &Problem) -> Response {
        let mut response = Response::new(problem.status())
            .with_body(Problem::CONTENT_TYPE, problem.to_json())
            .with(header_name::CACHE_CONTROL, "no-store");
        response.problem = Some(problem.code);
        match &problem.facts {
            ProblemFacts::None => {}
            ProblemFacts::Reset(reset) => {
                response = response
                    .with(header_name::STREAM_RESET, reset.reason.as_str())
                    .with_offset(header_name::STREAM_EARLIEST_OFFSET, reset.earliest)
                    .with_offset(header_name::STREAM_NEXT_OFFSET, reset.tail);
            }
            ProblemFacts::Closed { tail } => {
                response = response
                    .with(header_name::STREAM_CLOSED, HeaderValue::TRUE)
                    .with(header_name::STREAM_NEXT_OFFSET, *tail);
            }
            ProblemFacts::Stale { epoch } => {
                response = response.with(header_name::PRODUCER_EPOCH, *epoch);
            }
            ProblemFacts::Gap { expected, received } => {
                response = response
                    .with(header_name::PRODUCER_EXPECTED_SEQ, *expected)
                    .with(header_name::PRODUCER_RECEIVED_SEQ, *received);
            }
            ProblemFacts::Limit(reached) => {
                response = response.with(header_name::RETRY_AFTER, reached.retry_after_s);
            }
            ProblemFacts::RetryAfter { seconds } => {
                response = response.with(header_name::RETRY_AFTER, *seconds);
            }
            ProblemFacts::Upgrade => {
                response = response
                    .with(header_name::UPGRADE, "websocket")
                    .with(header_name::SEC_WEBSOCKET_VERSION, 13);
            }
            ProblemFacts::Challenge(challenge) => {
                response = response.with(header_name::WWW_AUTHENTICATE, challenge.as_str());
            }
            ProblemFacts::Allow { methods } => response = response.with(header_name::ALLOW, *methods),
        }
        response
    }

    /// The answer to `OPTIONS`.
    pub fn preflight() -> Response {
        Response::new(204)
            .with(header_name::ACCESS_CONTROL_ALLOW_METHODS, header_name::ALLOW_METHODS)
            .with(header_name::ACCESS_CONTROL_ALLOW_HEADERS, header_name::ALLOW_HEADERS)
            .with(header_name::ACCESS_CONTROL_MAX_AGE, header_name::ALLOW_MAX_AGE_S)
    }

    /// For the full HTTP implementation: with the headers of every response, without those of the connection.
    pub fn into_http(self) -> http::Response<Bytes> {
        let body = if has_body(self.status) { self.body } else { Bytes::new() };
        let mut response = http::Response::new(body);
        *response.status_mut() =
            http::StatusCode::from_u16(self.status).expect("this program uses three-digit statuses");
        let headers = response.headers_mut();
        for (name, value) in COMMON {
            headers.append(name, http::HeaderValue::from_static(value));
        }
        self.cors.each(&mut |name, value| {
            let value = http::HeaderValue::from_str(value).expect("an origin came as the value of a header");
            headers.append(name, value);
        });
        let mut bytes = Vec::new();
        for (name, value) in &self.headers {
            bytes.clear();
            value.write(&mut bytes);
            let value = http::HeaderValue::from_bytes(&bytes).expect("no value has control characters");
            headers.append(*name, value);
        }
        response
    }

    fn with_offset(self, name: &'static str, offset: Option<Offset>) -> Response {
        match offset {
            Some(offset) => self.with(name, offset),
            None => self,
        }
    }
}

/// Whether a response of that status may have a body.
fn has_body(status: u16) -> bool {
    200 <= status && status != 204 && status != 304
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidings_model::{Incarnation, Reset, ResetReason};

    fn headers(problem: &Problem) -> http::HeaderMap {
        Response::problem(problem).into_http().headers().clone()
    }

    #[test]
    fn every_response_has_the_common_headers() {
        for response in [Response::new(204), Response::problem(&Problem::not_found()), Response::preflight()]
        {
            let response = response.into_http();
            assert_eq!(response.headers()["x-content-type-options"], "nosniff");
            assert_eq!(response.headers()["cross-origin-resource-policy"], "cross-origin");
            assert_eq!(response.headers()["access-control-allow-origin"], "*");
            assert_eq!(response.headers()["access-control-expose-headers"], header_name::EXPOSE_HEADERS);
        }
    }

    #[test]
    fn a_problem_carries_its_facts_as_headers() {
        let tail = Offset { incarnation: Incarnation::of_disk(1), index: 9 };
        let reset = Reset { reason: ResetReason::Trimmed, earliest: Some(tail.at(4)), tail: Some(tail) };
        let found = headers(&Problem::reset(reset));
        assert_eq!(found["stream-reset"], "trimmed");
        assert_eq!(found["stream-earliest-offset"], tail.at(4).to_string());
        assert_eq!(found["stream-next-offset"], tail.to_string());
        assert_eq!(found["content-type"], "application/problem+json");
        assert_eq!(found["cache-control"], "no-store");

        let gone = Reset { reason: ResetReason::Deleted, earliest: None, tail: None };
        assert!(!headers(&Problem::reset(gone)).contains_key("stream-next-offset"));

        let found = headers(&Problem::stream_closed(tail));
        assert_eq!(found["stream-closed"], "true");
        assert_eq!(found["stream-next-offset"], tail.to_string());
        assert_eq!(headers(&Problem::producer_stale(3))["producer-epoch"], "3");
        let found = headers(&Problem::producer_gap(4, 6));
        assert_eq!(found["producer-expected-seq"], "4");
        assert_eq!(found["producer-received-seq"], "6");
        assert_eq!(headers(&Problem::too_busy(2))["retry-after"], "2");
        assert_eq!(headers(&Problem::draining(5))["retry-after"], "5");
        assert_eq!(headers(&Problem::method_not_allowed("GET"))["allow"], "GET");
        let challenge = |problem| headers(&problem)["www-authenticate"].clone();
        assert_eq!(challenge(Problem::unauthenticated()), "Bearer realm=\"tidings\"");
        let found = challenge(Problem::token_refused("the token has expired"));
        assert_eq!(found, "Bearer realm=\"tidings\", error=\"invalid_token\"");
        let found = challenge(Problem::forbidden("read"));
        assert_eq!(found, "Bearer realm=\"tidings\", error=\"insufficient_scope\"");
        let found = headers(&Problem::upgrade_required());
        assert_eq!(found["upgrade"], "websocket");
        assert_eq!(found["sec-websocket-version"], "13");
    }
}
