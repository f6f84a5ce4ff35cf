//! The one place that asks for the time.

use std::time::Instant;

/// For durations.
#[expect(clippy::disallowed_methods, reason = "this is the clock that everything else takes")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
