//! `live=`: the word for how a read over HTTP waits.

use crate::Problem;
use crate::query::invalid;
use std::fmt;

/// How a read over HTTP waits, as the word that asks for it. Which words there are is the server's to say: it has a
/// table of its transports.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Live {
    word: [u8; Live::BYTES_MAX],
    bytes: u8,
}

impl Live {
    /// The longest word.
    pub const BYTES_MAX: usize = 14;

    /// Not at all: the parameter is absent.
    pub const POLL: Live = Live::of("");
    /// Once.
    pub const LONG_POLL: Live = Live::of("long-poll");
    /// For ever.
    pub const SSE: Live = Live::of("sse");

    /// A word that is known to fit.
    const fn of(text: &str) -> Live {
        let text = text.as_bytes();
        let mut word = [0; Live::BYTES_MAX];
        let mut at = 0;
        while at < text.len() {
            word[at] = text[at];
            at += 1;
        }
        #[allow(clippy::cast_possible_truncation, reason = "a longer text does not fit into the word above")]
        Live { word, bytes: text.len() as u8 }
    }

    /// Reads the parameter: lower-case letters and `-`.
    pub(super) fn parse(value: Option<&str>) -> Result<Live, Problem> {
        let Some(value) = value else { return Ok(Live::POLL) };
        let is_word = value.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        if value.is_empty() || Live::BYTES_MAX < value.len() || !is_word {
            return Err(invalid("`live` is `long-poll` or `sse`; leave it out to poll"));
        }
        Ok(Live::of(value))
    }

    /// The word; empty for a poll.
    pub fn as_str(&self) -> &str {
        let word = &self.word[..usize::from(self.bytes)];
        std::str::from_utf8(word).expect("it was made of ASCII")
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Live({:?})", self.as_str())
    }
}
