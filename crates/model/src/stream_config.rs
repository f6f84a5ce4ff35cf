//! What a stream is made with.

use crate::{ContentType, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// What an acknowledgement of a publish means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Durability {
    /// Written and fsynced.
    Disk,
    /// In memory only; gone, and told so, after a restart.
    Memory,
}

impl Durability {
    /// The word on the wire and in settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Durability::Disk => "disk",
            Durability::Memory => "memory",
        }
    }

    /// The durability of that word, if it is one.
    pub fn parse(word: &str) -> Option<Durability> {
        [Durability::Disk, Durability::Memory].into_iter().find(|it| it.as_str() == word)
    }
}

/// How long a stream lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// Until it is deleted.
    Forever,
    /// Until nobody has read or published for that many seconds (`Stream-TTL`).
    Ttl {
        /// The window.
        seconds: u64,
    },
    /// Until a point in time (`Stream-Expires-At`).
    Until {
        /// When.
        at: Timestamp,
        /// As it was given, RFC 3339.
        text: Arc<str>,
    },
}

/// What a stream keeps; `None` is "no limit of this kind". The strictest limit counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Messages younger than this.
    pub age: Option<Duration>,
    /// At most that many bytes of messages.
    pub bytes: Option<u64>,
    /// At most that many messages.
    pub count: Option<u64>,
}

impl Retention {
    /// Whether everything is kept.
    pub fn keeps_all(&self) -> bool {
        self.age.is_none() && self.bytes.is_none() && self.count.is_none()
    }

    /// These limits, and where one is absent that of `defaults`.
    #[must_use]
    pub fn or(self, defaults: Retention) -> Retention {
        Retention {
            age: self.age.or(defaults.age),
            bytes: self.bytes.or(defaults.bytes),
            count: self.count.or(defaults.count),
        }
    }
}

/// What a stream was created with. Fixed until it is deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamConfig {
    /// What its messages are.
    pub content_type: ContentType,
    /// How long it lives.
    pub lifetime: Lifetime,
    /// What its creation asked to keep. Absent limits come from the settings, looked up live.
    pub retention: Retention,
    /// What its creation asked for; `None` is the settings' default at that time.
    pub durability: Option<Durability>,
}
