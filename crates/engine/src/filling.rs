//! The fillers: threads that make the next file of a log ready before it is needed, so that no publish waits for
//! zeros.

use crate::engine::StartError;
use crate::shared::Shared;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tidings_log::SegmentFiller;
use tidings_model::Durability;

const LOOK_EVERY: Duration = Duration::from_millis(20);
/// To find a disk full takes as long as filling it: not to be done all the time.
const LOOK_AGAIN_WHEN_FULL: Duration = Duration::from_secs(1);

/// Starts one that ends with the commit thread.
pub(crate) fn start(
    durability: Durability,
    filler: SegmentFiller,
    shared: &Arc<Shared>,
) -> Result<JoinHandle<()>, StartError> {
    let shared = Arc::clone(shared);
    let thread = thread::Builder::new().name(format!("fill-{}", durability.as_str()));
    let run = move || {
        while !shared.has_ended() {
            thread::park_timeout(fill(durability, &filler, &shared));
        }
    };
    thread.spawn(run).map_err(|error| StartError::System(error.to_string()))
}

/// Makes a file if one is wanted. Says how long nothing is to be done.
fn fill(durability: Durability, filler: &SegmentFiller, shared: &Shared) -> Duration {
    if !filler.wanted() {
        return LOOK_EVERY;
    }
    match filler.fill() {
        Ok(()) => {
            // There is room again, and nobody needs to publish to find out.
            shared.set_full(durability, false);
            LOOK_EVERY
        }
        // Refused: the commit that needs the file finds out too, and says so to its publisher.
        Err(_) => LOOK_AGAIN_WHEN_FULL,
    }
}
