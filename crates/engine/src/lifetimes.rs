//! When streams end by themselves.

use std::time::Duration;
use tidings_model::{Lifetime, Timestamp};

/// When a stream ends, if it does; `accessed` says when it was last read or published to.
pub(crate) fn lifetime_end(lifetime: &Lifetime, accessed: impl FnOnce() -> Timestamp) -> Option<Timestamp> {
    match lifetime {
        Lifetime::Forever => None,
        Lifetime::Ttl { seconds } => Some(accessed().after(Duration::from_secs(*seconds))),
        Lifetime::Until { at, .. } => Some(*at),
    }
}
