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

mod clock;
mod findings;
mod harness;
mod proxy;
mod way;

pub use findings::{
    ClientLines, Distribution, Findings, Harness, Machine, Publishing, Run, Second, ServerFacts, ServerUsage,
    Sweep, SweepCell, Trouble, Workload,
};
pub use harness::{CannotReach, Elsewhere, Interrupted, Live, Phase, Program, Speaks, UnknownLanguage};
pub use way::Way;
