//! What can go wrong between a client and its server, whatever the operation, and whether trying again helps.

use std::time::Duration;

/// An exchange with the server that did not end as it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No whole answer came.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    /// The server, or something before it, said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// What came is not the protocol.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

impl Failure {
    /// Whether the same request may work later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Failure::Unreachable(unreachable) => unreachable.is_retryable(),
            Failure::Refused(refusal) => refusal.retryable,
            Failure::Malformed(_) => false,
        }
    }

    /// How long the server asked to wait before the next try.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Failure::Refused(refusal) => refusal.retry_after,
            Failure::Unreachable(_) | Failure::Malformed(_) => None,
        }
    }
}

/// Why no whole answer came.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// No connection could be made.
    #[error("no connection to the server: {0}")]
    Connect(String),
    /// The connection broke before the answer was whole.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// The answer, or a connection that never ends, ended.
    #[error("the server ended the connection")]
    Ended,
    /// Nothing was heard for so long.
    #[error("nothing was heard from the server for {} s", .0.as_secs_f32())]
    Silent(Duration),
    /// The answer is larger than the client takes.
    #[error("the answer is larger than the limit of {bytes_max} bytes")]
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
}

impl Unreachable {
    /// Whether the same request may work later. An answer that is too large will be so again.
    pub fn is_retryable(&self) -> bool {
        match self {
            Unreachable::Connect(_)
            | Unreachable::Broken(_)
            | Unreachable::Ended
            | Unreachable::Silent(_) => true,
            Unreachable::TooLarge { .. } => false,
        }
    }
}

/// The server, or something before it, answered with an error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct Refusal {
    /// The status of HTTP; 0 where the refusal came in a frame of a WebSocket.
    pub status: u16,
    /// The stable code of the protocol; empty when the answer was not ours (a proxy's, for example).
    pub code: String,
    /// What to do, in words.
    pub detail: String,
    /// Whether the same request may work later.
    pub retryable: bool,
    /// How long the server asks to wait.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    /// What a status means for a retry where the answer has no word of ours about it: 408, 429 and 5xx pass.
    pub fn is_status_retryable(status: u16) -> bool {
        matches!(status, 408 | 425 | 429) || 500 <= status
    }

    fn sentence(&self) -> String {
        match (self.status, self.code.as_str()) {
            (status, "") => format!("the server answered {status}: {}", self.detail),
            (0, code) => format!("{} ({code})", self.detail),
            (status, code) => format!("{} ({code}, {status})", self.detail),
        }
    }
}

/// What came is not the protocol: what was wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server does not speak the protocol: {0}")]
pub struct Malformed(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16) -> Failure {
        let retryable = Refusal::is_status_retryable(status);
        let (code, detail) = (String::new(), "no".to_owned());
        Failure::Refused(Refusal { status, code, detail, retryable, retry_after: None })
    }

    #[test]
    fn what_may_pass_is_retried_and_nothing_else() {
        for status in [408, 429, 500, 502, 503, 504, 507] {
            assert!(refusal(status).is_retryable(), "{status}");
        }
        for status in [301, 400, 401, 403, 404, 409, 410, 413, 415, 422] {
            assert!(!refusal(status).is_retryable(), "{status}");
        }
        assert!(Failure::from(Unreachable::Ended).is_retryable());
        assert!(Failure::from(Unreachable::Connect("refused".into())).is_retryable());
        assert!(!Failure::from(Unreachable::TooLarge { bytes_max: 1 }).is_retryable());
        assert!(!Failure::from(Malformed("what".into())).is_retryable());
    }

    #[test]
    fn a_refusal_says_what_to_do_and_its_code() {
        let refusal = Refusal {
            status: 409,
            code: "stream_closed".into(),
            detail: "the stream is closed".into(),
            retryable: false,
            retry_after: None,
        };
        assert_eq!(refusal.to_string(), "the stream is closed (stream_closed, 409)");
    }
}
