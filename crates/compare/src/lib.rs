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

mod columns;
mod findings;
mod number;
mod report;
mod table;
mod verdict;
mod way;

pub use findings::{
    ClientLines, Distribution, FORMAT, Findings, Harness, LATE_MS_DEFAULT, Machine, Publishing, Run, Second,
    ServerFacts, ServerUsage, Sweep, SweepCell, Trouble, UnreadableFindings, Workload,
};
pub use report::{Chart, write_chart, write_report};
pub use table::{NoColours, Palette, Tone, write_table};
pub use verdict::{cheapest, verdict};
pub use way::Way;
