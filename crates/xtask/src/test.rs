//! THE test command: everything, in order, with one sum at the end.

mod counts;
mod needs;
mod step;
mod steps;

use crate::clock::Watch;
use crate::paint::Paint;
use crate::workspace::Workspace;
use counts::Counts;
use step::{Finished, Step};

/// Runs every step, also after one that failed; whether all went well.
///
/// The last line is `N passed, N failed`. A step that fails without a failed test, such as a build, counts as one failure, so that this
/// line never looks better than the run was.
pub(crate) fn run(workspace: &Workspace) -> bool {
    let paint = Paint::for_stdout();
    let watch = Watch::start();
    let steps = steps::all(workspace);
    print_plan(&steps, paint);
    let mut finished = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        println!("\n{}", paint.bold(&format!("[{}/{}] {}", index + 1, steps.len(), step.name)));
        let outcome = step.run(workspace.root());
        println!("{}", outcome.line(step.name, paint));
        finished.push((step.name, outcome));
    }
    println!("\n{}", paint.bold(&format!("all steps, {}", watch.elapsed())));
    for (name, outcome) in &finished {
        println!("{}", outcome.line(name, paint));
    }
    let sum = finished.iter().fold(Counts::default(), |sum, (_, outcome)| sum.plus(outcome.counts_as()));
    println!("\n{sum}");
    sum.failed == 0 && finished.iter().all(|(_, outcome)| outcome.is_good())
}

fn print_plan(steps: &[Step], paint: Paint) {
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
