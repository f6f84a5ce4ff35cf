//! The one place that asks for the time.

use std::time::{Instant, SystemTime};
use tidings_model::Timestamp;

/// For durations.
#[expect(clippy::disallowed_methods, reason = "this is the clock that everything else takes")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// For what is stored.
#[expect(clippy::disallowed_methods, reason = "this is the clock that everything else takes")]
pub(crate) fn wall() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}
