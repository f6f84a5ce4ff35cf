//! Which runs a plan comes to.

use super::*;
use crate::harness::Elsewhere;
use crate::sample;

fn plan(scope: Scope) -> Plan {
    let ways = vec![Way::Poll { every_s: 5.0 }, Way::Poll { every_s: 1.0 }, Way::Sse, Way::WebSocket];
    Plan { ways, scope, ..sample::plan() }
}

fn told(steps: &[Step]) -> Vec<String> {
    let tell = |step: &Step| match step {
        Step::Publishing { how, .. } => format!("{how:?}"),
        Step::Run { place, way, workload, ending } => {
            let way = way.map_or("nobody".to_owned(), |way| way.to_string());
            let Workload { followers, messages_per_s, duration_s, .. } = workload;
            format!("{place:?} {way}: {followers} {messages_per_s}/s {duration_s} s {ending:?}")
        }
    };
    steps.iter().map(tell).collect()
}

#[test]
fn a_quick_comparison_is_each_way_once_between_publishing_alone_and_both_directions() {
    let expected = [
        "Alone nobody: 100 2/s 10 s Natural",
        "Main WebSocket: 100 2/s 30 s Natural",
        "Main SSE: 100 2/s 30 s Natural",
        "Main polling every 1 s: 100 2/s 30 s Natural",
        "Main polling every 5 s: 100 2/s 30 s Natural",
        "Post",
        "WebSocket",
    ];
    assert_eq!(told(&all_steps(&plan(Scope::Quick))), expected);
}

#[test]
fn the_sides_have_other_followers_and_other_rates_and_no_interval_to_wait_for() {
    let sides: Vec<String> =
        told(&all_steps(&plan(Scope::Whole))).into_iter().filter(|it| it.contains("Side SSE")).collect();
    let expected = [
        "Side SSE: 25 2/s 5 s FinalPoll",
        "Side SSE: 50 2/s 5 s FinalPoll",
        "Side SSE: 100 0.5/s 6 s FinalPoll",
        "Side SSE: 100 8/s 5 s FinalPoll",
    ];
    assert_eq!(sides, expected);
}

#[test]
fn each_way_gets_the_same_number_of_messages() {
    let mut plan = plan(Scope::Quick);
    (plan.workload.messages_per_s, plan.workload.duration_s) = (0.1, 15.0);
    let told = told(&all_steps(&plan));
    assert!(told.contains(&"Main SSE: 100 0.1/s 20 s Natural".to_owned()), "{told:?}");
}

#[test]
fn a_proxy_takes_two_more_files_for_each_follower() {
    let most = |plan: &Plan| all_steps(plan).iter().map(Step::files).max();
    let mut plan = plan(Scope::Quick);
    assert_eq!(most(&plan), Some(100));
    plan.workload.trouble = true;
    assert_eq!(most(&plan), Some(300));
    plan.workload = Workload { rtt_ms: 1.0, trouble: false, ..plan.workload };
    assert_eq!(most(&plan), Some(300));
}

#[test]
fn sides_that_make_no_sense_are_left_out() {
    let mut plan = plan(Scope::Whole);
    plan.workload.followers = 3;
    plan.workload.messages_per_s = 0.1;
    let sides: Vec<String> =
        told(&all_steps(&plan)).into_iter().filter(|it| it.contains("Side SSE")).collect();
    // A quarter of three is nobody, and a fortieth of a message a second takes longer than the run.
    assert_eq!(sides, ["Side SSE: 1 0.1/s 10 s FinalPoll", "Side SSE: 3 0.4/s 5 s FinalPoll"]);
    plan.target = Target::Elsewhere(Elsewhere::default());
    assert!(!told(&all_steps(&plan)).iter().any(|it| it.contains("Side")));
}

#[test]
fn trouble_comes_apart_from_the_runs_that_are_compared() {
    let mut plan = plan(Scope::Quick);
    plan.workload.trouble = true;
    let steps = all_steps(&plan);
    for step in &steps {
        if let Step::Run { place, workload, .. } = step {
            assert_eq!(*place == Place::Troubled, workload.trouble);
        }
    }
    assert_eq!(steps.len(), 7 + 4);
}

#[test]
fn a_sweep_is_each_way_in_each_cell_with_whole_messages() {
    let grid = Grid { followers: vec![10, 100], messages_per_s: vec![0.1, 3.0] };
    let mut plan = plan(Scope::Sweep(grid));
    plan.workload.duration_s = 5.0;
    plan.ways = vec![Way::Sse, Way::Poll { every_s: 1.0 }, Way::Poll { every_s: 5.0 }];
    let told = told(&all_steps(&plan));
    assert_eq!(told.len(), 4 * 3);
    assert_eq!(told[0], "Cell(0) SSE: 10 0.1/s 10 s Natural");
    assert_eq!(told[4], "Cell(1) polling every 1 s: 100 0.1/s 10 s Natural");
    // Later than what is late: only its cost is of interest.
    assert_eq!(told[11], "Cell(3) polling every 5 s: 100 3/s 5 s FinalPoll");
}

#[test]
fn the_estimate_counts_what_surrounds_a_run() {
    let mut plan = plan(Scope::Quick);
    plan.ways = vec![Way::Poll { every_s: 5.0 }];
    let seconds = estimate(&plan).as_secs_f64();
    // 10 s to nobody, 30 s between two intervals of polling, twice 3 s of publishing, four times what is around.
    assert!((60.0..63.0).contains(&seconds), "{seconds}");
}

#[test]
fn what_does_not_go_together_is_refused_with_what_to_do() {
    let wrong = |change: fn(&mut Plan)| {
        let mut plan = plan(Scope::Quick);
        change(&mut plan);
        check(&plan).expect_err("it makes no sense").to_string()
    };
    assert_eq!(check(&plan(Scope::Whole)), Ok(()));
    let slow = wrong(|plan| plan.workload.messages_per_s = 0.01);
    assert_eq!(slow, "no message would be published: at 0.01 a second write --duration 100s or more");
    let lonely = wrong(|plan| plan.workload.streams = 101);
    assert!(lonely.contains("101 streams"), "{lonely}");
    let lost = wrong(|plan| {
        plan.workload.trouble = true;
        plan.workload.durability = Some("memory".to_owned());
    });
    assert!(lost.contains("--durability"), "{lost}");
    let long = wrong(|plan| plan.workload.duration_s = 3_600.0 * 2.0);
    assert!(long.contains("more than 6"), "{long}");
    let grid = Grid { followers: vec![1; 9], messages_per_s: vec![1.0; 9] };
    let mut large = plan(Scope::Sweep(grid));
    assert!(check(&large).expect_err("81 cells").to_string().contains("at most 64"));
    large.scope = Scope::Sweep(Grid { followers: vec![1], messages_per_s: vec![1.0] });
    large.target = Target::Elsewhere(Elsewhere::default());
    assert!(check(&large).expect_err("no cost").to_string().contains("--url"));
}
