//! How far the whole is: a bar on a terminal, and one line for each result.

use crate::campaign::grouped;
use crate::measured::Measured;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

/// Tells of the progress, on standard error.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Of so many of something, which is said in the plural.
    pub(crate) fn new(total: u64, what: &str) -> Progress {
        if !io::stderr().is_terminal() {
            return Progress(ProgressBar::hidden());
        }
        let bar = ProgressBar::new(total);
        let template = format!("{{bar:30}} {{pos}}/{{len}} {what}, {{left}} left  {{msg}}");
        let style = ProgressStyle::with_template(&template);
        bar.set_style(style.expect("the template is all but constant").with_key("left", write_time_left));
        bar.enable_steady_tick(Duration::from_millis(200));
        Progress(bar)
    }

    /// What is being done now.
    pub(crate) fn begin(&self, what: &str) {
        self.0.set_message(what.to_owned());
    }

    pub(crate) fn add(&self, count: u64) {
        self.0.inc(count);
    }

    pub(crate) fn end(&self, cell: &str, found: &anyhow::Result<Measured>) {
        let line = match found {
            Ok(measured) => format!("{cell}: {}", summary(measured)),
            Err(error) => format!("{cell}: failed: {error:#}"),
        };
        self.tell(&line);
        self.add(1);
    }

    /// One line above the bar.
    pub(crate) fn tell(&self, line: &str) {
        self.0.suspend(|| {
            // Nobody may be reading; the report is what counts.
            let _closed = writeln!(io::stderr(), "{line}");
        });
    }

    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

/// From how long the finished cells took. The estimate of the bar itself looks at the last moments, and grows while a
/// cell runs.
fn write_time_left(state: &ProgressState, text: &mut dyn fmt::Write) {
    let finished = u32::try_from(state.pos()).unwrap_or(u32::MAX);
    let left = u32::try_from(state.len().unwrap_or(0).saturating_sub(state.pos())).unwrap_or(u32::MAX);
    let told = match state.elapsed().checked_div(finished) {
        Some(each) => write!(text, "about {} min", (each * left).as_secs().div_ceil(60)),
        None => write!(text, "some time"),
    };
    told.expect("the bar takes any text");
}

fn summary(measured: &Measured) -> String {
    format!(
        "{}/s, p50 {}, p99 {}, {:.2} µs CPU, others used {:.2} CPUs",
        whole(measured.per_second),
        duration(measured.p50_us),
        duration(measured.p99_us),
        measured.cpu_us,
        measured.others_cpus,
    )
}

/// A figure without its fraction.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "figures are small and positive")]
pub(crate) fn whole(figure: f64) -> String {
    grouped(figure.round() as u64)
}

/// Microseconds, in a unit that suits them.
pub(crate) fn duration(microseconds: f64) -> String {
    match microseconds {
        us if us < 999.5 => format!("{us:.0} µs"),
        us if us < 9_995.0 => format!("{:.2} ms", us / 1e3),
        us if us < 99_950.0 => format!("{:.1} ms", us / 1e3),
        us => format!("{:.0} ms", us / 1e3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits() {
        let texts = [7.2, 999.0, 1_000.0, 12_345.0, 123_456.0].map(duration);
        assert_eq!(texts, ["7 µs", "999 µs", "1.00 ms", "12.3 ms", "123 ms"]);
    }
}
