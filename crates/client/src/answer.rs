//! Whole answers over HTTP, and what their status and headers mean.

use crate::{Failure, Malformed, Refusal};
use bytes::Bytes;
use http::HeaderMap;
use std::time::Duration;
use tidings_model::{Offset, Reset, ResetReason};
use tidings_protocol::{ErrorCode, ProblemView, header_name};

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Whether the next request may bring another token.
    pub(crate) has_next_token: bool,
}

impl Answer {
    /// The value of a header, if it is there and text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok().map(str::trim)
    }

    /// Whether a header is there and says `true`.
    pub(crate) fn says_true(&self, name: &str) -> bool {
        self.header(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// A number in a header.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.header(name)?.parse().ok()
    }

    /// Seconds in a header, with or without a fraction.
    pub(crate) fn seconds(&self, name: &str) -> Option<Duration> {
        let seconds: f64 = self.header(name)?.parse().ok()?;
        Duration::try_from_secs_f64(seconds).ok()
    }

    /// The offset in a header.
    pub(crate) fn offset(&self, name: &str) -> Option<Offset> {
        Offset::parse(self.header(name)?).ok()
    }

    /// The offset in a header that has to be there.
    pub(crate) fn required_offset(&self, name: &str) -> Result<Offset, Malformed> {
        self.offset(name).ok_or_else(|| Malformed(format!("the answer {} has no `{name}`", self.status)))
    }

    /// The code of an error, where it is one of ours.
    pub(crate) fn code(&self) -> Option<ErrorCode> {
        ProblemView::parse(&self.body)?.known_code()
    }

    /// Whether there is no such stream. A base server says so without a code of ours.
    pub(crate) fn is_stream_missing(&self) -> bool {
        self.status == 404 && matches!(self.code(), None | Some(ErrorCode::StreamNotFound))
    }

    /// The reset that a `410` tells, by its headers.
    pub(crate) fn reset(&self) -> Option<Reset> {
        if self.status != 410 {
            return None;
        }
        Some(Reset {
            reason: ResetReason::parse(self.header(header_name::STREAM_RESET)?)?,
            earliest: self.offset(header_name::STREAM_EARLIEST_OFFSET),
            tail: self.offset(header_name::STREAM_NEXT_OFFSET),
        })
    }

    /// What an answer means that is none of those which the operation expects.
    pub(crate) fn into_failure(self) -> Failure {
        if self.status < 300 {
            return Malformed(format!("it answered {} where that makes no sense", self.status)).into();
        }
        let view = ProblemView::parse(&self.body).filter(|view| !view.code.is_empty());
        let retry_after = self.seconds(header_name::RETRY_AFTER);
        let status = self.status;
        // The next token may be a better one.
        let is_renewable = status == 401 && self.has_next_token;
        let refusal = match view {
            Some(view) => {
                let (code, detail, retryable) = (view.code, view.detail, view.retryable || is_renewable);
                Refusal { status, code, detail, retryable, retry_after }
            }
            None => Refusal {
                status,
                code: String::new(),
                detail: self.first_line(),
                retryable: Refusal::is_status_retryable(status) || is_renewable,
                retry_after,
            },
        };
        refusal.into()
    }

    /// What a foreign answer says, cut to what fits in a line.
    fn first_line(&self) -> String {
        const CHARS_MAX: usize = 200;
        let body = String::from_utf8_lossy(&self.body);
        match body.lines().find(|line| !line.trim().is_empty()) {
            Some(line) => line.trim().chars().take(CHARS_MAX).collect(),
            None => "without a reason".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> Answer {
        let headers =
            headers.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()));
        Answer {
            status,
            headers: headers.collect(),
            body: Bytes::copy_from_slice(body.as_bytes()),
            has_next_token: false,
        }
    }

    #[test]
    fn a_problem_of_ours_says_itself_whether_to_retry() {
        let body = r#"{"status":507,"code":"too_many_streams","detail":"delete some","retryable":false}"#;
        let Failure::Refused(refusal) = answer(507, &[], body).into_failure() else { panic!("not refused") };
        assert!(!refusal.retryable);
        assert_eq!(refusal.code, "too_many_streams");
    }

    #[test]
    fn a_proxy_is_judged_by_its_status() {
        let failure = answer(502, &[("retry-after", "3")], "<html>\n").into_failure();
        assert!(failure.is_retryable());
        assert_eq!(failure.retry_after(), Some(Duration::from_secs(3)));
        assert!(!answer(401, &[], "").into_failure().is_retryable());
        assert!(!answer(200, &[], "").into_failure().is_retryable());
    }

    #[test]
    fn only_a_missing_stream_is_a_missing_stream() {
        assert!(answer(404, &[], r#"{"code":"stream_not_found"}"#).is_stream_missing());
        assert!(answer(404, &[], "Stream not found").is_stream_missing());
        assert!(!answer(404, &[], r#"{"code":"not_found"}"#).is_stream_missing());
    }
}
