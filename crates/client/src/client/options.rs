//! What may be said about how a client works.

use crate::{RootCertificate, Timing, Token};
use std::time::Duration;

/// Which transport follows use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Via {
    /// The best one that works, found out while it goes.
    #[default]
    Auto,
    /// Ask at an interval; `None` takes the advice of the server.
    Poll {
        /// The interval.
        every: Option<Duration>,
    },
    /// Long polls only.
    LongPoll,
    /// SSE only.
    Sse,
    /// WebSocket only.
    WebSocket,
}

/// What may be said about how a client works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientOptions {
    /// The `User-Agent` of its requests; control characters are sent as spaces.
    pub user_agent: String,
    /// Who the client is, where the server wants to know.
    pub token: Option<Token>,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long an answer may take to begin, or stop in the middle. (Follows have their own limits.)
    pub silence_max: Duration,
    /// The largest answer, event or frame that is taken.
    pub answer_bytes_max: usize,
    /// Certificates that are believed besides those of the system, where the server's URL is `https://`.
    pub root_certificates: Vec<RootCertificate>,
    /// Over which transport streams are followed; [`Client::set_via`](crate::Client::set_via) changes it later.
    pub via: Via,
    /// The numbers by which transports are chosen.
    pub timing: Timing,
}

impl Default for ClientOptions {
    fn default() -> ClientOptions {
        ClientOptions {
            user_agent: concat!("tidings/", env!("CARGO_PKG_VERSION")).to_owned(),
            token: None,
            connect_timeout: Duration::from_secs(10),
            silence_max: Duration::from_secs(30),
            answer_bytes_max: 64 << 20,
            root_certificates: Vec::new(),
            via: Via::Auto,
            timing: Timing::default(),
        }
    }
}
