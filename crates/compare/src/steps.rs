//! The runs that a plan comes to, in their order, and how long each takes.
//!
//! Pure: knows no server and no clock.

use crate::findings::Workload;
use crate::harness::{Ending, PublishWay};
use crate::plan::{Grid, InvalidPlan, Plan, Scope, Target, limits};
use crate::proxy::Proxy;
use crate::way::Way;
use std::fmt;
use std::time::Duration;

/// One thing to measure.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// A way is followed, or nobody follows.
    Run {
        /// Where among the findings it belongs.
        place: Place,
        /// `None`: published to nobody.
        way: Option<Way>,
        /// What everybody does.
        workload: Workload,
        /// How it ends.
        ending: Ending,
    },
    /// One message after the other is published.
    Publishing {
        /// Over what.
        how: PublishWay,
        /// For how long.
        duration: Duration,
    },
}

/// Where among the findings a run belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// `publishing_alone`.
    Alone,
    /// `runs`.
    Main,
    /// `sides`.
    Side,
    /// `troubled`.
    Troubled,
    /// The cell of that index of `sweep`.
    Cell(usize),
}

/// How many times fewer or more followers and messages the sides have.
const SIDE_FOLLOWERS: [f64; 2] = [0.25, 0.5];
const SIDE_RATES: [f64; 2] = [0.25, 4.0];

/// A side is this part of a run, and never shorter than [`SIDE_MIN`].
const SIDE_PART: u32 = 6;
const SIDE_MIN: Duration = Duration::from_secs(3);

/// For how long is published to nobody at most: there is little to see.
const ALONE_MAX: Duration = Duration::from_secs(10);

/// For how long one message after the other is published at most: thousands are enough.
const PUBLISHING_MAX: Duration = Duration::from_secs(3);

/// What a run takes beside publishing: the machine and the server become quiet, the server starts and ends.
const AROUND: Duration = Duration::from_millis(1_200);

/// How many followers join in a second, roughly; and where they are far away, in how many round trips how many at once.
const JOINS_PER_S: f64 = 4_000.0;
const TRIPS: f64 = 3.0;
const JOINING_AT_ONCE_AFAR: f64 = 512.0;

/// For how long is published before it is measured, and how long the last messages take, where no interval of polling is waited for.
const WARM_UP: Duration = Duration::from_millis(500);
const DRAIN: Duration = Duration::from_millis(100);

/// What the trouble adds: the server is away, and everybody comes back with jitter.
const TROUBLE: Duration = Duration::from_secs(5);

impl Step {
    /// How many follow.
    pub(crate) fn followers(&self) -> usize {
        match self {
            Step::Run { way: Some(_), workload, .. } => workload.followers,
            Step::Run { way: None, .. } | Step::Publishing { .. } => 0,
        }
    }

    /// How many files its connections take in this process.
    pub(crate) fn files(&self) -> usize {
        let is_far = match self {
            Step::Run { workload, .. } => 0.0 < workload.rtt_ms || 0.0 < workload.loss || workload.trouble,
            Step::Publishing { .. } => false,
        };
        self.followers() * if is_far { 1 + Proxy::FILES_PER_CONNECTION } else { 1 }
    }

    /// How long it takes, roughly.
    pub(crate) fn estimate(&self) -> Duration {
        match self {
            Step::Publishing { duration, .. } => AROUND + *duration,
            Step::Run { way, workload, ending, .. } => {
                let published = Duration::from_secs_f64(workload.duration_s);
                let interval = way.and_then(Way::interval).unwrap_or_default();
                let (warm_up, drain) = match ending {
                    Ending::Natural => (interval, interval),
                    Ending::FinalPoll => (interval.min(published), interval.min(WARM_UP)),
                };
                let trouble = if workload.trouble { TROUBLE } else { Duration::ZERO };
                AROUND + joining(workload) + warm_up.max(WARM_UP) + published + drain.max(DRAIN) + trouble
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "followers are far below 2^52")]
fn joining(workload: &Workload) -> Duration {
    let trips_s = TRIPS * workload.rtt_ms / 1e3 * (workload.followers as f64 / JOINING_AT_ONCE_AFAR).ceil();
    Duration::from_secs_f64(workload.followers as f64 / JOINS_PER_S + trips_s)
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (place, way, workload) = match self {
            Step::Publishing { how, .. } => return write!(f, "publishing by {}", how.name()),
            Step::Run { place, way, workload, .. } => (place, way, workload),
        };
        match way {
            Some(way) => write!(f, "{way}")?,
            None => f.write_str("publishing to nobody")?,
        }
        match place {
            Place::Alone | Place::Main => Ok(()),
            Place::Side | Place::Cell(_) => {
                write!(f, ", {} followers, {} messages a second", workload.followers, workload.messages_per_s)
            }
            Place::Troubled => f.write_str(", with trouble"),
        }
    }
}

/// All steps of a plan, of the ways that the server has.
pub(crate) fn steps(plan: &Plan, ways: &[Way], publishing: &[PublishWay]) -> Vec<Step> {
    let mut ways = ways.to_vec();
    ways.sort_by(|one, other| order(*one).total_cmp(&order(*other)));
    if let Scope::Sweep(grid) = &plan.scope {
        return cells(plan, grid, &ways);
    }
    let workload = &Workload { trouble: false, ..plan.workload.clone() };
    let alone = workload.duration_s.min(ALONE_MAX.as_secs_f64());
    let mut steps = vec![Step::Run {
        place: Place::Alone,
        way: None,
        workload: lasting(workload, alone),
        ending: Ending::Natural,
    }];
    // Else one way would get a message more than another: which of few fall into the measured time depends on the warm-up.
    let main = &whole_messages(workload, workload.duration_s);
    steps.extend(of_each(&ways, Place::Main, main, Ending::Natural));
    let is_own = matches!(plan.target, Target::Own(_));
    if plan.scope == Scope::Whole && is_own {
        for side in sides(workload) {
            steps.extend(of_each(&ways, Place::Side, &side, Ending::FinalPoll));
        }
    }
    let duration = PUBLISHING_MAX.min(Duration::from_secs_f64(workload.duration_s));
    steps.extend(publishing.iter().map(|how| Step::Publishing { how: *how, duration }));
    if plan.workload.trouble {
        let troubled = Workload { trouble: true, ..main.clone() };
        steps.extend(of_each(&ways, Place::Troubled, &troubled, Ending::Natural));
    }
    steps
}

/// A run of each way.
fn of_each<'a>(
    ways: &'a [Way],
    place: Place,
    workload: &'a Workload,
    ending: Ending,
) -> impl Iterator<Item = Step> + use<'a> {
    ways.iter().map(move |way| Step::Run { place, way: Some(*way), workload: workload.clone(), ending })
}

/// Workloads with fewer followers, with fewer messages and with more.
fn sides(workload: &Workload) -> Vec<Workload> {
    let duration = (workload.duration_s / f64::from(SIDE_PART)).max(SIDE_MIN.as_secs_f64());
    let followers = SIDE_FOLLOWERS.iter().map(|part| Workload {
        followers: part_of(workload.followers, *part),
        streams: workload.streams.min(part_of(workload.followers, *part)),
        ..workload.clone()
    });
    let rates = SIDE_RATES
        .iter()
        .map(|part| Workload { messages_per_s: workload.messages_per_s * part, ..workload.clone() });
    followers
        .filter(|side| 0 < side.followers)
        .chain(rates.filter(|side| limits::MESSAGES_PER_S.contains(&side.messages_per_s)))
        .map(|side| whole_messages(&side, duration))
        // Waiting longer than the run itself for one message of a slow side is not worth it.
        .filter(|side| side.duration_s <= workload.duration_s.max(SIDE_MIN.as_secs_f64()))
        .collect()
}

/// Each way in each cell, row by row.
fn cells(plan: &Plan, grid: &Grid, ways: &[Way]) -> Vec<Step> {
    let mut steps = Vec::new();
    let cells =
        grid.messages_per_s.iter().flat_map(|rate| grid.followers.iter().map(move |count| (rate, count)));
    for (index, (rate, followers)) in cells.enumerate() {
        let cell = cell_workload(&plan.workload, *followers, *rate);
        for way in ways {
            // Polling that is late anyway is measured for its cost only.
            let is_late = way.interval().is_some_and(|every| plan.late < every);
            let ending = if is_late { Ending::FinalPoll } else { Ending::Natural };
            steps.extend(of_each(&[*way], Place::Cell(index), &cell, ending));
        }
    }
    steps
}

/// What everybody does in a cell.
pub(crate) fn cell_workload(workload: &Workload, followers: usize, messages_per_s: f64) -> Workload {
    let streams = workload.streams.min(followers);
    let cell = Workload { followers, streams, messages_per_s, ..workload.clone() };
    whole_messages(&cell, workload.duration_s)
}

/// The same for at least so long that a whole number of messages fits: else the rate of a short run would be another one.
fn whole_messages(workload: &Workload, at_least_s: f64) -> Workload {
    // What is a whole number but for its last digits is that number.
    let messages = (at_least_s * workload.messages_per_s - 1e-9).ceil().max(1.0);
    lasting(workload, messages / workload.messages_per_s)
}

fn lasting(workload: &Workload, duration_s: f64) -> Workload {
    Workload { duration_s, ..workload.clone() }
}

/// That part of a number, rounded down.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "followers are far below 2^52, and a part of them is not negative"
)]
fn part_of(whole: usize, part: f64) -> usize {
    (whole as f64 * part) as usize
}

/// The order of the ways: what is connected for good first, then the more often the earlier.
fn order(way: Way) -> f64 {
    match way {
        Way::WebSocket => -4.0,
        Way::Sse => -3.0,
        Way::LongPoll => -2.0,
        Way::LongPollClosing => -1.0,
        Way::Poll { every_s } => every_s,
    }
}

/// How long a comparison takes, roughly.
pub fn estimate(plan: &Plan) -> Duration {
    all_steps(plan).iter().map(Step::estimate).sum()
}

/// Whether a plan can be carried out at all: what no single value shows to be wrong.
///
/// # Errors
/// Says which values don't go together, and what to write instead.
pub fn check(plan: &Plan) -> Result<(), InvalidPlan> {
    let wrong = |text: String| Err(InvalidPlan(text));
    let Workload { messages_per_s, duration_s, .. } = plan.workload;
    let is_sweep = matches!(plan.scope, Scope::Sweep(_));
    if let Scope::Sweep(grid) = &plan.scope {
        let cells = grid.followers.len() * grid.messages_per_s.len();
        if limits::CELLS_MAX < cells {
            return wrong(format!(
                "a sweep of {cells} cells; at most {} can be asked for",
                limits::CELLS_MAX
            ));
        }
        if matches!(plan.target, Target::Elsewhere(_)) {
            return wrong(
                "--sweep finds what costs least, and what a server at --url costs can't be seen".to_owned(),
            );
        }
        if plan.workload.trouble {
            return wrong("--sweep and --trouble don't go together".to_owned());
        }
    } else if duration_s * messages_per_s < 1.0 {
        let needed = Duration::from_secs_f64((1.0 / messages_per_s).ceil());
        return wrong(format!(
            "no message would be published: at {messages_per_s} a second write --duration {}s or more",
            needed.as_secs()
        ));
    }
    if !is_sweep && plan.workload.followers < plan.workload.streams {
        return wrong(format!(
            "{} followers can't follow {} streams: a stream would have none",
            plan.workload.followers, plan.workload.streams
        ));
    }
    if plan.workload.trouble && plan.workload.durability.as_deref() == Some("memory") {
        return wrong(
            "--trouble restarts the server, and streams in memory are lost then; leave --durability away"
                .to_owned(),
        );
    }
    let total = estimate(plan);
    if limits::TOTAL < total {
        return wrong(format!(
            "it would take about {} hours, more than {}; lower --duration, or ask for fewer ways or cells",
            total.as_secs() / 3_600,
            limits::TOTAL.as_secs() / 3_600
        ));
    }
    Ok(())
}

fn all_steps(plan: &Plan) -> Vec<Step> {
    steps(plan, &plan.ways, &[PublishWay::Post, PublishWay::WebSocket])
}

#[cfg(test)]
mod tests;
