//! The body of a problem: written by the server, read by clients.

use super::{LimitReached, Problem};
use crate::ErrorCode;
use serde::{Deserialize, Serialize};
use tidings_model::{Offset, Reset, ResetReason};

/// The members, in the order in which they are written. A client takes a body with any of them missing.
#[derive(Serialize, Deserialize)]
struct Members {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    status: u16,
    #[serde(default)]
    code: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    retryable: bool,
    #[serde(flatten)]
    facts: Option<FactMembers>,
}

/// What some codes add.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum FactMembers {
    Reset(ResetMembers),
    Limit(LimitMembers),
}

impl FactMembers {
    pub(super) fn of_reset(reset: &Reset) -> FactMembers {
        let token = |offset: Option<Offset>| offset.map(|offset| offset.to_string());
        FactMembers::Reset(ResetMembers {
            reason: reset.reason.as_str().to_owned(),
            earliest: token(reset.earliest),
            tail: token(reset.tail),
        })
    }

    pub(super) fn of_limit(reached: &LimitReached) -> FactMembers {
        FactMembers::Limit(LimitMembers {
            limit: reached.limit.to_owned(),
            amount: reached.amount,
            scope: reached.scope.to_owned(),
        })
    }
}

/// What a limit adds.
#[derive(Serialize, Deserialize)]
pub(super) struct LimitMembers {
    limit: String,
    amount: u64,
    scope: String,
}

/// What a reset adds. Tokens may be `null`, but are there.
#[derive(Serialize, Deserialize)]
pub(super) struct ResetMembers {
    reason: String,
    earliest: Option<String>,
    tail: Option<String>,
}

/// Writes the body of a problem.
pub(super) fn encode(problem: &Problem, facts: Option<FactMembers>) -> Vec<u8> {
    let members = Members {
        kind: "about:blank".to_owned(),
        title: problem.code.title().to_owned(),
        status: problem.code.status(),
        code: problem.code.as_str().to_owned(),
        detail: problem.detail.to_string(),
        retryable: problem.code.is_retryable(),
        facts,
    };
    serde_json::to_vec(&members).expect("plain members always serialise")
}

/// A problem as a client reads it: it may come from a newer server, or from a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProblemView {
    /// The code as it was sent; empty when there was none.
    pub code: String,
    /// What to do about it.
    pub detail: String,
    /// Whether the server says that the same request may succeed later.
    pub retryable: bool,
    /// Where to go on, when the code is `reset`.
    pub reset: Option<Reset>,
}

impl ProblemView {
    /// Reads a body; `None` when it is not a JSON object of that shape.
    pub fn parse(body: &[u8]) -> Option<ProblemView> {
        let members: Members = serde_json::from_slice(body).ok()?;
        let reset = members.facts.and_then(|facts| {
            let FactMembers::Reset(reset) = facts else { return None };
            let token = |text: Option<String>| text.and_then(|text| Offset::parse(&text).ok());
            Some(Reset {
                reason: ResetReason::parse(&reset.reason)?,
                earliest: token(reset.earliest),
                tail: token(reset.tail),
            })
        });
        Some(ProblemView { code: members.code, detail: members.detail, retryable: members.retryable, reset })
    }

    /// The code, if this version knows it.
    pub fn known_code(&self) -> Option<ErrorCode> {
        ErrorCode::parse(&self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidings_model::Incarnation;

    #[test]
    fn a_problem_reads_as_documented() {
        let problem = Problem::new(ErrorCode::EmptyBody, "send \"something\"");
        let text = String::from_utf8(problem.to_json()).unwrap();
        assert_eq!(
            text,
            r#"{"type":"about:blank","title":"Nothing to publish","status":400,"code":"empty_body","detail":"send \"something\"","retryable":false}"#
        );
        let view = ProblemView::parse(text.as_bytes()).unwrap();
        assert_eq!(view.known_code(), Some(ErrorCode::EmptyBody));
        assert_eq!(view.reset, None);
    }

    #[test]
    fn a_limit_is_named() {
        let reached = LimitReached {
            limit: "max_follows_per_subject",
            amount: 5,
            scope: "subject",
            words: "follows at a time",
            retry_after_s: 2,
        };
        let text = String::from_utf8(Problem::limit_reached(reached).to_json()).unwrap();
        assert_eq!(
            text,
            r#"{"type":"about:blank","title":"A limit is reached","status":429,"code":"limit_exceeded","detail":"one subject may have 5 follows at a time (`max_follows_per_subject`); try again after `Retry-After` seconds","retryable":true,"limit":"max_follows_per_subject","amount":5,"scope":"subject"}"#
        );
        assert_eq!(ProblemView::parse(text.as_bytes()).unwrap().reset, None);
    }

    #[test]
    fn a_reset_carries_its_tokens_both_ways() {
        let tail = Offset { incarnation: Incarnation::of_disk(0xabc), index: 7 };
        let there = Reset { reason: ResetReason::Trimmed, earliest: Some(tail.at(3)), tail: Some(tail) };
        let gone = Reset { reason: ResetReason::Deleted, earliest: None, tail: None };
        for reset in [there, gone] {
            let body = Problem::reset(reset).to_json();
            assert_eq!(ProblemView::parse(&body).unwrap().reset, Some(reset));
        }
        let text = String::from_utf8(Problem::reset(gone).to_json()).unwrap();
        assert!(text.ends_with(r#""reason":"deleted","earliest":null,"tail":null}"#), "{text}");
    }

    #[test]
    fn a_foreign_body_is_taken_as_far_as_it_goes() {
        assert_eq!(ProblemView::parse(b"<html>"), None);
        assert_eq!(ProblemView::parse(b"[]"), None);
        let view = ProblemView::parse(br#"{"code":"of_the_future","retryable":true,"x":1}"#).unwrap();
        assert_eq!(view.known_code(), None);
        assert!(view.retryable);
    }
}
