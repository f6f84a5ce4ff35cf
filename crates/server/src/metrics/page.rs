//! The page `docs/metrics.md`, printed from the tables.

use super::definition::{Definition, Table};
use super::instrument::{Histogram, Kind, Merge};
use super::{Metrics, ServerMetrics};
use std::fmt::Write as _;
use std::time::Duration;

const INTRODUCTION: &str = "\
# Metrics

This page is printed from the code by `cargo xtask metrics`; change the tables there, not this page.

`GET /metrics` answers in the text format of Prometheus, or in OpenMetrics where `Accept` asks for that. Where there are rules, it is for those who have the right `admin` on `**` (an API key of
their own, for the scraper). No name of a stream, no address and no subject is ever a label, so the page has the same number of lines whatever the server holds. Seconds are seconds and bytes
are bytes; what ends in `_total` counts since the start of the process. The numbers of all workers are added up, but for those of which the largest is told.

";

/// The whole page.
pub fn metrics_markdown() -> String {
    let mut page = INTRODUCTION.to_owned();
    page.push_str("| name | kind | labels | meaning |\n|---|---|---|---|\n");
    for definition in Metrics::DEFINITIONS.iter().chain(ServerMetrics::DEFINITIONS) {
        write_row(definition, &mut page);
    }
    page
}

/// With more values than this a label is only counted.
const VALUES_SHOWN: usize = 20;

fn write_row(definition: &Definition, page: &mut String) {
    let Definition { name, kind, merge, labels, doc, .. } = definition;
    let kind = match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    };
    let values = values_of(definition);
    let labels = labels.iter().zip(&values).map(|(label, values)| {
        if VALUES_SHOWN < values.len() {
            return format!("`{label}`: {} values", values.len());
        }
        let values: Vec<_> = values.iter().map(|value| format!("`{value}`")).collect();
        format!("`{label}`: {}", values.join(", "))
    });
    let labels: Vec<_> = labels.collect();
    let largest = if *merge == Merge::Largest { " The largest of all workers." } else { "" };
    let buckets = if kind == "histogram" { buckets() } else { String::new() };
    let _always_fits =
        writeln!(page, "| `{name}` | {kind} | {} | {doc}{largest}{buckets} |", labels.join("; "));
}

/// The values of each label of a metric, each once.
fn values_of(definition: &Definition) -> Vec<Vec<&'static str>> {
    let mut values = vec![Vec::new(); definition.labels.len()];
    for index in 0..definition.count {
        for (known, value) in values.iter_mut().zip((definition.label_values)(index)) {
            if !known.contains(&value) {
                known.push(value);
            }
        }
    }
    values
}

fn buckets() -> String {
    let bounds: Vec<_> = Histogram::BOUNDS_US.iter().map(|us| Duration::from_micros(*us)).collect();
    let (first, last) =
        (bounds.first().copied().unwrap_or_default(), bounds.last().copied().unwrap_or_default());
    format!(" Buckets from {first:?} to {last:?}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_named_by_what_it_is() {
        for Definition { name, kind, doc, .. } in
            Metrics::DEFINITIONS.iter().chain(ServerMetrics::DEFINITIONS)
        {
            let is_total = name.ends_with("_total");
            assert_eq!(is_total, *kind == Kind::Counter, "{name}");
            assert!(name.starts_with("tidings_") || name.starts_with("process_"), "{name}");
            assert!(doc.ends_with('.') && !doc.contains(['\\', '\n', '|']), "{name}: {doc}");
        }
    }
}
