//! The report of a campaign: a section of Markdown with tables, and a chart beside it.

pub(crate) mod account;
pub(crate) mod chart;
mod tables;

use crate::CampaignArguments;
use crate::campaign::Findings;
use anyhow::Context;
use std::fmt::Write;
use std::fs;

/// All that a report tells.
pub(crate) struct Report {
    pub(crate) title: &'static str,
    /// What the first table and the chart show.
    pub(crate) what: &'static str,
    /// About the machine.
    pub(crate) facts: Vec<String>,
    /// About each of the compared: version and settings.
    pub(crate) settings: Vec<String>,
    pub(crate) findings: Findings,
}

impl Report {
    /// Writes both files.
    pub(crate) fn write(&self, arguments: &CampaignArguments) -> anyhow::Result<()> {
        let chart = arguments.out.with_extension("svg");
        let name = chart.file_name().context("--out must name a file")?.to_string_lossy().into_owned();
        if let Some(folder) = arguments.out.parent() {
            fs::create_dir_all(folder).context("making the folder of the report")?;
        }
        fs::write(&chart, chart::draw(self.what, &self.findings)).context("writing the chart")?;
        let text = self.markdown(arguments, &name).context("putting the report together")?;
        fs::write(&arguments.out, text).context("writing the report")
    }

    fn markdown(&self, arguments: &CampaignArguments, chart: &str) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        writeln!(text, "## {}\n\n![{}]({chart})\n", self.title, self.what)?;
        tables::write_all(&mut text, self.what, &self.findings)?;
        let window = arguments.window;
        writeln!(
            text,
            "Each cell ran {} times for {} s after {} s of warm-up, interleaved with the others; the tables show medians of the runs that nobody disturbed.\n",
            arguments.rounds,
            window.seconds.as_secs_f64(),
            window.warm_up.as_secs_f64(),
        )?;
        for line in self.facts.iter().chain(&self.settings) {
            writeln!(text, "- {line}")?;
        }
        writeln!(text, "\n```sh\n{}\n```", command())?;
        Ok(text)
    }
}

/// How this program was called.
pub(crate) fn command() -> String {
    let quoted = |argument: String| if argument.contains(' ') { format!("'{argument}'") } else { argument };
    let arguments = std::env::args().skip(1).map(quoted);
    std::iter::once("tidings-bench".to_owned()).chain(arguments).collect::<Vec<_>>().join(" ")
}
