//! The report of a run that measures tidings alone: a section of Markdown with one table of figures and aims.

use super::command;
use crate::RunArguments;
use crate::aims::Figure;
use crate::machine;
use anyhow::Context;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::process::ExitCode;

/// All that such a report tells.
pub(crate) struct Account {
    pub(crate) title: &'static str,
    pub(crate) figures: Vec<Figure>,
    /// About what was run: version and settings.
    pub(crate) settings: Vec<String>,
}

impl Account {
    /// Writes the file. Says which aims were missed, and that it is a failure if any was.
    pub(crate) fn write(&self, arguments: &RunArguments) -> anyhow::Result<ExitCode> {
        if let Some(folder) = arguments.out.parent() {
            fs::create_dir_all(folder).context("making the folder of the report")?;
        }
        let text = self.markdown(&machine::facts(&arguments.data)).context("putting the report together")?;
        fs::write(&arguments.out, text).context("writing the report")?;
        let missed: Vec<_> = self.missed().map(ToString::to_string).collect();
        if missed.is_empty() {
            return Ok(ExitCode::SUCCESS);
        }
        writeln!(io::stderr(), "not every aim was met: {}", missed.join("; "))
            .context("telling what was missed")?;
        Ok(ExitCode::FAILURE)
    }

    fn missed(&self) -> impl Iterator<Item = &Figure> {
        self.figures.iter().filter(|figure| figure.is_missed())
    }

    fn markdown(&self, facts: &[String]) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        writeln!(text, "## {}\n\n{}", self.title, table_of(&self.figures)?)?;
        for line in facts.iter().chain(&self.settings) {
            writeln!(text, "- {line}")?;
        }
        writeln!(text, "\n```sh\n{}\n```", command())?;
        Ok(text)
    }
}

/// The table of figures and aims.
pub(crate) fn table_of<'a>(figures: impl IntoIterator<Item = &'a Figure>) -> Result<String, std::fmt::Error> {
    let mut text = "| | found | aim | |\n|---|---:|---:|---|\n".to_owned();
    for figure in figures {
        let verdict = match figure.is_missed() {
            true => "**missed**",
            false if figure.aimed_at().is_empty() => "",
            false => "met",
        };
        writeln!(text, "| {} | {} | {} | {verdict} |", figure.what, figure.found(), figure.aimed_at())?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aims::Aim;

    #[test]
    fn the_table_says_what_was_met() {
        let figure = |count| Figure::count("files", count).aim(Aim::AtMost(300.0));
        let figures = vec![figure(7), figure(301), Figure::count("blocks", 2)];
        let account = Account { title: "T", figures, settings: Vec::new() };
        let text = account.markdown(&["F".to_owned()]).unwrap();
        assert!(text.contains("| files | 7 | at most 300 | met |\n"), "{text}");
        assert!(
            text.contains("| files | 301 | at most 300 | **missed** |\n| blocks | 2 |  |  |\n"),
            "{text}"
        );
        assert_eq!(account.missed().count(), 1);
    }
}
