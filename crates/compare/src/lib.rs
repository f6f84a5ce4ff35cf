//! `tidings compare`: the same workload over each way to follow, measured at a real server, and what follows from it.
//!
//! ```text
//! Plan ──► steps ──► Run for each way ──► Findings ──► Verdict
//!                                            ├─► table on the terminal
//!                                            ├─► JSON
//!                                            └─► report: one HTML file
//! ```
//! [`Findings`] is all that a report needs: who has its JSON has the report. Does not know the engine, the log or the server: they
//! are measured from outside, as any other server is.

mod clients;
mod clock;
mod columns;
mod compare;
mod findings;
mod harness;
mod map;
mod number;
mod plan;
mod proxy;
mod quiet;
mod report;
mod result;
#[cfg(test)]
mod sample;
mod steps;
mod table;
mod verdict;
mod watch;
mod way;

pub use clients::clients;
pub use compare::compare;
pub use findings::{
    ClientLines, Distribution, FORMAT, Findings, Harness, LATE_MS_DEFAULT, Machine, Publishing, Run, Second,
    ServerFacts, ServerUsage, Sweep, SweepCell, Trouble, UnreadableFindings, Workload,
};
pub use harness::{
    CannotReach, Elsewhere, Interrupted, Live, Phase, Program, Speaks, UnknownLanguage, shown_url,
};
pub use map::write_map;
pub use plan::{Grid, InvalidPlan, Plan, Scope, Target, limits};
pub use report::{Chart, write_chart, write_report};
pub use steps::{check, estimate};
pub use table::{NoColours, Palette, Tone, write_table};
pub use verdict::{cheapest, verdict};
pub use watch::{Measured, Watch};
pub use way::Way;
