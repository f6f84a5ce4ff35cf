//! Labels: what a metric is told apart by. Each is one of a few words that are known beforehand, so no number of
//! streams, addresses or subjects makes a page of metrics longer.

use crate::limits::Limit;
use tidings_engine::FollowerKind;
use tidings_model::ResetReason;
use tidings_protocol::{ErrorCode, Method, Route};

/// The labels of one metric together.
pub(crate) trait Labels: Copy {
    /// What they are called.
    const NAMES: &'static [&'static str];
    /// How many combinations of values there are.
    const COUNT: usize;

    /// Which of the combinations this is.
    fn index(self) -> usize;

    /// The values of a combination, in the order of the names.
    fn values(index: usize) -> Vec<&'static str>;
}

/// Defines a label: an enum, and the word of each of its values.
macro_rules! label {
    ($(#[$doc:meta])+ $name:ident $label:literal { $($(#[$of_value:meta])+ $value:ident = $word:literal,)+ }) => {
        $(#[$doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name {
            $($(#[$of_value])+ $value,)+
        }

        impl Labels for $name {
            const NAMES: &'static [&'static str] = &[$label];
            const COUNT: usize = [$($name::$value,)+].len();

            fn index(self) -> usize {
                self as usize
            }

            fn values(index: usize) -> Vec<&'static str> {
                vec![[$($word,)+][index]]
            }
        }
    };
}

label! {
    /// How a follower follows.
    FollowedBy "transport" {
        /// A held long poll.
        LongPoll = "long-poll",
        /// Server-sent events.
        Sse = "sse",
        /// A WebSocket.
        WebSocket = "websocket",
    }
}

label! {
    /// How messages went out.
    Transport "transport" {
        /// A poll.
        Poll = "poll",
        /// A long poll.
        LongPoll = "long-poll",
        /// Server-sent events.
        Sse = "sse",
        /// A WebSocket.
        WebSocket = "websocket",
    }
}

label! {
    /// What holds a connection.
    HeldBy "held_by" {
        /// A slot of the worker: it costs a few bytes while it waits.
        Worker = "worker",
        /// A task of hyper: HTTP/2, and odd requests for a moment.
        Task = "task",
    }
}

label! {
    /// Which of the two logs.
    OfLog "log" {
        /// That of streams on the disk.
        Disk = "disk",
        /// That of `memory` streams.
        Memory = "memory",
    }
}

label! {
    /// What was asked for.
    Asked "route" {
        /// A poll, a long poll or SSE of one stream.
        Read = "read",
        /// Many streams in one request.
        ReadMany = "read_many",
        /// A WebSocket.
        WebSocket = "websocket",
        /// A publish, a close among them.
        Publish = "publish",
        /// A stream is made.
        Create = "create",
        /// A stream is deleted.
        Delete = "delete",
        /// What is known of a stream.
        Head = "head",
        /// The list of streams.
        List = "list",
        /// A ticket.
        Ticket = "ticket",
        /// Whether the server lives, or is ready.
        Health = "health",
        /// What administrators ask.
        Admin = "admin",
        /// This very page.
        Metrics = "metrics",
        /// Whatever else, and what was not understood.
        Other = "other",
    }
}

label! {
    /// The first digit of a status.
    StatusClass "status" {
        /// A WebSocket begins.
        Upgraded = "1xx",
        /// It was done.
        Done = "2xx",
        /// Nothing new (304).
        NothingNew = "3xx",
        /// The caller's fault.
        Refused = "4xx",
        /// The server's fault, or its limits.
        Failed = "5xx",
    }
}

label! {
    /// What came of a question to the application.
    Decided "result" {
        /// A yes.
        Allowed = "allowed",
        /// A no.
        Forbidden = "forbidden",
        /// No answer, or none that can be understood.
        Failed = "failed",
        /// It was not asked: it has failed too often in a row.
        LeftAlone = "left_alone",
        /// It was not asked: it stood in the line for too long.
        Late = "late",
    }
}

label! {
    /// What came of a fetch of the issuer's keys.
    Fetched "result" {
        /// Keys.
        Keys = "keys",
        /// No answer, or none with keys.
        Failed = "failed",
    }
}

/// Which program this is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Build;

impl Labels for Build {
    const NAMES: &'static [&'static str] = &["version"];
    const COUNT: usize = 1;

    fn index(self) -> usize {
        0
    }

    fn values(_index: usize) -> Vec<&'static str> {
        vec![env!("CARGO_PKG_VERSION")]
    }
}

impl Transport {
    /// Its word.
    pub(crate) fn word(self) -> &'static str {
        Transport::values(self.index()).first().copied().unwrap_or_default()
    }
}

impl FollowedBy {
    pub(crate) fn of(kind: FollowerKind) -> FollowedBy {
        match kind {
            crate::transport::LONG_POLL => FollowedBy::LongPoll,
            crate::transport::SSE => FollowedBy::Sse,
            _ => FollowedBy::WebSocket,
        }
    }
}

impl Asked {
    pub(crate) fn of(route: &Route, method: Method) -> Asked {
        match (route, method) {
            (_, Method::Options | Method::Other) => Asked::Other,
            (Route::Stream(_), Method::Get) => Asked::Read,
            (Route::Stream(_), Method::Head) => Asked::Head,
            (Route::Stream(_), Method::Put) => Asked::Create,
            (Route::Stream(_), Method::Post) => Asked::Publish,
            (Route::Stream(_), Method::Delete) => Asked::Delete,
            (Route::WebSocket, _) => Asked::WebSocket,
            (Route::ReadMany, _) => Asked::ReadMany,
            (Route::Ticket, _) => Asked::Ticket,
            (Route::Streams, _) => Asked::List,
            (Route::HealthLive | Route::HealthReady, _) => Asked::Health,
            (Route::Admin(_), _) => Asked::Admin,
            (Route::Metrics, _) => Asked::Metrics,
        }
    }
}

impl StatusClass {
    pub(crate) fn of(status: u16) -> StatusClass {
        match status {
            ..200 => StatusClass::Upgraded,
            200..300 => StatusClass::Done,
            300..400 => StatusClass::NothingNew,
            400..500 => StatusClass::Refused,
            500.. => StatusClass::Failed,
        }
    }
}

impl Labels for Limit {
    const NAMES: &'static [&'static str] = &["limit"];
    const COUNT: usize = Limit::ALL.len();

    fn index(self) -> usize {
        self as usize
    }

    fn values(index: usize) -> Vec<&'static str> {
        vec![Limit::ALL[index].as_str()]
    }
}

impl Labels for ErrorCode {
    const NAMES: &'static [&'static str] = &["code"];
    const COUNT: usize = ErrorCode::ALL.len();

    fn index(self) -> usize {
        self as usize
    }

    fn values(index: usize) -> Vec<&'static str> {
        vec![ErrorCode::ALL[index].as_str()]
    }
}

/// In the order of the documentation.
const RESET_REASONS: [ResetReason; 4] =
    [ResetReason::Deleted, ResetReason::Trimmed, ResetReason::Ahead, ResetReason::Lost];

impl Labels for ResetReason {
    const NAMES: &'static [&'static str] = &["reason"];
    const COUNT: usize = RESET_REASONS.len();

    fn index(self) -> usize {
        RESET_REASONS.iter().position(|reason| *reason == self).unwrap_or_default()
    }

    fn values(index: usize) -> Vec<&'static str> {
        vec![RESET_REASONS[index].as_str()]
    }
}

/// Two labels: every value of one with every value of the other.
impl Labels for (Asked, StatusClass) {
    const NAMES: &'static [&'static str] = &["route", "status"];
    const COUNT: usize = Asked::COUNT * StatusClass::COUNT;

    fn index(self) -> usize {
        self.0.index() * StatusClass::COUNT + self.1.index()
    }

    fn values(index: usize) -> Vec<&'static str> {
        let mut values = Asked::values(index / StatusClass::COUNT);
        values.extend(StatusClass::values(index % StatusClass::COUNT));
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_its_own_place_and_word() {
        fn check<L: Labels>(all: impl IntoIterator<Item = L>) {
            let all: Vec<_> = all.into_iter().map(L::index).collect();
            assert_eq!(all, (0..L::COUNT).collect::<Vec<_>>());
            let mut words: Vec<_> = all.iter().map(|index| L::values(*index)).collect();
            assert!(words.iter().all(|values| values.len() == L::NAMES.len()));
            words.sort_unstable();
            words.dedup();
            assert_eq!(words.len(), L::COUNT);
        }
        check([FollowedBy::LongPoll, FollowedBy::Sse, FollowedBy::WebSocket]);
        check(ErrorCode::ALL.iter().copied());
        check(RESET_REASONS);
        assert_eq!(
            <(Asked, StatusClass)>::values((Asked::Other, StatusClass::Failed).index()),
            ["other", "5xx"]
        );
        assert_eq!((Asked::Other, StatusClass::Failed).index() + 1, <(Asked, StatusClass)>::COUNT);
    }
}
