//! Times, taken at the edge of the program and handed in everywhere else.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tidings_model::Timestamp;

/// Now, by this machine's clock.
#[expect(clippy::disallowed_methods, reason = "this is where the time of day comes from")]
pub(crate) fn wall_now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Timestamp::default().after(since_epoch)
}

/// Now, for measuring how long something takes.
#[expect(clippy::disallowed_methods, reason = "this is where times come from")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
