//! How a comparison is getting on, on standard error: a bar for all of it and a line for the run, where a person sees them; else a
//! line for each thing that is measured.

use super::outputs::Outputs;
use super::stop_signals::StopSignals;
use crate::style::{Ink, Style};
use indicatif::{HumanCount, HumanDuration, MultiProgress, ProgressBar, ProgressStyle};
use std::io::{self, IsTerminal, Write};
use std::ops::ControlFlow;
use std::time::Duration;
use tidings_compare::{Live, Measured, Phase, Plan, Scope, Watch};

/// Shows it.
pub(super) struct Progress<'a> {
    signals: &'a StopSignals,
    style: Style,
    bars: Option<Bars>,
    /// What is told before anything is measured.
    opening: String,
    /// How many things are measured, and how many are begun.
    steps: usize,
    begun: usize,
    /// The estimates of all, of what is done, and of what is measured now.
    total: Duration,
    done: Duration,
    current: Duration,
    failures: usize,
}

/// What is rewritten in place.
struct Bars {
    all: MultiProgress,
    whole: ProgressBar,
    run: ProgressBar,
}

impl<'a> Progress<'a> {
    /// On this process's standard error.
    pub(super) fn on_stderr(plan: &Plan, outputs: &Outputs, signals: &'a StopSignals) -> Progress<'a> {
        let stderr = io::stderr();
        Progress {
            signals,
            style: Style::of(&stderr),
            bars: stderr.is_terminal().then(|| Bars::new(Style::of(&stderr))),
            opening: opening(plan, outputs.lacks_report()),
            steps: 0,
            begun: 0,
            total: Duration::ZERO,
            done: Duration::ZERO,
            current: Duration::ZERO,
            failures: 0,
        }
    }

    /// Takes the bars away; how many measurements failed.
    pub(super) fn end(self) -> usize {
        self.failures
    }

    /// A line that stays.
    fn tell(&self, line: &str) {
        let _nobody_reads = match &self.bars {
            Some(bars) => bars.all.println(line),
            None => writeln!(io::stderr(), "{line}"),
        };
    }
}

impl Watch for Progress<'_> {
    fn on_begin(&mut self, steps: usize, estimate: Duration) {
        self.steps = steps;
        self.tell(&format!("{}; {}", self.opening, about(estimate)));
        self.total = estimate;
    }

    fn on_step(&mut self, what: &str, estimate: Duration) {
        self.begun += 1;
        self.done += self.current;
        self.current = estimate;
        if let Some(bars) = &self.bars {
            bars.whole.set_prefix(format!("{}/{}", self.begun, self.steps));
            bars.show(self.done, self.total);
            bars.run.set_prefix(what.to_owned());
            bars.run.set_message("");
        }
    }

    fn on_live(&mut self, live: &Live) -> ControlFlow<()> {
        if let Some(bars) = &self.bars {
            let elapsed = Duration::try_from_secs_f64(live.elapsed_s).unwrap_or_default();
            bars.show(self.done + elapsed.min(self.current), self.total);
            bars.run.set_message(figures(live));
        }
        if self.signals.came() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn on_measured(&mut self, what: &str, measured: Measured<'_>) {
        let ink = if measured.is_doubtful() { Ink::Alarm } else { Ink::Faint };
        let count = format!("{:>3}/{}", self.begun, self.steps);
        self.tell(&format!(
            "{} {}: {}",
            self.style.paint(Ink::Faint, count),
            self.style.paint(Ink::Name, what),
            self.style.paint(ink, measured)
        ));
    }

    fn on_failure(&mut self, what: &str, error: &anyhow::Error) {
        self.failures += 1;
        self.tell(&format!("{} {what}: {error:#}", self.style.paint(Ink::Alarm, "tidings:")));
    }
}

impl Bars {
    fn new(style: Style) -> Bars {
        let all = MultiProgress::new();
        let (whole, run) = (all.add(ProgressBar::new(0)), all.add(ProgressBar::new_spinner()));
        let bar = match style {
            Style::Plain => "{prefix} {wide_bar} {elapsed}, {msg} left",
            Style::Coloured => "{prefix} {wide_bar:.dim} {elapsed}, {msg} left",
        };
        for (bar, template) in [(&whole, bar), (&run, "{prefix}: {wide_msg}")] {
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
        }
        Bars { all, whole, run }
    }

    /// How much of it is done. What is left follows from the estimate: the speed so far would be a worse guess.
    fn show(&self, done: Duration, total: Duration) {
        self.whole.set_length(millis(total));
        self.whole.set_position(millis(done));
        self.whole.set_message(HumanDuration(total.saturating_sub(done)).to_string());
    }
}

/// After Ctrl-C too, the shell finds empty lines.
impl Drop for Bars {
    fn drop(&mut self) {
        self.run.finish_and_clear();
        self.whole.finish_and_clear();
    }
}

/// How the run is getting on.
fn figures(live: &Live) -> String {
    match (live.phase, live.delivered) {
        (Phase::Joining, _) if live.joined == 0 => return "waits for quiet".to_owned(),
        (Phase::Joining, _) => return format!("{} joined", HumanCount(live.joined as u64)),
        (_, 0) => return phase(live.phase).to_owned(),
        (_, 1..) => {}
    }
    let delivered = HumanCount(live.delivered);
    let Live { requests_per_s, p50_ms, .. } = live;
    let behind =
        if live.behind == 0 { String::new() } else { format!(", {} behind", HumanCount(live.behind)) };
    format!(
        "{delivered} delivered, {requests_per_s:.0} requests/s, p50 {p50_ms:.1} ms{behind}; {}",
        phase(live.phase)
    )
}

/// What is going on, in words.
fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Joining => "joining",
        Phase::WarmingUp => "warms up",
        Phase::Measuring => "measures",
        Phase::Draining => "waits for the last messages",
    }
}

/// What is about to be measured.
fn opening(plan: &Plan, lacks_report: bool) -> String {
    let ways = match plan.ways.len() {
        1 => "1 way".to_owned(),
        count => format!("{count} ways"),
    };
    let what = match &plan.scope {
        Scope::Sweep(grid) => {
            format!("{ways} in {} cells", grid.followers.len() * grid.messages_per_s.len())
        }
        Scope::Whole | Scope::Quick => format!(
            "{ways} with {} followers and {} messages a second",
            HumanCount(plan.workload.followers as u64),
            plan.workload.messages_per_s
        ),
    };
    let hint = if lacks_report { " (--report FILE.html adds charts)" } else { "" };
    format!("tidings: compares {what}{hint}")
}

/// `about 4 minutes`.
fn about(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..100 => format!("about {seconds} seconds"),
        seconds @ 100..7_200 => format!("about {} minutes", (seconds + 30) / 60),
        seconds => format!("about {} hours", (seconds + 1_800) / 3_600),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_some() {
        for style in [Style::Plain, Style::Coloured] {
            let bars = Bars::new(style);
            bars.show(Duration::from_secs(1), Duration::from_secs(10));
            bars.run.set_prefix("SSE");
        }
        assert!(ProgressStyle::with_template("{prefix} {wide_bar:.dim} {elapsed}, {msg} left").is_ok());
        assert!(ProgressStyle::with_template("{prefix}: {wide_msg}").is_ok());
    }

    #[test]
    fn a_time_is_told_as_people_do() {
        let texts = [9, 99, 100, 241, 7_200].map(|seconds| about(Duration::from_secs(seconds)));
        assert_eq!(
            texts,
            ["about 9 seconds", "about 99 seconds", "about 2 minutes", "about 4 minutes", "about 2 hours"]
        );
    }

    #[test]
    fn the_live_line_says_what_goes_on_and_who_is_behind_only_if_somebody_is() {
        let phase = Phase::Measuring;
        let live = Live { phase, delivered: 1_200, requests_per_s: 99.6, p50_ms: 0.44, ..Live::default() };
        assert_eq!(figures(&live), "1,200 delivered, 100 requests/s, p50 0.4 ms; measures");
        assert!(figures(&Live { behind: 3, ..live }).contains(", 3 behind; "));
        assert_eq!(figures(&Live { joined: 7, ..Live::default() }), "7 joined");
        assert_eq!(figures(&Live::default()), "waits for quiet");
        assert_eq!(figures(&Live { phase: Phase::WarmingUp, ..Live::default() }), "warms up");
    }
}
