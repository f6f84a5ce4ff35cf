//! The threads that tidy: one for each log seals, merges, gives space back and takes snapshots, in the pauses of the disk.

use crate::engine::StartError;
use crate::shared::Shared;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tidings_log::{Backlog, Upkeep, UpkeepError, Worked};
use tidings_model::Durability;

/// Looks so often without being told that there is anything to do.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What is told in so short a time is done together.
const GATHER: Duration = Duration::from_millis(50);
/// A full disk stays full for a while.
const AGAIN_WHEN_FULL: Duration = Duration::from_secs(1);
/// With more segments than this waiting there are no pauses: publishers are faster than the pace.
const BACKLOG_SEGMENTS: usize = 3;
/// A pause is no longer than this, however slow the disk.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Starts one that ends with the commit thread, after the piece of work that it is at.
pub(crate) fn start(
    durability: Durability,
    mut upkeep: Upkeep,
    shared: &Arc<Shared>,
) -> Result<JoinHandle<()>, StartError> {
    let shared = Arc::clone(shared);
    let thread = thread::Builder::new().name(format!("tidy-{}", durability.as_str()));
    let run = move || {
        let backlog = upkeep.backlog();
        while !shared.has_ended() {
            match tidy(&mut upkeep, &shared, &mut pace(&backlog, &shared)) {
                Tidied::Something => shared.room_bell(durability).ring(),
                Tidied::Nothing => {
                    shared.upkeep_bell(durability).wait_at_most(LOOK_EVERY);
                    shared.pause(GATHER);
                }
                Tidied::Full => shared.pause(AGAIN_WHEN_FULL),
                Tidied::Failed => return,
                Tidied::Damaged(detail) => {
                    let durability = durability.as_str();
                    log::error!("the {durability} log is damaged, and is not tidied any more: {detail}");
                    return;
                }
            }
        }
    };
    thread.spawn(run).map_err(|error| StartError::System(error.to_string()))
}

/// What came of a piece of work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tidied {
    Something,
    Nothing,
    /// To be tried again a little later.
    Full,
    /// The log has failed, and everybody was told.
    Failed,
    /// What was written is not there any more. Nothing is removed, and nothing is to be tried again.
    Damaged(String),
}

/// Does one piece of work.
pub(crate) fn tidy(upkeep: &mut Upkeep, shared: &Shared, pace: &mut dyn FnMut(usize)) -> Tidied {
    match upkeep.work(pace) {
        Ok(Worked::Something) => Tidied::Something,
        Ok(Worked::Nothing) => Tidied::Nothing,
        Err(UpkeepError::Full) => Tidied::Full,
        Err(UpkeepError::Failed(error)) => {
            shared.fail(&error.to_string());
            Tidied::Failed
        }
        Err(UpkeepError::Damaged(detail)) => Tidied::Damaged(detail),
    }
}

/// After each chunk a pause as long as the chunk took, so that at most half of the disk's time goes into this.
#[expect(
    clippy::disallowed_methods,
    reason = "how long a write takes is told by no clock that a caller could hand in"
)]
fn pace(backlog: &Backlog, shared: &Shared) -> impl FnMut(usize) {
    let mut began = Instant::now();
    move |_bytes| {
        if backlog.segments_count() <= BACKLOG_SEGMENTS {
            shared.pause(began.elapsed().min(PAUSE_MAX));
        }
        began = Instant::now();
    }
}
