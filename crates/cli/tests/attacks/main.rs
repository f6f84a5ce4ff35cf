//! Under attack: the server stays in its memory budget, and who behaves well is served as before.
//!
//! Quiet rounds and attacked ones take turns over one server, so that whatever else the machine does is in both; each attack is judged by
//! the medians of its rounds. Attackers are processes of their own (`attacker.rs`), and have the processor time that server and followers
//! leave: as if they were machines of their own, whose packets cost nobody here anything but what the server does about them.
//!
//! `TIDINGS_ATTACK` is how long a round lasts, in seconds, and has every attack alone and in full size; without it a few together have
//! small rounds. See docs/testing.md.

mod attack;
mod attacker;
mod crowd;
mod figures;
mod follower;
mod usage;
mod victim;

use attack::{ATTACKS, Attack};
use attacker::{Attackers, Order};
use crowd::{Crowd, Latencies};
use figures::{median, millis};
use follower::Transport;
use std::time::Duration;
use tokio::time::Instant;
use victim::Victim;

/// The claim: the 99th percentile of what followers wait is below so many times its quiet value.
const TIMES_MAX: f64 = 3.0;

/// What a run does.
struct Plan {
    round: Duration,
    /// Quiet and attacked rounds of each attack.
    rounds: usize,
    /// How often it is tried, until all is as claimed.
    tries: usize,
    /// Attacks that happen together.
    together: Vec<Vec<&'static Attack>>,
    /// Of how many times its small size each attack is.
    size: usize,
    budget_mib: usize,
    /// A quiet value below this is taken for this. In a small run, a few messages decide, and each of the two cores may be somebody else's
    /// for a few milliseconds.
    quiet_min: Duration,
}

impl Plan {
    fn from_environment() -> Plan {
        let seconds = std::env::var("TIDINGS_ATTACK").ok();
        let seconds: Option<u64> = seconds.map(|text| text.parse().expect("TIDINGS_ATTACK is in seconds"));
        let chosen = std::env::var("TIDINGS_ATTACK_ONLY").unwrap_or_default();
        let all = ATTACKS.iter().filter(|attack| attack.name.contains(&chosen));
        match seconds {
            None => Plan {
                round: Duration::from_millis(300),
                rounds: 3,
                tries: 3,
                together: attack::groups(all),
                size: 1,
                budget_mib: 128,
                quiet_min: Duration::from_millis(15),
            },
            Some(seconds) => Plan {
                round: Duration::from_secs(seconds),
                rounds: 5,
                tries: 1,
                together: all.map(|attack| vec![attack]).collect(),
                size: 20,
                budget_mib: 256,
                quiet_min: Duration::from_millis(1),
            },
        }
    }
}

#[test]
fn memory_stays_in_its_budget_and_followers_are_served_under_attack() {
    if let Some(order) = Order::from_environment() {
        return attacker::run(&order);
    }
    let plan = Plan::from_environment();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let victim = Victim::start(plan.budget_mib);
        let crowd = Crowd::gather(victim.address()).await;
        let mut failures = Vec::new();
        for together in &plan.together {
            failures.extend(judge(&plan, together, &victim, &crowd).await);
        }
        crowd.expect_whole();
        assert!(failures.is_empty(), "{failures:#?}");
    });
}

/// What is not as claimed. Memory has to be right each time; what is a matter of milliseconds is tried again.
async fn judge(plan: &Plan, together: &[&'static Attack], victim: &Victim, crowd: &Crowd) -> Vec<String> {
    let mut failures = Vec::new();
    let mut late = Vec::new();
    for _ in 0..plan.tries {
        let withstood = withstand(plan, together, victim, crowd).await;
        failures.extend(withstood.over_budget);
        late = withstood.late;
        if late.is_empty() {
            break;
        }
        if OTHERS_MAX < withstood.others {
            eprintln!("  others used {:.2} of a core: this says nothing of the server", withstood.others);
            late.clear();
            break;
        }
    }
    failures.extend(late);
    failures
}

/// So much of a core may others use where milliseconds are judged: who has nothing to do is served at once on a busy machine, who is
/// busy shares it with them.
const OTHERS_MAX: f64 = 0.3;

/// What came of it.
struct Withstood {
    over_budget: Option<String>,
    late: Vec<String>,
    /// What other programs used of a core, at most in one round.
    others: f64,
}

/// Rounds of these attacks.
async fn withstand(plan: &Plan, together: &[&'static Attack], victim: &Victim, crowd: &Crowd) -> Withstood {
    let (mut quiet, mut attacked) = (Vec::new(), Vec::new());
    let (mut busy, mut others) = (0.0_f64, 0.0_f64);
    victim.forget_most();
    for _ in 0..plan.rounds {
        let watch = Watch::start(victim, None);
        quiet.push(crowd.measure(plan.round).await);
        others = others.max(watch.others());
        let attackers = Attackers::start(together, victim, plan.size).await;
        let watch = Watch::start(victim, Some(&attackers));
        attacked.push(crowd.measure(plan.round).await);
        others = others.max(watch.others());
        busy = busy.max(watch.of_server());
        drop(attackers);
        victim.until_calm().await;
    }
    let names = together.iter().map(|attack| attack.name).collect::<Vec<_>>().join(", ");
    let most = victim.most();
    eprintln!("{names}\n  the server had {:.0} % of a core, and {most}", busy * 100.0);
    let over = most.over(plan.budget_mib << 20).map(|over| format!("{names}: {over}"));
    let mut late = Vec::new();
    for transport in Transport::ALL {
        let name = transport.name();
        let p99 = |rounds: &[Latencies]| median(rounds.iter().map(|round| round.of(transport)).collect());
        let (before, during) = (p99(&quiet), p99(&attacked));
        let times = during.as_secs_f64() / before.max(plan.quiet_min).as_secs_f64();
        eprintln!("  {name}: p99 {} quiet, {} attacked ({times:.2})", millis(before), millis(during));
        if TIMES_MAX <= times {
            late.push(format!("{names}: {name}, p99 is {} and was {}", millis(during), millis(before)));
        }
    }
    Withstood { over_budget: over, late, others }
}

/// Who uses the processors in a round.
struct Watch {
    began: Instant,
    processes: Vec<u32>,
    ours: Duration,
    server: Duration,
    machine: Duration,
}

impl Watch {
    fn start(victim: &Victim, attackers: Option<&Attackers>) -> Watch {
        let attackers = attackers.into_iter().flat_map(Attackers::process_ids);
        let processes: Vec<u32> =
            [victim.process_id(), std::process::id()].into_iter().chain(attackers).collect();
        let machine = usage::of_machine();
        let server = usage::of_process(processes[0]);
        let ours = processes.iter().copied().map(usage::of_process).sum();
        Watch { began: Instant::now(), processes, ours, server, machine }
    }

    /// What all others have used of a core.
    fn others(&self) -> f64 {
        let ours: Duration = self.processes.iter().copied().map(usage::of_process).sum();
        let ours = ours.saturating_sub(self.ours);
        let machine = usage::of_machine().saturating_sub(self.machine);
        machine.saturating_sub(ours).as_secs_f64() / self.began.elapsed().as_secs_f64()
    }

    fn of_server(&self) -> f64 {
        let used = usage::of_process(self.processes[0]).saturating_sub(self.server);
        used.as_secs_f64() / self.began.elapsed().as_secs_f64()
    }
}
