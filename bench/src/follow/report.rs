//! The report of `follow`: aims, tables, a chart, and what everything ran on.

use super::Campaign;
use super::section::Section;
use crate::aims::Figure;
use crate::machine;
use crate::report::account::table_of;
use crate::report::chart::draw_panels;
use crate::report::command;
use anyhow::Context;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

const TITLE: &str = "Followers and requests, beside peers";

/// A part with what it is called.
type Titled = (&'static str, Section);

/// Writes both files, if one is named. Says which aims were missed, and that it is a failure if any was.
pub(super) fn write(
    campaign: &Campaign,
    sections: &[Titled],
    out: Option<&Path>,
) -> anyhow::Result<ExitCode> {
    if let Some(out) = out {
        if let Some(folder) = out.parent() {
            fs::create_dir_all(folder).context("making the folder of the report")?;
        }
        let panels: Vec<_> = sections.iter().flat_map(|(_, section)| &section.panels).collect();
        let chart = out.with_extension("svg");
        let name = chart.file_name().context("--out must name a file")?.to_string_lossy().into_owned();
        fs::write(&chart, draw_panels(TITLE, 2, &panels)).context("writing the chart")?;
        let text = markdown(campaign, sections, &name).context("putting the report together")?;
        fs::write(out, text).context("writing the report")?;
    }
    let missed: Vec<_> =
        figures(sections).filter(|figure| figure.is_missed()).map(ToString::to_string).collect();
    if missed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(io::stderr(), "not every aim was met:\n{}", missed.join("\n"))
        .context("telling what was missed")?;
    Ok(ExitCode::FAILURE)
}

fn figures(sections: &[Titled]) -> impl Iterator<Item = &Figure> {
    sections.iter().flat_map(|(_, section)| &section.figures)
}

fn markdown(campaign: &Campaign, sections: &[Titled], chart: &str) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    writeln!(text, "## {TITLE}\n\n![{TITLE}]({chart})\n\n{}", table_of(figures(sections))?)?;
    for (title, section) in sections {
        writeln!(text, "### {title}\n\n{}", section.text)?;
    }
    writeln!(
        text,
        "Each cell of fan-out and requests ran {} times for {} s, interleaved with the others, after a round that does not count; figures are medians.\n",
        campaign.rounds,
        campaign.slice.as_secs_f64()
    )?;
    let settings = settings(campaign);
    for line in machine::facts(&campaign.data).iter().chain(&settings) {
        writeln!(text, "- {line}")?;
    }
    writeln!(text, "\n```sh\n{}\n```", command())?;
    Ok(text)
}

/// The version and settings of everybody, each once.
fn settings(campaign: &Campaign) -> Vec<String> {
    let mut lines = Vec::new();
    for binary in &campaign.ours {
        lines.push(format!("{}: {}", binary.name, told(binary.settings())));
    }
    for peer in campaign.peers() {
        let line = told(peer.settings());
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines.push(super::target::bare::settings());
    lines
}

fn told(settings: anyhow::Result<String>) -> String {
    settings.unwrap_or_else(|error| format!("not known: {error:#}"))
}
