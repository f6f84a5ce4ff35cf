//! A part of a run, in a child process of its own: so its memory is its own, and it can be run by hand.

use crate::RunArguments;
use crate::aims::Figure;
use crate::calm::{self, Watch};
use crate::process::Process;
use crate::read::{CatchUp, Pages};
use crate::space::Space;
use anyhow::Context;
use clap::Args;
use serde::{Deserialize, Serialize};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// `tidings-bench part`.
#[derive(Debug, Args)]
pub(crate) struct PartArguments {
    /// Which part, as JSON: {"catch-up":{"gigabytes":1.0}}
    #[arg(value_name = "JSON", value_parser = parse)]
    part: Part,
    /// An empty folder for it
    #[arg(long, value_name = "PATH")]
    folder: PathBuf,
}

/// Which part, with what is chosen for it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Part {
    CatchUp(CatchUp),
    Pages(Pages),
    Space(Space),
}

impl Part {
    /// Runs it over an empty folder, which is removed again. Its bar and its lines are its own.
    pub(crate) fn run_in_child(self, arguments: &RunArguments) -> anyhow::Result<Vec<Figure>> {
        std::fs::create_dir_all(&arguments.data).context("making the folder for the data")?;
        let folder = tempfile::tempdir_in(&arguments.data).context("making a folder for the part")?;
        calm::wait(arguments.calm)?;
        let json = serde_json::to_string(&self).context("writing down the part")?;
        let mut command = Command::new(std::env::current_exe().context("finding this program")?);
        command.arg("part").arg(json).arg("--folder").arg(folder.path());
        command.stdin(Stdio::null()).stderr(Stdio::inherit());
        let output = command.output().context("running the part")?;
        anyhow::ensure!(output.status.success(), "a part ended with {}", output.status);
        folder.close().context("removing the folder of the part")?;
        // What the disk still has to do for this part must not fall on the next.
        rustix::fs::sync();
        serde_json::from_slice(&output.stdout).context("reading what the part found")
    }

    fn run(self, folder: &Path) -> anyhow::Result<Vec<Figure>> {
        match self {
            Part::CatchUp(part) => part.run(folder),
            Part::Pages(part) => part.run(folder),
            Part::Space(part) => part.run(folder),
        }
    }
}

impl PartArguments {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let watch = Watch::begin(&[Process::Own])?;
        let mut figures = self.part.run(&self.folder)?;
        let others = watch.others_cpus(&[Process::Own])?;
        figures.push(others_figure("meanwhile", others));
        let line = serde_json::to_string(&figures).context("writing down what was found")?;
        writeln!(io::stdout(), "{line}").context("telling what was found")
    }
}

/// What others used, which says how much the figures are worth.
pub(crate) fn others_figure(when: &str, cpus: f64) -> Figure {
    Figure::new(format!("Processors that others used {when}"), cpus, crate::aims::Unit::Ratio)
}

fn parse(json: &str) -> Result<Part, String> {
    serde_json::from_str(json).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_runs_and_reads_as_it_is_written() {
        let parts = [
            Part::CatchUp(CatchUp { gigabytes: 0.001 }),
            Part::Pages(Pages { streams: 100, reads: 10 }),
            Part::Space(Space {
                gigabytes: 0.001,
                streams: 10,
                keep: 100,
                in_flight: 10,
                rounds: 1,
                seconds: 0.01,
            }),
        ];
        for part in parts {
            let part = parse(&serde_json::to_string(&part).unwrap()).unwrap();
            let folder = tempfile::tempdir().unwrap();
            assert!(!part.run(folder.path()).unwrap().is_empty(), "{part:?}");
        }
    }
}
