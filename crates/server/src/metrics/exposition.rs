//! How metrics are written: the text format of Prometheus, and that of `OpenMetrics`, which differs in a few words.

use super::definition::Definition;
use super::instrument::{Histogram, Kind, Unit};
use std::fmt::Write as _;

/// Which of the two forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextFormat {
    /// Version 0.0.4, which everything reads.
    Prometheus,
    /// Version 1.0.0, for who asks for it.
    OpenMetrics,
}

impl TextFormat {
    /// By `Accept`.
    pub(crate) fn asked_for(accept: Option<&str>) -> TextFormat {
        let asks = accept.is_some_and(|accept| accept.contains("application/openmetrics-text"));
        if asks { TextFormat::OpenMetrics } else { TextFormat::Prometheus }
    }

    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            TextFormat::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            TextFormat::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// What ends a page.
    pub(crate) const fn end(self) -> &'static str {
        match self {
            TextFormat::Prometheus => "",
            TextFormat::OpenMetrics => "# EOF\n",
        }
    }
}

/// Writes one metric with all its numbers.
pub(crate) fn write_metric(definition: &Definition, numbers: &[u64], format: TextFormat, text: &mut String) {
    let Definition { name, kind, .. } = definition;
    let family = match format {
        TextFormat::Prometheus => name,
        TextFormat::OpenMetrics => name.strip_suffix("_total").unwrap_or(name),
    };
    let word = match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    };
    // No documentation has a backslash or a line break.
    let help = definition.doc;
    let _written = write!(text, "# HELP {family} {help}\n# TYPE {family} {word}\n");
    if *kind == Kind::Histogram {
        return write_histogram(name, numbers, text);
    }
    for (index, number) in numbers.iter().enumerate() {
        text.push_str(name);
        write_labels(definition.labels, &(definition.label_values)(index), text);
        text.push(' ');
        write_number(*number, definition.unit, text);
        text.push('\n');
    }
}

fn write_histogram(name: &str, numbers: &[u64], text: &mut String) {
    let mut count = 0;
    let bounds = Histogram::BOUNDS_US.iter().map(Some).chain([None]);
    for (bound_us, in_bucket) in bounds.zip(numbers) {
        count += in_bucket;
        let _written = write!(text, "{name}_bucket{{le=\"");
        match bound_us {
            Some(bound_us) => write_number(*bound_us, Unit::Seconds, text),
            None => text.push_str("+Inf"),
        }
        let _written = writeln!(text, "\"}} {count}");
    }
    let sum_us = numbers.last().copied().unwrap_or_default();
    let _written = write!(text, "{name}_sum ");
    write_number(sum_us, Unit::Seconds, text);
    let _written = writeln!(text, "\n{name}_count {count}");
}

/// Only words of this program are values, so nothing has to be escaped.
pub(crate) fn write_labels(names: &[&str], values: &[&str], text: &mut String) {
    if names.is_empty() {
        return;
    }
    text.push('{');
    for (index, (name, value)) in names.iter().zip(values).enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let _written = write!(text, "{comma}{name}=\"{value}\"");
    }
    text.push('}');
}

fn write_number(number: u64, unit: Unit, text: &mut String) {
    let _written = match unit {
        Unit::Whole => write!(text, "{number}"),
        Unit::Seconds => {
            let (seconds, us) = (number / 1_000_000, number % 1_000_000);
            let fraction = format!("{us:06}");
            let fraction = fraction.trim_end_matches('0');
            let fraction = if fraction.is_empty() { "0" } else { fraction };
            write!(text, "{seconds}.{fraction}")
        }
    };
}
