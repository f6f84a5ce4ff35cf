//! Whether what a run says is true: against the real server, as a child process.

mod counting_proxy;
mod uniform;

use super::run::Course;
use super::{
    Ending, Load, Phase, Program, PublishWay, PublishingLoad, Site, Watch, measure, measure_publishing,
};
use crate::findings::{Distribution, Run, Workload};
use crate::way::Way;
use counting_proxy::{Counted, CountingProxy};
use rustix::process::{Pid, Signal, kill_process};
use std::ops::ControlFlow;
use std::time::Duration;

fn load(followers: usize, messages_per_s: f64, duration: Duration) -> Load {
    let workload = Workload {
        followers,
        streams: 1,
        messages_per_s,
        message_bytes: 200,
        duration_s: duration.as_secs_f64(),
        durability: Some("memory".to_owned()),
        rtt_ms: 0.0,
        loss: 0.0,
        trouble: false,
    };
    Load { workload, ending: Ending::Natural, late_ms: 1_000.0 }
}

fn program() -> Program {
    Program { path: tidings_testkit::tidings_binary(), arguments: Vec::new() }
}

fn site() -> Site {
    Site::start_own(&program(), Some("memory".to_owned())).unwrap()
}

fn run(way: Option<Way>, load: &Load) -> Run {
    measure(&mut site(), way, load, &mut |_| ControlFlow::Continue(())).unwrap()
}

const WAYS: [Way; 5] =
    [Way::Poll { every_s: 0.25 }, Way::LongPoll, Way::LongPollClosing, Way::Sse, Way::WebSocket];

/// Whether two counts differ by no more than 1 %.
fn agree(one: u64, other: u64) -> bool {
    one.abs_diff(other) * 100 <= one.max(other)
}

/// Runs all at the same time: they mostly wait.
fn each<T: Copy + Send + Sync>(all: &[T], run: impl Fn(T) + Sync) {
    std::thread::scope(|scope| {
        let run = &run;
        let running: Vec<_> = all.iter().map(|one| scope.spawn(move || run(*one))).collect();
        for one in running {
            one.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    });
}

#[test]
fn requests_and_bytes_agree_with_an_independent_count() {
    /// What is delivered late just when the measured time begins or ends, on a busy machine, is counted by one side only: 25 ms of 4 s. So
    /// one of a few attempts must agree; a wrong count never does.
    const ATTEMPTS: usize = 4;
    each(&WAYS, |way| {
        let mut told = String::new();
        for _ in 0..ATTEMPTS {
            let (found, counted) = counted_twice(way);
            let pairs = [
                (found.requests, counted.requests),
                (found.sent_bytes, counted.sent_bytes),
                (found.received_bytes, counted.received_bytes),
                (found.connections_opened, counted.connections),
            ];
            if pairs.iter().all(|(one, other)| agree(*one, *other)) {
                return;
            }
            told = format!("requests, bytes sent and received, connections: {pairs:?}");
        }
        panic!("{way}: {told}");
    });
}

/// A run, and what a proxy counted while it was measured.
fn counted_twice(way: Way) -> (Run, Counted) {
    let mut site = site();
    let proxy = CountingProxy::start(site.followers.address);
    site.followers.address = proxy.address();
    let mut looks = Vec::new();
    let mut watch = |live: &super::Live| {
        if looks.last().is_none_or(|(phase, _)| *phase != live.phase) {
            looks.push((live.phase, proxy.counted()));
        }
        ControlFlow::Continue(())
    };
    // 20 followers poll 4 times a second, or get 40 messages a second: 320 requests or 3,200 deliveries.
    let found = measure(&mut site, Some(way), &load(20, 40.0, Duration::from_secs(4)), &mut watch).unwrap();
    let at = |phase| looks.iter().find(|(at, _)| *at == phase).unwrap().1;
    assert_eq!((found.published, found.expected, found.delivered), (160, 3_200, 3_200), "{way}");
    assert!(found.is_whole(), "{way}: {found:?}");
    assert_eq!(found.latency.count, 3_200, "{way}");
    assert_eq!(found.seconds.iter().map(|second| second.requests).sum::<u64>(), found.requests, "{way}");
    check_requests(way, &found);
    (found, at(Phase::Draining).since(at(Phase::Measuring)))
}

/// What each way asks in 4 seconds with 20 followers and 40 messages a second follows from what it is.
fn check_requests(way: Way, found: &Run) {
    match way {
        // A poll every quarter of a second finds the messages of that time.
        Way::Poll { .. } => {
            assert!(is_about(found, 320), "{found:?}");
            assert_eq!(found.connections_opened, 0, "{found:?}");
        }
        // One for each message, or for several that came together.
        Way::LongPoll | Way::LongPollClosing => {
            assert!((500..=3_300).contains(&found.requests), "{found:?}");
            assert_eq!(found.connections_opened == 0, way == Way::LongPoll, "{found:?}");
        }
        Way::Sse | Way::WebSocket => {
            assert_eq!((found.requests, found.connections_opened), (0, 0), "{found:?}");
        }
    }
    assert_eq!(found.empty_requests, 0, "{found:?}");
}

/// Whether what was due was done in time.
fn is_calm(found: &Run) -> bool {
    found.harness.late_p99_ms < 10.0
}

/// Whether as many polls were sent as there should be. On a busy machine some are sent in the measured time that were due before it, and
/// others not at all, because the one before them is not answered.
fn is_about(found: &Run, expected: u64) -> bool {
    let percent = if is_calm(found) { 95..=102 } else { 25..=150 };
    percent.contains(&(found.requests * 100 / expected))
}

#[test]
fn polls_that_find_nothing_are_counted() {
    // A message a second, asked for 20 times a second by 20 followers: one of twenty polls finds it.
    let found = run(Some(Way::Poll { every_s: 0.05 }), &load(20, 1.0, Duration::from_secs(2)));
    assert!(is_about(&found, 800), "{found:?}");
    // On a busy machine a poll of the measured time may find a message of the warm-up.
    let brought = found.requests - found.empty_requests;
    let most = if is_calm(&found) { 40 } else { 60 };
    assert!((40..=most).contains(&brought), "{found:?}");
    assert_eq!(found.delivered, 40, "{found:?}");
}

/// Of 1,000 followers that poll every second, for one message a second: how long each waits is its phase. Several messages at other
/// places in the interval would hide phases that are not spread.
fn polling(phases: Option<Vec<u64>>) -> Distribution {
    let mut site = site();
    let way = Way::Poll { every_s: 1.0 };
    let mut course =
        Course::prepare(&site, Some(way), &load(FOLLOWERS, 1.0, Duration::from_secs(2))).unwrap();
    if let Some(phases) = phases {
        course.phases = phases;
    }
    let found = course.run(&mut site, &mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(found.delivered, 2_000, "{found:?}");
    found.latency
}

const FOLLOWERS: usize = 1_000;

#[test]
fn latency_of_polling_is_uniform_over_the_interval() {
    // A machine that stands still for a moment makes polls late; one of a few attempts must be even. A wrong schedule never is: see below.
    let distances: Vec<f64> = (0..4)
        .map(|_| uniform::distance(&polling(None), 1_000.0))
        .take_while(|distance| uniform::critical(FOLLOWERS) <= *distance)
        .collect();
    assert!(distances.len() < 4, "{distances:?}");
}

#[test]
fn a_wrong_schedule_of_polls_would_be_noticed() {
    each(&[true, false], |all_at_once| {
        // Over four fifths of the interval: what a mistake in drawing would look like.
        let spread = |index: u64| index * 800_000_000 / FOLLOWERS as u64;
        let phase = |index: u64| if all_at_once { 300_000_000 } else { spread(index) };
        let distance = uniform::distance(&polling(Some((0..FOLLOWERS as u64).map(phase).collect())), 1_000.0);
        assert!(uniform::critical(FOLLOWERS) < distance, "all at once {all_at_once}: {distance}");
    });
}

/// Runs with something that goes wrong for [`STALL`] in the measured time: `begin` is called when it is to, `end` when it is over.
fn stalled(begin: impl Fn(Pid), end: impl Fn(Pid)) -> Run {
    let mut site = site();
    let process = Pid::from_raw(i32::try_from(site.child.as_ref().unwrap().process_id()).unwrap()).unwrap();
    let mut begun_s = None;
    let mut is_over = false;
    let mut watch = |live: &super::Live| {
        if live.phase == Phase::Measuring && begun_s.is_none() {
            begin(process);
            begun_s = Some(live.elapsed_s);
        }
        if !is_over && begun_s.is_some_and(|begun_s| begun_s + STALL.as_secs_f64() <= live.elapsed_s) {
            end(process);
            is_over = true;
        }
        ControlFlow::Continue(())
    };
    measure(&mut site, Some(Way::WebSocket), &load(10, 100.0, Duration::from_secs(2)), &mut watch).unwrap()
}

const STALL: Duration = Duration::from_millis(600);

/// 30 % of the messages of 2 seconds were due in the 600 ms of a stall, and waited for what was left of it: 10 % for more than 400 ms.
fn check_stalled(found: &Run) {
    assert!(found.is_whole() && found.latency.count == 2_000, "{found:?}");
    assert!(
        300.0 < found.latency.p90_ms,
        "messages that were due in a stall were not counted late: {found:?}"
    );
    assert!(500.0 < found.latency.max_ms, "{found:?}");
}

#[test]
fn what_was_due_while_the_server_stood_still_is_late() {
    let send = |signal| move |process| kill_process(process, signal).unwrap();
    check_stalled(&stalled(send(Signal::STOP), send(Signal::CONT)));
}

#[test]
fn what_was_due_while_the_harness_stood_still_is_late_and_the_run_says_so() {
    let found = stalled(|_| std::thread::sleep(STALL), |_| {});
    check_stalled(&found);
    assert!(found.harness.late_p99_ms > 300.0 && found.bottleneck.is_some(), "{found:?}");
}

#[test]
fn what_was_never_acknowledged_is_not_called_lost() {
    let mut site = site();
    let process = Pid::from_raw(i32::try_from(site.child.as_ref().unwrap().process_id()).unwrap()).unwrap();
    let mut watch = |live: &super::Live| {
        if live.phase == Phase::Measuring && 10 < live.delivered {
            // For good: nothing that is published after that is stored.
            kill_process(process, Signal::STOP).unwrap();
        }
        ControlFlow::Continue(())
    };
    let load = load(1, 100.0, Duration::from_secs(1));
    let found = measure(&mut site, Some(Way::WebSocket), &load, &mut watch).unwrap();
    assert!(found.published < 100 && found.delivered < found.expected, "{found:?}");
    assert!(found.bottleneck.is_some(), "{found:?}");
    // One may be acknowledged just before the server stops, and its delivery come no more.
    assert!(found.lost <= 1, "{found:?}");
}

#[test]
fn publishing_to_nobody_is_measured() {
    let found = run(None, &load(500, 50.0, Duration::from_secs(1)));
    assert_eq!((found.followers, found.published, found.expected, found.delivered), (0, 50, 0, 0));
    assert_eq!((found.requests, found.received_bytes), (0, 0));
    assert!(found.server.is_none_or(|server| 0.0 < server.cpu_s), "{found:?}");
}

#[test]
fn publishing_is_measured_over_both_ways() {
    let mut site = site();
    for by in [PublishWay::Post, PublishWay::WebSocket] {
        let load = PublishingLoad { message_bytes: 200, duration: Duration::from_millis(500) };
        let found = measure_publishing(&mut site, by, load, &mut |_| ControlFlow::Continue(())).unwrap();
        assert!(20 < found.published && found.round_trip.count == found.published, "{found:#?}");
        assert!(200.0 < found.sent_bytes && found.sent_bytes < 600.0, "{found:#?}");
        assert!(50.0 < found.received_bytes && found.server_cpu_us.is_none_or(|us| 0.0 < us), "{found:#?}");
    }
}

#[test]
fn messages_and_followers_are_spread_over_streams() {
    let mut load = load(10, 30.0, Duration::from_secs(1));
    load.workload.streams = 3;
    let found = run(Some(Way::Sse), &load);
    // Streams have 4, 3 and 3 followers, and 10 messages each.
    assert_eq!((found.published, found.expected, found.delivered), (30, 100, 100));
    assert!(found.is_whole(), "{found:?}");
}

#[test]
fn a_last_poll_shortens_a_run() {
    let load = Load { ending: Ending::FinalPoll, ..load(50, 10.0, Duration::from_secs(1)) };
    let mut elapsed_s = 0.0;
    let mut watch = |live: &super::Live| {
        elapsed_s = live.elapsed_s;
        ControlFlow::Continue(())
    };
    let found = measure(&mut site(), Some(Way::Poll { every_s: 60.0 }), &load, &mut watch).unwrap();
    assert!(elapsed_s < 20.0, "{elapsed_s} s for a run with an interval of a minute");
    assert_eq!((found.delivered, found.lost, found.latency.count), (500, 0, 0), "{found:?}");
}

#[test]
fn a_run_ends_when_its_watcher_says_so() {
    let mut watch = |live: &super::Live| match live.phase {
        Phase::Measuring => ControlFlow::Break(()),
        Phase::Joining | Phase::WarmingUp | Phase::Draining => ControlFlow::Continue(()),
    };
    let watch: Watch<'_> = &mut watch;
    let ended = measure(&mut site(), Some(Way::Sse), &load(5, 10.0, Duration::from_mins(10)), watch);
    assert!(ended.unwrap_err().is::<super::Interrupted>());
}

#[test]
fn what_cannot_be_measured_is_told_before_a_run() {
    let told = |change: fn(&mut Workload)| {
        let mut load = load(5, 10.0, Duration::from_secs(1));
        change(&mut load.workload);
        let failed = measure(&mut site(), Some(Way::Sse), &load, &mut |_| ControlFlow::Continue(()));
        failed.unwrap_err().to_string()
    };
    assert!(told(|load| load.message_bytes = 10).contains("64 to"));
    assert!(told(|load| load.streams = 0).contains("streams"));
    assert!(told(|load| load.messages_per_s = 0.0).contains("more than 0 a second"));
    assert!(told(|load| load.duration_s = f64::NAN).contains("more than 0 seconds"));
}

/// `TIDINGS_COMPARE_FOLLOWERS` is how many, 500 by default.
#[test]
fn hundreds_of_each_way_follow_from_one_process() {
    let asked = std::env::var("TIDINGS_COMPARE_FOLLOWERS").ok();
    let followers = asked.map_or(500, |text| text.parse().expect("the setting is a number"));
    for way in [Way::Poll { every_s: 1.0 }, Way::LongPoll, Way::LongPollClosing, Way::Sse, Way::WebSocket] {
        let found = run(Some(way), &load(followers, 1.0, Duration::from_secs(1)));
        assert!(found.is_whole() && found.delivered == found.expected, "{way}: {found:?}");
        assert!(followers as u64 <= found.delivered, "{way}: {found:?}");
        let Run { latency, harness, server, bottleneck, .. } = &found;
        eprintln!(
            "{way}: p50 {:.1} ms, p99 {:.1} ms; {server:?}; {harness:?}; {bottleneck:?}",
            latency.p50_ms, latency.p99_ms
        );
    }
}

mod trouble;
