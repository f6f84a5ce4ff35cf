//! The codes of errors: one line each, the same on every transport and in every client.
//!
//! Knows the table "Errors" of `docs/protocol.md`. Does not know when a code is used.

use std::fmt;

/// Defines the enum, its list and its facts from one line per code, so that none can be forgotten in one place.
macro_rules! error_codes {
    ($($(#[$doc:meta])+ $name:ident = $text:literal, $status:literal, $retry:ident, $title:literal;)+) => {
        /// What went wrong, in one stable word.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[$doc])+ $name,)+
        }

        impl ErrorCode {
            /// Every code, in the order of the documentation.
            pub const ALL: &[ErrorCode] = &[$(ErrorCode::$name,)+];

            const fn facts(self) -> Facts {
                match self {
                    $(ErrorCode::$name => Facts {
                        text: $text,
                        status: $status,
                        retry: Retry::$retry,
                        title: $title,
                    },)+
                }
            }
        }
    };
}

/// What is always true of one code.
struct Facts {
    text: &'static str,
    status: u16,
    retry: Retry,
    title: &'static str,
}

/// Whether the same request may succeed later.
#[derive(Clone, Copy)]
enum Retry {
    Never,
    Later,
}

error_codes! {
    /// The path is not a stream name.
    InvalidName = "invalid_name", 400, Never, "Invalid stream name";
    /// `offset`, `last` or `Last-Event-ID` is malformed, or missing with `live`.
    InvalidOffset = "invalid_offset", 400, Never, "Invalid offset";
    /// Another query parameter is wrong, or given twice; a list of streams that is none, or has a wrong entry.
    InvalidParameter = "invalid_parameter", 400, Never, "Invalid parameter";
    /// A header is wrong, or doesn't go with another.
    InvalidHeader = "invalid_header", 400, Never, "Invalid header";
    /// The body or frame is not JSON.
    InvalidJson = "invalid_json", 400, Never, "Invalid JSON";
    /// A WebSocket message without a known type, or with a wrong member.
    InvalidFrame = "invalid_frame", 400, Never, "Invalid WebSocket message";
    /// Not HTTP as it should be.
    InvalidRequest = "invalid_request", 400, Never, "Invalid HTTP request";
    /// A version of HTTP that the server does not speak.
    VersionNotSupported = "version_not_supported", 505, Never, "HTTP version not supported";
    /// A transfer coding other than `chunked`.
    EncodingNotSupported = "encoding_not_supported", 501, Never, "Transfer coding not supported";
    /// Nothing to publish.
    EmptyBody = "empty_body", 400, Never, "Nothing to publish";
    /// A publish without `Content-Type`.
    ContentTypeRequired = "content_type_required", 400, Never, "Content-Type required";
    /// Create on publish with the type that `curl -d` sends by itself.
    ContentTypeRefused = "content_type_refused", 415, Never, "Content-Type refused";
    /// Not the stream's content type.
    ContentTypeMismatch = "content_type_mismatch", 409, Never, "Another content type";
    /// No such path.
    NotFound = "not_found", 404, Never, "No such path";
    /// No such stream.
    StreamNotFound = "stream_not_found", 404, Never, "No such stream";
    /// The path does not have that method.
    MethodNotAllowed = "method_not_allowed", 405, Never, "Method not allowed";
    /// The stream exists with another configuration.
    StreamConflict = "stream_conflict", 409, Never, "The stream is another";
    /// The stream is closed.
    StreamClosed = "stream_closed", 409, Never, "The stream is closed";
    /// The offset can't be continued.
    Reset = "reset", 410, Never, "The offset can't be continued";
    /// A newer epoch of the producer is known.
    ProducerStale = "producer_stale", 403, Never, "Stale producer epoch";
    /// A new epoch of a producer must begin at sequence 0.
    ProducerEpoch = "producer_epoch", 400, Never, "A new epoch begins at 0";
    /// An earlier sequence of the producer is missing.
    ProducerGap = "producer_gap", 409, Later, "A producer sequence is missing";
    /// `Stream-Seq` is not greater than the last one.
    SeqRegressed = "seq_regressed", 409, Never, "Stream-Seq went back";
    /// The idempotency key was used with other messages.
    IdempotencyConflict = "idempotency_conflict", 422, Never, "Idempotency key used before";
    /// Nobody has said who asks, or not in a way that is believed.
    Unauthenticated = "unauthenticated", 401, Never, "Say who you are";
    /// Who asks, or the token, was revoked.
    Revoked = "revoked", 401, Never, "Revoked";
    /// The rules don't allow it.
    Forbidden = "forbidden", 403, Never, "Not allowed";
    /// A page of another origin, which may not use the server or not that stream; or a name of somebody else's for this machine.
    OriginRefused = "origin_refused", 403, Never, "Not for this page";
    /// A body or message above the limit.
    TooLarge = "too_large", 413, Never, "Too large";
    /// The request's target is above the limit.
    UriTooLong = "uri_too_long", 414, Never, "URI too long";
    /// The request's head is above the limit.
    HeadersTooLarge = "headers_too_large", 431, Never, "Headers too large";
    /// The request did not arrive in time.
    RequestTimeout = "request_timeout", 408, Later, "The request did not arrive in time";
    /// The path needs an upgrade to WebSocket.
    UpgradeRequired = "upgrade_required", 426, Never, "Upgrade required";
    /// A `CONNECT` that asks for something else than a WebSocket.
    ProtocolNotServed = "protocol_not_served", 501, Never, "Protocol not served";
    /// A second subscription to a stream on one WebSocket.
    AlreadySubscribed = "already_subscribed", 409, Never, "Already subscribed";
    /// `unsubscribe` without a subscription.
    NotSubscribed = "not_subscribed", 404, Never, "Not subscribed";
    /// One subscription too many on one WebSocket.
    TooManySubscriptions = "too_many_subscriptions", 429, Never, "Too many subscriptions";
    /// The server holds as many streams as it may.
    TooManyStreams = "too_many_streams", 507, Never, "Too many streams";
    /// The stream knows as many producers as it may.
    TooManyProducers = "too_many_producers", 429, Never, "Too many producers";
    /// One address, subject or stream has or does as much as it may.
    LimitExceeded = "limit_exceeded", 429, Later, "A limit is reached";
    /// As many revocations hold as may.
    TooManyRevocations = "too_many_revocations", 507, Never, "Too many revocations";
    /// A queue or a limit of connections is full.
    TooBusy = "too_busy", 503, Later, "Too busy";
    /// Whoever decides whether it is permitted can't be asked.
    AuthorityUnavailable = "authority_unavailable", 503, Later, "Nobody can decide";
    /// The server uses up its memory budget: it takes no new followers, and holds nothing large for anybody.
    ShortOfMemory = "short_of_memory", 503, Later, "Short of memory";
    /// The server is about to end.
    Draining = "draining", 503, Later, "The server is draining";
    /// No room for messages, on the disk or in memory.
    StorageFull = "storage_full", 507, Later, "No room for messages";
    /// A write failed; the server ends.
    StorageFailed = "storage_failed", 503, Later, "A write failed";
    /// The server's fault.
    Internal = "internal", 500, Later, "Internal error";
}

impl ErrorCode {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        self.facts().text
    }

    /// The code of that word, if it is one.
    pub fn parse(word: &str) -> Option<ErrorCode> {
        ErrorCode::ALL.iter().copied().find(|code| code.as_str() == word)
    }

    /// The HTTP status. Codes that only a WebSocket has carry the status that would fit.
    pub const fn status(self) -> u16 {
        self.facts().status
    }

    /// Whether the same request may succeed later.
    pub const fn is_retryable(self) -> bool {
        matches!(self.facts().retry, Retry::Later)
    }

    /// A short sentence for people, the same for every occurrence.
    pub const fn title(self) -> &'static str {
        self.facts().title
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of the table in `docs/protocol.md`: code, status, retryable.
    fn documented() -> Vec<(String, u16, bool)> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/protocol.md");
        let text = std::fs::read_to_string(path).unwrap();
        let section = text.split("\n## Errors\n").nth(1).unwrap().split("\n## ").next().unwrap();
        let rows = section.lines().filter(|line| line.starts_with("| `"));
        rows.map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let status = cells[2].trim_matches(['(', ')']).parse().unwrap();
            (cells[1].trim_matches('`').to_owned(), status, cells[3] == "yes")
        })
        .collect()
    }

    #[test]
    fn the_documentation_lists_exactly_these_codes() {
        let ours: Vec<_> = ErrorCode::ALL
            .iter()
            .map(|code| (code.as_str().to_owned(), code.status(), code.is_retryable()))
            .collect();
        assert_eq!(documented(), ours);
    }

    #[test]
    fn every_code_reads_back() {
        for &code in ErrorCode::ALL {
            assert_eq!(ErrorCode::parse(code.as_str()), Some(code));
            assert!(!code.title().is_empty());
        }
        assert_eq!(ErrorCode::parse("no_such_code"), None);
    }
}
