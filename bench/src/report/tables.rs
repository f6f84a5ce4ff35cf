//! The tables: a row for each load, a column for each of the compared.

use crate::campaign::{Findings, grouped};
use crate::measured::Measured;
use crate::progress::{duration, whole};
use crate::spread::Spread;
use std::fmt::{self, Write};

/// What stands in the cell of a load and a column.
type Cell<'a> = &'a dyn Fn(usize, usize) -> Option<String>;

pub(crate) fn write_all(text: &mut String, what: &str, findings: &Findings) -> fmt::Result {
    let median = |load, column, figure: fn(&Measured) -> f64| {
        findings.spread(load, column, figure).map(|spread| spread.median)
    };
    write_table(text, findings, &format!("{what} (p50/p99)"), &|load, column| {
        let per_second = median(load, column, |run| run.per_second)?;
        let p50 = median(load, column, |run| run.p50_us)?;
        let p99 = median(load, column, |run| run.p99_us)?;
        Some(format!("{} ({}/{})", whole(per_second), duration(p50), duration(p99)))
    })?;
    write_table(text, findings, "The least and the most per second of all runs", &|load, column| {
        let spread = findings.spread(load, column, |run| run.per_second)?;
        Some(format!("{}..{}", whole(spread.min), whole(spread.max)))
    })?;
    write_table(text, findings, "p99.9", &|load, column| {
        median(load, column, |run| run.p999_us).map(duration)
    })?;
    write_table(text, findings, "Bytes written to disk for each byte of message", &|load, column| {
        known(findings, load, column, |run| run.write_amplification)
    })?;
    write_table(text, findings, "Processor time for each message", &|load, column| {
        median(load, column, |run| run.cpu_us).map(|us| format!("{us:.2} µs"))
    })?;
    if findings.any(|run| run.generator_cpus.is_some()) {
        write_table(
            text,
            findings,
            "Processors that the load generator used, of one thread",
            &|load, column| known(findings, load, column, |run| run.generator_cpus),
        )?;
    }
    write_table(text, findings, "Processors that others used, in the worst run", &|load, column| {
        findings.spread(load, column, |run| run.others_cpus).map(|spread| format!("{:.2}", spread.max))
    })?;
    write_table(text, findings, "Peak memory", &|load, column| {
        let bytes = findings.runs(load, column).iter().map(|run| run.peak_memory_bytes).max()?;
        Some(format!("{} MiB", grouped(bytes >> 20)))
    })
}

/// The median of a figure that not every machine or comparison has.
fn known(
    findings: &Findings,
    load: usize,
    column: usize,
    figure: fn(&Measured) -> Option<f64>,
) -> Option<String> {
    let known = findings.runs(load, column).iter().filter_map(figure);
    Spread::of(known).map(|spread| format!("{:.2}", spread.median))
}

fn write_table(text: &mut String, findings: &Findings, title: &str, cell: Cell<'_>) -> fmt::Result {
    writeln!(text, "{title}:\n")?;
    writeln!(text, "| streams | in flight | {} |", findings.columns.join(" | "))?;
    writeln!(text, "|---:|---:|{}", "---:|".repeat(findings.columns.len()))?;
    for (at, load) in findings.loads.iter().enumerate() {
        write!(text, "| {} | {} |", grouped(load.streams), grouped(load.in_flight))?;
        for column in 0..findings.columns.len() {
            let missing = if findings.runs(at, column).is_empty() { "failed" } else { "unknown" };
            write!(text, " {} |", cell(at, column).as_deref().unwrap_or(missing))?;
        }
        writeln!(text)?;
    }
    writeln!(text)
}
