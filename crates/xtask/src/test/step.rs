//! One step of a run: a program, whose output passes through while its counts are read.

use super::counts::{Counts, Form};
use crate::clock::{Elapsed, Watch};
use anyhow::Context;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What is to be run.
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) why: &'static str,
    pub(super) action: Action,
}

/// What a step does.
pub(super) enum Action {
    /// Something that this program does itself.
    Inside(Box<dyn Fn() -> anyhow::Result<()>>),
    /// Another program.
    Run(Program),
}

/// A program with what it needs to know.
pub(super) struct Program {
    pub(super) path: OsString,
    pub(super) arguments: Vec<OsString>,
    /// From the root of the repository.
    pub(super) folder: PathBuf,
    pub(super) environment: Vec<(&'static str, OsString)>,
    pub(super) form: Form,
}

/// How a step went.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) counts: Counts,
    pub(super) elapsed: Elapsed,
    /// What went wrong, apart from tests.
    pub(super) failure: Option<String>,
}

impl Finished {
    pub(super) fn is_good(&self) -> bool {
        self.failure.is_none() && self.counts.failed == 0
    }

    /// What it adds to the sum: at least one failure when it failed.
    pub(super) fn counts_as(&self) -> Counts {
        let unseen = u32::from(self.failure.is_some() && self.counts.failed == 0);
        self.counts.plus(Counts { passed: 0, failed: unseen })
    }
}

impl Step {
    /// Runs it to its end, whatever happens.
    pub(super) fn run(&self, root: &Path) -> Finished {
        let watch = Watch::start();
        let mut counts = Counts::default();
        let outcome = match &self.action {
            Action::Inside(action) => action(),
            Action::Run(program) => program.run(root, &mut counts),
        };
        let failure = outcome.err().map(|error| format!("{error:#}"));
        Finished { counts, elapsed: watch.elapsed(), failure }
    }
}

impl Program {
    fn run(&self, root: &Path, counts: &mut Counts) -> anyhow::Result<()> {
        let mut child = Command::new(&self.path)
            .args(&self.arguments)
            .current_dir(root.join(&self.folder))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| self.path.display().to_string())?;
        let stdout = child.stdout.take().context("the output of a step")?;
        let mut ours = std::io::stdout();
        for line in BufReader::new(stdout).split(b'\n') {
            let line = line?;
            ours.write_all(&[&line, b"\n".as_slice()].concat())?;
            *counts = counts.plus(self.form.read(&String::from_utf8_lossy(&line)));
        }
        let status = child.wait()?;
        anyhow::ensure!(status.success(), "{status}");
        anyhow::ensure!(matches!(self.form, Form::None) || 0 < counts.passed, "no test ran");
        Ok(())
    }
}
