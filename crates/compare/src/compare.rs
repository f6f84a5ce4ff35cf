//! Carries a plan out: one run after the other, each on a server of its own that is quiet.

use crate::clients::clients;
use crate::findings::{FORMAT, Findings, Run, ServerFacts, Sweep, SweepCell, Workload};
use crate::harness::{
    Elsewhere, Interrupted, Live, Load, PublishWay, PublishingLoad, Site, Speaks, followers_max, measure,
    measure_publishing,
};
use crate::plan::{Grid, Plan, Scope, Target};
use crate::proxy::Network;
use crate::quiet::Quiet;
use crate::steps::{self, Place, Step};
use crate::watch::{Measured, Watch};
use crate::way::Way;
use std::time::Duration;

/// What is lost in a network is the same for each way, as far as that can be.
const SEED: u64 = 7;

/// Measures everything that the plan asks for, and judges it. When the watch ends it, or something could not be measured, the findings
/// are what was measured, and a note says so.
///
/// # Errors
/// When nothing could be measured at all.
pub fn compare(plan: &Plan, watch: &mut dyn Watch) -> anyhow::Result<Findings> {
    let mut comparison = Comparison::new(plan)?;
    comparison.run(watch)?;
    Ok(comparison.finish())
}

/// A comparison that is under way.
struct Comparison<'a> {
    plan: &'a Plan,
    target: Target,
    steps: Vec<Step>,
    quiet: Quiet,
    findings: Findings,
}

/// What came of a step.
enum Outcome {
    Measured,
    Failed(anyhow::Error),
    Interrupted,
}

impl<'a> Comparison<'a> {
    fn new(plan: &'a Plan) -> anyhow::Result<Comparison<'a>> {
        let quiet = Quiet::default();
        match &plan.target {
            Target::Own(_) => {
                let target = plan.target.clone();
                let steps = steps::steps(plan, &plan.ways, &[PublishWay::Post, PublishWay::WebSocket]);
                let findings = nothing_yet(plan, own_server(plan));
                Ok(Comparison { plan, target, steps, quiet, findings })
            }
            Target::Elsewhere(server) => {
                let site = Site::elsewhere(server)?;
                let mut findings = nothing_yet(plan, site.facts());
                let steps = possible_steps(plan, &site, &mut findings)?;
                // What it speaks is not asked again before each run.
                let speaks = findings.server.speaks.parse().ok();
                let target = Target::Elsewhere(Elsewhere { speaks, ..server.clone() });
                Ok(Comparison { plan, target, steps, quiet, findings })
            }
        }
    }

    fn run(&mut self, watch: &mut dyn Watch) -> anyhow::Result<()> {
        let steps = std::mem::take(&mut self.steps);
        check_open_files(&steps)?;
        watch.on_begin(steps.len(), steps.iter().map(Step::estimate).sum());
        let mut measured = 0;
        for (index, step) in steps.iter().enumerate() {
            let what = step.to_string();
            watch.on_step(&what, step.estimate());
            match self.step(step, &what, watch) {
                Outcome::Measured => measured += 1,
                Outcome::Interrupted => {
                    let note = format!("Interrupted: {index} of {} measurements were done.", steps.len());
                    self.findings.notes.push(note);
                    self.findings.is_interrupted = true;
                    break;
                }
                // The next would fail alike.
                Outcome::Failed(error) if measured == 0 => return Err(error.context(what)),
                Outcome::Failed(error) => {
                    self.findings.notes.push(format!("Not measured: {what}: {error:#}"));
                    watch.on_failure(&what, &error);
                }
            }
        }
        Ok(())
    }

    fn step(&mut self, step: &Step, what: &str, watch: &mut dyn Watch) -> Outcome {
        match self.measure(step, what, watch) {
            Ok(()) => Outcome::Measured,
            Err(error) if error.is::<Interrupted>() => Outcome::Interrupted,
            Err(error) => Outcome::Failed(error),
        }
    }

    fn measure(&mut self, step: &Step, what: &str, watch: &mut dyn Watch) -> anyhow::Result<()> {
        let waited = self.quiet.wait(|| watch.on_live(&Live::default()));
        anyhow::ensure!(waited.is_continue(), Interrupted);
        let site = &mut self.fresh_site(step)?;
        let mut live = |live: &Live| watch.on_live(live);
        match step {
            Step::Publishing { how, duration } => {
                let load =
                    PublishingLoad { message_bytes: self.plan.workload.message_bytes, duration: *duration };
                let publishing = measure_publishing(site, *how, load, &mut live)?;
                watch.on_measured(what, Measured::Publishing(&publishing));
                self.findings.publishing.push(publishing);
            }
            Step::Run { place, way, workload, ending } => {
                let load =
                    Load { workload: workload.clone(), ending: *ending, late_ms: self.findings.late_ms };
                let run = measure(site, *way, &load, &mut live)?;
                watch.on_measured(what, Measured::Run(&run));
                self.keep(*place, run);
            }
        }
        Ok(())
    }

    /// A server for a step: of our own a fresh one, and in any case a fresh network before it.
    fn fresh_site(&self, step: &Step) -> anyhow::Result<Site> {
        let Workload { rtt_ms, loss, durability, .. } = &self.plan.workload;
        let mut site = match &self.target {
            Target::Own(program) => Site::start_own(program, durability.clone())?,
            Target::Elsewhere(server) => Site::elsewhere(server)?,
        };
        let loss = match step {
            Step::Run { .. } => *loss,
            // One message after the other goes over one connection, and is not sent again when that is gone.
            Step::Publishing { .. } => 0.0,
        };
        if 0.0 < *rtt_ms || 0.0 < loss {
            let rtt = Duration::from_secs_f64(rtt_ms / 1e3);
            site.through(Network { rtt, loss, seed: SEED })?;
        }
        Ok(site)
    }

    /// Puts a run where it belongs.
    fn keep(&mut self, place: Place, run: Run) {
        let Findings { publishing_alone, runs, sides, troubled, sweep, .. } = &mut self.findings;
        match (place, sweep) {
            (Place::Alone, _) => *publishing_alone = Some(run),
            (Place::Main, _) => runs.push(run),
            (Place::Side, _) => sides.push(run),
            (Place::Troubled, _) => troubled.push(run),
            (Place::Cell(index), Some(sweep)) => sweep.cells[index].runs.push(run),
            (Place::Cell(_), None) => unreachable!("only a sweep has cells"),
        }
    }

    /// Judges what was found.
    fn finish(mut self) -> Findings {
        // Where it harmed a run, that says so itself.
        if !self.findings.all_runs().any(|run| run.bottleneck.is_some()) {
            self.findings.notes.extend(self.quiet.note());
        }
        self.findings.conclude();
        self.findings
    }
}

/// Whether the system lets so many connections be open, before anything is measured.
fn check_open_files(steps: &[Step]) -> anyhow::Result<()> {
    let Some(step) = steps.iter().max_by_key(|step| step.files()) else { return Ok(()) };
    let allowed = followers_max();
    let (followers, files) = (step.followers(), step.files());
    anyhow::ensure!(
        files <= allowed,
        "the system allows this process too few open files for {followers} followers: ask for {} at most, or raise the limit \
         (`ulimit -n`)",
        allowed / (files / followers.max(1)).max(1)
    );
    Ok(())
}

/// The steps that a server elsewhere can be put through; what it can't is noted.
fn possible_steps(plan: &Plan, site: &Site, findings: &mut Findings) -> anyhow::Result<Vec<Step>> {
    let (can, cannot): (Vec<Way>, Vec<Way>) =
        plan.ways.iter().partition(|way| site.dialect().can_follow(**way));
    let speaks = &findings.server.speaks;
    anyhow::ensure!(!can.is_empty(), "a server that speaks {speaks} has none of these ways to follow");
    if !cannot.is_empty() {
        let ways: Vec<String> = cannot.iter().map(Way::to_string).collect();
        findings.notes.push(format!("A server that speaks {speaks} has no {}.", ways.join(", ")));
    }
    findings.ways.clone_from(&can);
    let dialect = site.dialect();
    // A round trip ends with an acknowledgement.
    let publishing = dialect.ways_to_publish().iter().copied().filter(|by| dialect.acknowledges(*by));
    Ok(steps::steps(plan, &can, &publishing.collect::<Vec<_>>()))
}

/// What is known of a server of our own before it has started.
fn own_server(plan: &Plan) -> ServerFacts {
    let name = format!("tidings {}", plan.version);
    ServerFacts { name, speaks: Speaks::Tidings.to_string(), is_measured: true }
}

/// Findings without a run.
fn nothing_yet(plan: &Plan, server: ServerFacts) -> Findings {
    let late_ms = plan.late.as_secs_f64() * 1e3;
    Findings {
        format: FORMAT,
        tidings: plan.version.clone(),
        taken: plan.taken.clone(),
        command: plan.command.clone(),
        machine: plan.machine.clone(),
        server,
        workload: plan.workload.clone(),
        late_ms,
        ways: plan.ways.clone(),
        is_interrupted: false,
        publishing_alone: None,
        runs: Vec::new(),
        sides: Vec::new(),
        troubled: Vec::new(),
        publishing: Vec::new(),
        clients: clients(),
        sweep: match &plan.scope {
            Scope::Sweep(grid) => Some(empty_grid(grid, late_ms)),
            Scope::Whole | Scope::Quick => None,
        },
        notes: Vec::new(),
        verdict: Vec::new(),
    }
}

fn empty_grid(grid: &Grid, late_ms: f64) -> Sweep {
    let cells = grid.followers.len() * grid.messages_per_s.len();
    Sweep {
        late_ms,
        followers: grid.followers.clone(),
        messages_per_s: grid.messages_per_s.clone(),
        cells: vec![SweepCell { runs: Vec::new(), cheapest: None }; cells],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::{Distribution, ServerUsage};
    use crate::sample;

    fn run() -> Run {
        let latency = Distribution { count: 9, p99_ms: 1.0, ..Distribution::default() };
        let server = Some(ServerUsage { cpu_s: 0.1, followers_bytes: 0, memory_bytes: 0 });
        Run { latency, server, delivered: 9, ..sample::run(Some(Way::Sse)) }
    }

    #[test]
    fn nothing_is_chosen_before_every_way_was_measured() {
        let mut plan = sample::plan();
        plan.ways.push(Way::WebSocket);
        let verdict = |is_interrupted: bool| {
            let mut comparison = Comparison::new(&plan).unwrap();
            comparison.keep(Place::Main, run());
            comparison.findings.is_interrupted = is_interrupted;
            comparison.finish().verdict.concat()
        };
        assert!(verdict(false).contains("Choose SSE"), "{}", verdict(false));
        assert!(
            !verdict(true).contains("Choose") && verdict(true).contains("interrupted"),
            "{}",
            verdict(true)
        );

        plan.scope = Scope::Sweep(Grid { followers: vec![1], messages_per_s: vec![1.0] });
        let mut comparison = Comparison::new(&plan).unwrap();
        comparison.keep(Place::Cell(0), run());
        comparison.findings.is_interrupted = true;
        assert_eq!(comparison.finish().sweep.unwrap().cells[0].cheapest, None);
    }
}
