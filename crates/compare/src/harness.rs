//! One run: followers of one way, a publisher, and what is measured meanwhile.
//!
//! ```text
//!  prepare ─► join ─► quiet ─► warm up ─► measure ──────► drain ─► close
//!  streams    all     memory   publish    publish, count  until all have all
//! ```
//! Messages are published from the beginning of the warm-up to the end of the measured time. The warm-up is a poll's interval, so that the
//! measured time sees each way as it is for ever: with as many messages delivered as published. Requests, bytes, processor time are
//! counted over the measured time; latency and delivery over the messages that were due in it, whenever they came.
//!
//! One thread does it all. Rules are in plain structs that take bytes and the time; `crowd.rs` is the only file with sockets.

mod answer;
mod ask;
mod backoff;
mod bottleneck;
mod child;
mod comeback;
mod crowd;
mod dialect;
mod durations;
mod elsewhere;
mod event_lines;
mod follower;
mod open_files;
mod origin;
mod patience;
mod payload;
mod publisher;
mod publishing;
mod reactor;
mod run;
mod said;
mod site;
mod tally;
#[cfg(test)]
mod tests;
mod tls;
mod track;
mod usage;
mod wire;

pub use child::Program;
pub(crate) use dialect::PublishWay;
pub use elsewhere::{CannotReach, Elsewhere, Speaks, UnknownLanguage};
pub(crate) use open_files::followers_max;
pub use origin::shown_url;
pub(crate) use publishing::{PublishingLoad, measure_publishing};
pub(crate) use run::measure;
pub(crate) use site::Site;

/// What everybody does in a run, and how it ends.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Load {
    pub(crate) workload: crate::findings::Workload,
    pub(crate) ending: Ending,
    /// Which latency is late.
    pub(crate) late_ms: f64,
}

/// Called at least four times a second: to go on, or to end soon.
pub(crate) type Watch<'a> = &'a mut dyn FnMut(&Live) -> std::ops::ControlFlow<()>;

/// How a run ends, after the last message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Polls go on at their interval until everybody has everything.
    Natural,
    /// Everybody polls once more soon, and the warm-up is no longer than the measured time: the run is shorter than its interval asks
    /// for. What is delivered then is checked; there are no latencies, which would be too short.
    FinalPoll,
}

/// Whoever watches a run wanted it to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

/// The parts of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Followers connect, and the server becomes quiet.
    #[default]
    Joining,
    /// Messages are published, and nothing is measured.
    WarmingUp,
    /// Messages are published and all is measured.
    Measuring,
    /// The last messages are awaited.
    Draining,
}

/// How a run is going, for whoever waits for it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Live {
    /// What is going on.
    pub phase: Phase,
    /// Seconds since the run began, joining included.
    pub elapsed_s: f64,
    /// How long it will take, as far as that is known by now.
    pub total_s: f64,
    /// Followers that have joined.
    pub joined: usize,
    /// Messages delivered so far.
    pub delivered: u64,
    /// Requests of followers in the last moment.
    pub requests_per_s: f64,
    /// The median latency so far.
    pub p50_ms: f64,
    /// Deliveries of published messages that have not come yet.
    pub behind: u64,
}
