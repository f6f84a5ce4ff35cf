//! The report: one HTML file with everything in it, which loads nothing and needs no script.

mod chart;
mod escape;
mod page;
mod tables;

pub use chart::{Chart, write_chart};

use crate::findings::Findings;
use std::io::{self, Write};

/// Writes the report of findings: a few hundred kilobytes at most, also of a large sweep.
pub fn write_report(findings: &Findings, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(page::page(findings).as_bytes())
}
