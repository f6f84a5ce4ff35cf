//! The ways to follow that are compared.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// One way to follow a stream. In JSON: `{"way":"poll","every_s":5.0}`, `{"way":"long-poll"}` and so on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "way", rename_all = "kebab-case")]
pub enum Way {
    /// Asks at an interval; a follower begins anywhere in it.
    Poll {
        /// The interval in seconds.
        every_s: f64,
    },
    /// Asks again at once; each answer keeps its connection.
    LongPoll,
    /// Asks again at once, on a new connection each time.
    LongPollClosing,
    /// One response that goes on.
    Sse,
    /// One connection in both directions.
    #[serde(rename = "websocket")]
    WebSocket,
}

impl Way {
    /// Polling at that interval.
    pub fn poll(every: Duration) -> Way {
        Way::Poll { every_s: every.as_secs_f64() }
    }

    /// As a sentence names it: `long polling that closes` where a table has `long polling, closing`.
    pub fn in_prose(self) -> String {
        match self {
            Way::LongPollClosing => "long polling that closes".to_owned(),
            Way::Poll { .. } | Way::LongPoll | Way::Sse | Way::WebSocket => self.to_string(),
        }
    }

    /// As narrow columns and cells of a map name it.
    pub fn short(self) -> String {
        match self {
            Way::Poll { every_s } => format!("poll {every_s} s"),
            Way::LongPoll => "long poll".to_owned(),
            Way::LongPollClosing => "long poll, closing".to_owned(),
            Way::Sse | Way::WebSocket => self.to_string(),
        }
    }

    /// How much there is to write and to run for it: the smaller, the simpler.
    pub(crate) fn simplicity(self) -> u8 {
        match self {
            Way::Poll { .. } => 0,
            Way::LongPoll => 1,
            Way::LongPollClosing => 2,
            Way::Sse => 3,
            Way::WebSocket => 4,
        }
    }

    /// The interval of polling; of all others there is none.
    pub fn interval(self) -> Option<Duration> {
        match self {
            // What is no time, in a file of findings, is never.
            Way::Poll { every_s } => Some(Duration::try_from_secs_f64(every_s).unwrap_or(Duration::MAX)),
            Way::LongPoll | Way::LongPollClosing | Way::Sse | Way::WebSocket => None,
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Way::Poll { every_s } => write!(f, "polling every {every_s} s"),
            Way::LongPoll => f.write_str("long polling"),
            Way::LongPollClosing => f.write_str("long polling, closing"),
            Way::Sse => f.write_str("SSE"),
            Way::WebSocket => f.write_str("WebSocket"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_that_is_no_time_is_never() {
        assert_eq!(Way::Poll { every_s: -1.0 }.interval(), Some(Duration::MAX));
        assert_eq!(Way::Poll { every_s: 0.25 }.interval(), Some(Duration::from_millis(250)));
    }
}
