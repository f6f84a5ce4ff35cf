//! Problems: how a refusal is told, as `application/problem+json`.
//!
//! Knows the members and headers that go with a code. Does not know who refused, or why.

mod view;

use view::FactMembers;
pub use view::ProblemView;

use crate::ErrorCode;
use std::borrow::Cow;
use std::fmt;
use tidings_model::{Offset, Reset};

/// A refusal: its code, what to do about it, and the facts that a program can act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What went wrong.
    pub code: ErrorCode,
    /// A sentence for the caller that says what to do. Nothing secret, nothing of the server's inside.
    pub detail: Cow<'static, str>,
    /// What a program needs to go on.
    pub facts: ProblemFacts,
}

/// What a program needs to go on after a refusal; most refusals have nothing to add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProblemFacts {
    /// Nothing beyond the code.
    None,
    /// The offset can't be continued (members and headers).
    Reset(Reset),
    /// The stream is closed at this tail (headers).
    Closed {
        /// The last offset there will ever be.
        tail: Offset,
    },
    /// A newer epoch of the producer is known (header).
    Stale {
        /// The known one.
        epoch: u64,
    },
    /// A sequence of the producer is missing (headers).
    Gap {
        /// The one that must come next.
        expected: u64,
        /// The one that came.
        received: u64,
    },
    /// Come back later (header).
    RetryAfter {
        /// When.
        seconds: u64,
    },
    /// A limit of one address, subject or stream is reached (members and header).
    Limit(LimitReached),
    /// The path speaks WebSocket only (headers).
    Upgrade,
    /// How to say who one is, and what was wrong with how it was said (header).
    Challenge(Challenge),
    /// The methods that the path has (header).
    Allow {
        /// As `Allow` lists them.
        methods: &'static str,
    },
}

/// Which limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitReached {
    /// The name of its setting.
    pub limit: &'static str,
    /// How much it allows.
    pub amount: u64,
    /// Whom it allows so much: `address`, `subject` or `stream`.
    pub scope: &'static str,
    /// What it allows, in words: "follows at a time".
    pub words: &'static str,
    /// When to ask again.
    pub retry_after_s: u64,
}

/// What `WWW-Authenticate` says (RFC 6750, section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// A token is missing.
    Missing,
    /// The token is not believed.
    InvalidToken,
    /// The token is believed, and grants less.
    InsufficientScope,
}

impl Challenge {
    /// The value of the header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Challenge::Missing => "Bearer realm=\"tidings\"",
            Challenge::InvalidToken => "Bearer realm=\"tidings\", error=\"invalid_token\"",
            Challenge::InsufficientScope => "Bearer realm=\"tidings\", error=\"insufficient_scope\"",
        }
    }
}

impl Problem {
    /// The media type of the body.
    pub const CONTENT_TYPE: &str = "application/problem+json";

    /// A refusal without further facts.
    pub fn new(code: ErrorCode, detail: impl Into<Cow<'static, str>>) -> Problem {
        Problem { code, detail: detail.into(), facts: ProblemFacts::None }
    }

    /// The same refusal with these facts.
    #[must_use]
    pub fn with(self, facts: ProblemFacts) -> Problem {
        Problem { facts, ..self }
    }

    /// "Your offset can't be continued."
    pub fn reset(reset: Reset) -> Problem {
        let detail = match reset.tail {
            Some(_) => "begin again at `earliest` to read what is kept, or at `tail` for what is new",
            None => "the stream is gone; begin again when there is a new one",
        };
        Problem::new(ErrorCode::Reset, detail).with(ProblemFacts::Reset(reset))
    }

    /// "No such stream."
    pub fn stream_not_found() -> Problem {
        Problem::new(ErrorCode::StreamNotFound, "create the stream with PUT, or publish with `create=true`")
    }

    /// "No such path."
    pub fn not_found() -> Problem {
        Problem::new(
            ErrorCode::NotFound,
            "a stream is at /v1/stream/{name}, the list of streams at /v1/streams",
        )
    }

    /// "The stream is closed."
    pub fn stream_closed(tail: Offset) -> Problem {
        let detail = "the stream takes no more messages; publish to another one";
        Problem::new(ErrorCode::StreamClosed, detail).with(ProblemFacts::Closed { tail })
    }

    /// "A newer epoch of this producer is known."
    pub fn producer_stale(epoch: u64) -> Problem {
        let detail = "another instance of this producer has taken over; stop, or begin a higher epoch";
        Problem::new(ErrorCode::ProducerStale, detail).with(ProblemFacts::Stale { epoch })
    }

    /// "A sequence of this producer is missing."
    pub fn producer_gap(expected: u64, received: u64) -> Problem {
        let detail = "send the sequence `Producer-Expected-Seq` first, then this one again";
        Problem::new(ErrorCode::ProducerGap, detail).with(ProblemFacts::Gap { expected, received })
    }

    /// "Too much at the moment."
    pub fn too_busy(retry_after_s: u64) -> Problem {
        let detail = "the server is busy; try again after `Retry-After` seconds";
        Problem::new(ErrorCode::TooBusy, detail).with(ProblemFacts::RetryAfter { seconds: retry_after_s })
    }

    /// "Whoever decides this can't be asked."
    pub fn authority_unavailable(retry_after_s: u64) -> Problem {
        let detail =
            "whoever decides this can't be asked at the moment; try again after `Retry-After` seconds";
        let facts = ProblemFacts::RetryAfter { seconds: retry_after_s };
        Problem::new(ErrorCode::AuthorityUnavailable, detail).with(facts)
    }

    /// The same refusal, in other words.
    #[must_use]
    pub fn because(self, detail: impl Into<Cow<'static, str>>) -> Problem {
        Problem { detail: detail.into(), ..self }
    }

    /// "There is no memory for another follower."
    pub fn short_of_memory(retry_after_s: u64) -> Problem {
        let detail = "the server is short of memory and has no room for this; poll, or try again after `Retry-After` seconds";
        let facts = ProblemFacts::RetryAfter { seconds: retry_after_s };
        Problem::new(ErrorCode::ShortOfMemory, detail).with(facts)
    }

    /// "One address, subject or stream has or does as much as it may."
    pub fn limit_reached(reached: LimitReached) -> Problem {
        let LimitReached { limit, amount, scope, words, .. } = reached;
        let detail = format!(
            "one {scope} may have {amount} {words} (`{limit}`); try again after `Retry-After` seconds"
        );
        Problem::new(ErrorCode::LimitExceeded, detail).with(ProblemFacts::Limit(reached))
    }

    /// "The server is about to end."
    pub fn draining(retry_after_s: u64) -> Problem {
        let detail = "the server is about to end; try again after `Retry-After` seconds";
        Problem::new(ErrorCode::Draining, detail).with(ProblemFacts::RetryAfter { seconds: retry_after_s })
    }

    /// "This path is a WebSocket."
    pub fn upgrade_required() -> Problem {
        Problem::upgrade_required_because("open this path as a WebSocket (RFC 6455, version 13)")
    }

    /// The same, of a request that asks for a WebSocket but not as it should.
    pub fn upgrade_required_because(detail: &'static str) -> Problem {
        Problem::new(ErrorCode::UpgradeRequired, detail).with(ProblemFacts::Upgrade)
    }

    /// "A `CONNECT` is answered only where there is a WebSocket."
    pub fn no_websocket_here() -> Problem {
        Problem::new(ErrorCode::NotFound, "there is no WebSocket here: open `/v1/ws` or `/v1/stream/{name}`")
    }

    /// "A `CONNECT` asks for a WebSocket or nothing."
    pub fn protocol_not_served() -> Problem {
        let detail =
            "this server is no proxy: `CONNECT` needs `:protocol` of `websocket` (RFC 8441), over HTTP/2";
        Problem::new(ErrorCode::ProtocolNotServed, detail)
    }

    /// "Say who you are."
    pub fn unauthenticated() -> Problem {
        let detail = "send a token that permits this, as `Authorization: Bearer <token>`";
        Problem::new(ErrorCode::Unauthenticated, detail).with(ProblemFacts::Challenge(Challenge::Missing))
    }

    /// "This token is not believed."
    pub fn token_refused(detail: impl Into<Cow<'static, str>>) -> Problem {
        let facts = ProblemFacts::Challenge(Challenge::InvalidToken);
        Problem::new(ErrorCode::Unauthenticated, detail).with(facts)
    }

    /// "Who asks was believed once, and is not any more."
    pub fn revoked() -> Problem {
        let facts = ProblemFacts::Challenge(Challenge::InvalidToken);
        Problem::new(ErrorCode::Revoked, "who asks was revoked; come back with another token").with(facts)
    }

    /// "Not for a page of that origin."
    pub fn origin_refused() -> Problem {
        let detail =
            "pages of this origin may not use this server; list it in a table `[[origins]]` of the settings";
        Problem::new(ErrorCode::OriginRefused, detail)
    }

    /// "Not this stream for a page of that origin." The same whether it exists or not.
    pub fn origin_refused_here() -> Problem {
        let detail = "pages of this origin may not use this stream; list it in their table `[[origins]]` of the settings";
        Problem::new(ErrorCode::OriginRefused, detail)
    }

    /// "By that name only somebody else's page would ask."
    pub fn host_refused() -> Problem {
        let detail = "without rules this server is for this machine only, and was asked by another name; ask by `localhost`, write rules, or \
            list the name in a table `[[origins]]` of the settings";
        Problem::new(ErrorCode::OriginRefused, detail)
    }

    /// "The rules don't allow it." The same whether what was asked for exists or not.
    pub fn forbidden(right: &str) -> Problem {
        let detail = format!("the token does not grant the right to {right} here; get one that does");
        let facts = ProblemFacts::Challenge(Challenge::InsufficientScope);
        Problem::new(ErrorCode::Forbidden, detail).with(facts)
    }

    /// "The path does not have that method."
    pub fn method_not_allowed(methods: &'static str) -> Problem {
        let detail = "use one of the methods that `Allow` lists";
        Problem::new(ErrorCode::MethodNotAllowed, detail).with(ProblemFacts::Allow { methods })
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.code.status()
    }

    /// The body.
    pub fn to_json(&self) -> Vec<u8> {
        let facts = match &self.facts {
            ProblemFacts::Reset(reset) => Some(FactMembers::of_reset(reset)),
            ProblemFacts::Limit(reached) => Some(FactMembers::of_limit(reached)),
            ProblemFacts::None
            | ProblemFacts::Closed { .. }
            | ProblemFacts::Stale { .. }
            | ProblemFacts::Gap { .. }
            | ProblemFacts::RetryAfter { .. }
            | ProblemFacts::Upgrade
            | ProblemFacts::Challenge(_)
            | ProblemFacts::Allow { .. } => None,
        };
        view::encode(self, facts)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl std::error::Error for Problem {}
