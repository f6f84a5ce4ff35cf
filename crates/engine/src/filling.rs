//! The fillers: threads that make the next file of a log ready before it is needed, so that no publish waits for
//! zeros.

use crate::engine::StartError;
use crate::shared::Shared;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tidings_log::{FillError, SegmentFiller};
use tidings_model::Durability;

/// To find a disk full takes as long as filling it: not to be done all the time, unless some space was given back.
const AGAIN_WHEN_FULL: Duration = Duration::from_secs(1);

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
            match fill(durability, &filler, &shared) {
                Ok(()) => shared.filler_bell(durability).wait(),
                Err(FillError::Full) => shared.room_bell(durability).wait_at_most(AGAIN_WHEN_FULL),
                // The commit that needs the file finds out too, and says so.
                Err(FillError::Failed(_)) => return,
            }
        }
    };
    thread.spawn(run).map_err(|error| StartError::System(error.to_string()))
}

/// Makes a file if one is wanted.
pub(crate) fn fill(durability: Durability, filler: &SegmentFiller, shared: &Shared) -> Result<(), FillError> {
    if filler.wanted() {
        filler.fill()?;
        // There is room again, and nobody needs to publish to find out.
        shared.set_full(durability, false);
    }
    Ok(())
}
