//! What one part found: a table, what it is measured by, and panels of the chart.

use crate::aims::{Aim, Figure, Unit};
use crate::report::chart::{Bar, Panel};
use crate::spread::Spread;
use std::fmt::Write;

/// One part of the report.
pub(super) struct Section {
    /// Tables and remarks, as Markdown.
    pub(super) text: String,
    pub(super) figures: Vec<Figure>,
    pub(super) panels: Vec<Panel>,
}

impl Section {
    /// Of a part that could not be measured, which meets no aim.
    pub(super) fn failed(title: &str, error: &anyhow::Error) -> Section {
        let figure = Figure::new(format!("{title}: could not be measured"), f64::NAN, Unit::Count);
        Section {
            text: format!("It failed: {error:#}\n"),
            figures: vec![figure.aim(Aim::AtMost(0.0))],
            panels: Vec::new(),
        }
    }
}

/// A Markdown table; the first column is text, the others numbers.
pub(super) struct Table(String);

impl Table {
    pub(super) fn new(columns: &[&str]) -> Table {
        let lines = "---:|".repeat(columns.len().saturating_sub(1));
        Table(format!("| {} |\n|---|{lines}\n", columns.join(" | ")))
    }

    pub(super) fn row(&mut self, cells: &[String]) {
        writeln!(self.0, "| {} |", cells.join(" | ")).expect("a text takes any write");
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}

/// The median, or no number of nothing.
pub(super) fn median(values: &[f64]) -> f64 {
    Spread::of(values.iter().copied()).map_or(f64::NAN, |spread| spread.median)
}

/// The median of the ratios within each round.
pub(super) fn median_ratio(values: &[f64], to: &[f64]) -> f64 {
    let ratios: Vec<_> = values.iter().zip(to).map(|(value, to)| value / to).collect();
    median(&ratios)
}

/// A panel of bars, without those that have no value.
pub(super) fn panel(title: &str, bars: impl IntoIterator<Item = (String, f64)>, digits: usize) -> Panel {
    let bar = |(label, value): (String, f64)| {
        let is_ours = label.starts_with("tidings");
        Bar { label, value, text: format!("{value:.digits$}"), is_ours }
    };
    let bars = bars.into_iter().filter(|(_, value)| value.is_finite()).map(bar).collect();
    Panel { title: title.to_owned(), bars }
}
