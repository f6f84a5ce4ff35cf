//! THE test command: everything, in order, with one sum at the end.

mod counts;
mod needs;
mod step;
mod steps;

use crate::clock::Watch;
use crate::paint::Paint;
use crate::workspace::Workspace;
use counts::Counts;
use std::io::Write;
use step::{Finished, Stage, Step};

/// Runs every step, also after one that failed; whether all went well.
///
/// The last line is `N passed, N failed`. A step that fails without a failed test, such as a build, counts as one failure, so that this
/// line never looks better than the run was.
pub(crate) fn run(workspace: &Workspace) -> bool {
    let paint = Paint::for_stdout();
    let watch = Watch::start();
    let stages = steps::all(workspace);
    let steps: Vec<&Step> = stages.iter().flat_map(Stage::steps).collect();
    print_plan(&steps, paint);
    let mut run = Run { workspace, paint, steps: steps.len(), finished: Vec::new() };
    for stage in &stages {
        match stage {
            Stage::Alone(step) => run.show(step),
            Stage::Beside { front, behind } => run.beside(front, behind),
        }
    }
    let finished = run.finished;
    println!("\n{}", paint.bold(&format!("all steps, {}", watch.elapsed())));
    for (name, outcome) in &finished {
        println!("{}", outcome.line(name, paint));
    }
    let sum = finished.iter().fold(Counts::default(), |sum, (_, outcome)| sum.plus(outcome.counts_as()));
    println!("\n{sum}");
    sum.failed == 0 && finished.iter().all(|(_, outcome)| outcome.is_good())
}

/// A run that is under way.
struct Run<'a> {
    workspace: &'a Workspace,
    paint: Paint,
    steps: usize,
    finished: Vec<(&'static str, Finished)>,
}

impl Run<'_> {
    /// Runs a step, whose output passes through.
    fn show(&mut self, step: &Step) {
        self.begin(step.name);
        let outcome = step.run(self.workspace.root());
        self.end(step.name, outcome);
    }

    /// Runs steps beside others, and shows them after those: what two print at once nobody can read.
    fn beside(&mut self, front: &[Step], behind: &[Step]) {
        let names: Vec<_> = behind.iter().map(|step| step.name).collect();
        println!("\nbeside what follows, and shown after it: {}", names.join(", "));
        let root = self.workspace.root();
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let running = scope.spawn(|| behind.iter().map(|step| step.run_quietly(root)).collect());
            for step in front {
                self.show(step);
            }
            running.join().expect("a step tells how it failed, and does not panic")
        });
        for (step, (outcome, printed)) in behind.iter().zip(outcomes) {
            self.begin(step.name);
            // A terminal that is gone ends the run soon enough.
            let _gone = std::io::stdout().write_all(&printed);
            self.end(step.name, outcome);
        }
    }

    fn begin(&self, name: &str) {
        let count = self.finished.len() + 1;
        println!("\n{}", self.paint.bold(&format!("[{count}/{}] {name}", self.steps)));
    }

    fn end(&mut self, name: &'static str, outcome: Finished) {
        println!("{}", outcome.line(name, self.paint));
        self.finished.push((name, outcome));
    }
}

fn print_plan(steps: &[&Step], paint: Paint) {
    println!("{}", paint.bold("cargo xtask test"));
    for (index, step) in steps.iter().enumerate() {
        println!("  {:>2}  {:<28} {}", index + 1, step.name, step.why);
    }
}

impl Finished {
    fn line(&self, name: &str, paint: Paint) -> String {
        let mark = if self.is_good() { paint.good("ok    ") } else { paint.bad("FAILED") };
        let counts = if self.counts == Counts::default() { String::new() } else { self.counts.to_string() };
        let why = self.failure.as_deref().map(|failure| format!("  {failure}")).unwrap_or_default();
        format!("{mark} {name:<28} {:>12}  {counts}{why}", self.elapsed.to_string())
    }
}
