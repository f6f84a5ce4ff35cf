//! A question to the application as it is on the wire, and what its answer says.

use super::Answer;
use super::caller::Whole;
use crate::decision::question::Question;
use crate::settings::{AskUrl, SigningKey};
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::Full;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tidings_auth::{Principal, PrincipalKind};
use tidings_model::Timestamp;

pub(super) const USER_AGENT: &str = concat!("tidings/", env!("CARGO_PKG_VERSION"));

/// The header with the signature: `t=<seconds since 1970>,v1=<hex of HMAC-SHA256 over "<t>.<body>">`.
const SIGNATURE: &str = "tidings-signature";

/// The members of a question.
#[derive(Serialize)]
struct Body<'q> {
    event: &'static str,
    right: Option<&'static str>,
    stream: Option<&'q str>,
    kind: &'static str,
    subject: Option<&'q str>,
    claims: Option<&'q RawValue>,
    address: String,
    transport: &'static str,
}

/// The members of an answer. Others may stand beside them.
#[derive(Deserialize)]
struct Said {
    allow: bool,
    #[serde(default)]
    max_age: Option<u64>,
}

/// The request that asks.
pub(super) fn request(
    url: &AskUrl,
    key: Option<&SigningKey>,
    (question, principal): (&Question, &Principal),
    now: Timestamp,
) -> Request<Full<Bytes>> {
    let body = body(question, principal);
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(url.uri().clone())
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, USER_AGENT);
    if let Some(key) = key {
        request = request.header(SIGNATURE, signature(key, now.0 / 1_000, &body));
    }
    request.body(Full::new(body.into())).expect("a URL that was read, and headers of ASCII")
}

fn body(question: &Question, principal: &Principal) -> Vec<u8> {
    let claims = principal.claims().and_then(|text| serde_json::from_str(text).ok());
    let body = Body {
        event: question.event(),
        right: question.right().map(tidings_auth::Right::as_str),
        stream: question.stream.as_ref().map(tidings_model::StreamName::as_str),
        kind: match principal.kind() {
            PrincipalKind::Unruled | PrincipalKind::Anybody => "anybody",
            PrincipalKind::Token => "token",
            PrincipalKind::Key => "key",
            PrincipalKind::Ticket => "ticket",
            PrincipalKind::Certificate => "certificate",
        },
        subject: principal.subject(),
        claims,
        address: question.address.to_canonical().to_string(),
        transport: question.via.as_str(),
    };
    serde_json::to_vec(&body).expect("plain members always serialise")
}

fn signature(key: &SigningKey, seconds: u64, body: &[u8]) -> String {
    let signed = [seconds.to_string().as_bytes(), b".", body].concat();
    let tag = ring::hmac::sign(key, &signed);
    let digits = tag.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let hex: String = digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect();
    format!("t={seconds},v1={hex}")
}

/// What the application has said; an error says what it does instead: "answers 404". A yes is never taken from a status alone: a page that
/// says "log in first" has 200 too.
pub(super) fn parse(answer: &Whole) -> Result<Answer, String> {
    if answer.status != StatusCode::OK {
        return Err(format!("answers {}", answer.status.as_u16()));
    }
    let said: Said = serde_json::from_slice(&answer.body)
        .map_err(|_error| "answers no JSON with `allow`, `true` or `false`".to_owned())?;
    // No time at all is for this question only.
    Ok(Answer::Given { allow: said.allow, max_age_s: said.max_age.filter(|seconds| 0 < *seconds) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;

    fn parsed(status: u16, body: &str) -> Result<Answer, String> {
        let status = StatusCode::from_u16(status).unwrap();
        parse(&Whole { status, headers: HeaderMap::new(), body: body.as_bytes().to_vec() })
    }

    #[test]
    fn only_what_is_said_clearly_is_an_answer() {
        let given = |allow, max_age_s| Ok(Answer::Given { allow, max_age_s });
        assert_eq!(parsed(200, r#"{"allow":true}"#), given(true, None));
        assert_eq!(parsed(200, r#"{"allow":false,"max_age":30,"x":1}"#), given(false, Some(30)));
        assert_eq!(parsed(200, r#"{"allow":true,"max_age":0}"#), given(true, None));
        for body in [
            "",
            "true",
            "{}",
            r#"{"allow":1}"#,
            r#"{"allow":"true"}"#,
            r#"{"allow":true,"max_age":-1}"#,
            "<p>",
        ] {
            assert!(parsed(200, body).is_err(), "{body}");
        }
        for status in [201, 204, 302, 401, 403, 404, 500] {
            assert_eq!(parsed(status, r#"{"allow":true}"#), Err(format!("answers {status}")));
        }
    }

    #[test]
    fn a_signature_is_over_the_time_and_the_body() {
        // Computed with `openssl dgst -sha256 -mac HMAC`.
        let key = SigningKey::new(ring::hmac::HMAC_SHA256, b"0123456789abcdef0123456789abcdef");
        let signed = signature(&key, 1_800_000_000, br#"{"a":1}"#);
        assert_eq!(
            signed,
            "t=1800000000,v1=d40e555bc2c1dae21953757b24b165a171698880732ac310a5c8cf0ab751abf2"
        );
    }
}
