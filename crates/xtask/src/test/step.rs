//! One step of a run: a program, whose output passes through while its counts are read.

use super::counts::{Counts, Form};
use crate::clock::{Elapsed, Watch};
use anyhow::Context;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What is run at one time.
pub(super) enum Stage {
    /// One step, with the machine for itself.
    Alone(Step),
    /// Some steps one after the other, and others beside them, which are shown when those are over.
    Beside { front: Vec<Step>, behind: Vec<Step> },
}

impl Stage {
    /// Its steps, in the order in which they are shown.
    pub(super) fn steps(&self) -> Vec<&Step> {
        match self {
            Stage::Alone(step) => vec![step],
            Stage::Beside { front, behind } => front.iter().chain(behind).collect(),
        }
    }
}

/// What is to be run.
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) why: &'static str,
    pub(super) action: Action,
}

/// What a step does.
pub(super) enum Action {
    /// Something that this program does itself.
    Inside(Box<dyn Fn() -> anyhow::Result<()> + Sync>),
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
    /// Runs it to its end, whatever happens, and shows what it prints.
    pub(super) fn run(&self, root: &Path) -> Finished {
        self.watched(|program, counts| program.run(root, counts))
    }

    /// Runs it to its end, whatever happens; what it has printed is given in place of being shown.
    pub(super) fn run_quietly(&self, root: &Path) -> (Finished, Vec<u8>) {
        let mut printed = Vec::new();
        let finished = self.watched(|program, counts| program.run_quietly(root, counts, &mut printed));
        (finished, printed)
    }

    fn watched(&self, run: impl FnOnce(&Program, &mut Counts) -> anyhow::Result<()>) -> Finished {
        let watch = Watch::start();
        let mut counts = Counts::default();
        let outcome = match &self.action {
            Action::Inside(action) => action(),
            Action::Run(program) => run(program, &mut counts),
        };
        let failure = outcome.err().map(|error| format!("{error:#}"));
        Finished { counts, elapsed: watch.elapsed(), failure }
    }
}

impl Program {
    fn run(&self, root: &Path, counts: &mut Counts) -> anyhow::Result<()> {
        let mut child = self.spawn(self.command(root).stdout(Stdio::piped()))?;
        let stdout = child.stdout.take().context("the output of a step")?;
        self.read(stdout, counts, &mut std::io::stdout())?;
        self.judge(child, *counts)
    }

    /// The same, with both outputs going to `printed`, in the order in which they come.
    fn run_quietly(&self, root: &Path, counts: &mut Counts, printed: &mut Vec<u8>) -> anyhow::Result<()> {
        let (reader, writer) = std::io::pipe()?;
        let child = {
            // Our own ends of the pipe are closed with the command: else it would never end.
            let mut command = self.command(root);
            self.spawn(command.stdout(writer.try_clone()?).stderr(writer))?
        };
        self.read(reader, counts, printed)?;
        self.judge(child, *counts)
    }

    fn command(&self, root: &Path) -> Command {
        let mut command = Command::new(&self.path);
        command
            .args(&self.arguments)
            .current_dir(root.join(&self.folder))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    fn spawn(&self, command: &mut Command) -> anyhow::Result<Child> {
        command.spawn().with_context(|| self.path.display().to_string())
    }

    /// Passes each line on, and counts what it says.
    fn read(&self, output: impl Read, counts: &mut Counts, to: &mut impl Write) -> anyhow::Result<()> {
        for line in BufReader::new(output).split(b'\n') {
            let line = line?;
            to.write_all(&[&line, b"\n".as_slice()].concat())?;
            *counts = counts.plus(self.form.read(&String::from_utf8_lossy(&line)));
        }
        Ok(())
    }

    fn judge(&self, mut child: Child, counts: Counts) -> anyhow::Result<()> {
        let status = child.wait()?;
        anyhow::ensure!(status.success(), "{status}");
        anyhow::ensure!(matches!(self.form, Form::None) || 0 < counts.passed, "no test ran");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saying(script: &str) -> Step {
        let program = Program {
            path: "sh".into(),
            arguments: vec!["-c".into(), script.into()],
            folder: PathBuf::from("."),
            environment: Vec::new(),
            form: Form::PassedAndFailed,
        };
        Step { name: "said", why: "", action: Action::Run(program) }
    }

    #[test]
    fn a_quiet_step_gives_both_outputs_in_their_order_and_is_counted_and_judged() {
        let step = saying("echo one; echo two >&2; echo 'fuzz: 2 passed, 1 failed'; exit 3");
        let (finished, printed) = step.run_quietly(Path::new("."));
        assert_eq!(String::from_utf8_lossy(&printed), "one\ntwo\nfuzz: 2 passed, 1 failed\n");
        assert_eq!(finished.counts, Counts { passed: 2, failed: 1 });
        assert!(finished.failure.as_deref().is_some_and(|failure| failure.contains('3')), "{finished:?}");
    }

    #[test]
    fn a_step_without_a_test_has_failed() {
        let (finished, _) = saying("echo nothing").run_quietly(Path::new("."));
        assert_eq!((finished.failure.as_deref(), finished.is_good()), (Some("no test ran"), false));
        assert_eq!(finished.counts_as(), Counts { passed: 0, failed: 1 });
        assert!(saying("echo 'fuzz: 1 passed, 0 failed'").run_quietly(Path::new(".")).0.is_good());
    }
}
