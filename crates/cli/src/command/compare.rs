//! `tidings compare`: the same workload over each way to follow, measured.
//!
//! Owns the flags, what is shown meanwhile, and where the findings go. Does not know how anything is measured.

mod arguments;
mod machine;
mod outputs;
mod progress;
mod stop_signals;
mod summary;
mod values;

pub(crate) use arguments::CompareArguments;

use crate::exit::Stop;
use outputs::Outputs;
use progress::Progress;
use std::io::Write;
use stop_signals::StopSignals;
use tidings_compare::{CannotReach, Findings};

impl CompareArguments {
    /// Measures and tells; or tells only what was measured before.
    pub(crate) fn run(self, out: &mut impl Write) -> Result<(), Stop> {
        let outputs = Outputs::of(&self.outputs)?;
        if let Some(file) = &self.outputs.from {
            return outputs.write(&outputs::read(file)?, out);
        }
        let plan = self.plan()?;
        let signals = StopSignals::new()?;
        let mut progress = Progress::on_stderr(&plan, &outputs, &signals);
        let compared = tidings_compare::compare(&plan, &mut progress);
        let failures = progress.end();
        let findings = match compared {
            Ok(findings) => findings,
            Err(_) if signals.came() => return Err(Stop::Interrupted),
            Err(error) if error.is::<CannotReach>() => return Err(Stop::CannotReach(error)),
            Err(error) => return Err(Stop::Failed(error)),
        };
        if signals.came() && is_empty(&findings) {
            return Err(Stop::Interrupted);
        }
        outputs.write(&findings, out)?;
        if signals.came() {
            return Err(Stop::Interrupted);
        }
        complain(&findings, failures)
    }
}

/// Whether nothing was measured yet.
fn is_empty(findings: &Findings) -> bool {
    findings.publishing_alone.is_none()
        && findings.publishing.is_empty()
        && findings.all_runs().next().is_none()
}

/// What makes a script stop: the table has told the rest.
fn complain(findings: &Findings, failures: usize) -> Result<(), Stop> {
    let broken = findings.all_runs().filter(|run| !run.is_whole()).count();
    let mut complaints = Vec::new();
    if 0 < broken {
        complaints.push(format!(
            "in {broken} of {} runs messages were lost, repeated or out of order",
            findings.all_runs().count()
        ));
    }
    if 0 < failures {
        complaints.push(format!("{failures} of the measurements failed"));
    }
    if complaints.is_empty() { Ok(()) } else { Err(Stop::Failed(anyhow::Error::msg(complaints.join("; ")))) }
}
