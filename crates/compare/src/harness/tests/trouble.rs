//! Trouble in the middle of a run, at the real server.

use super::{load, program};
use crate::findings::{Run, Trouble};
use crate::harness::elsewhere::Elsewhere;
use crate::harness::{Load, PublishWay, PublishingLoad, Site, measure, measure_publishing};
use crate::proxy::Network;
use crate::way::Way;
use std::ops::ControlFlow;
use std::time::Duration;

const FOLLOWERS: usize = 50;

fn troubled() -> Load {
    let mut load = load(FOLLOWERS, 40.0, Duration::from_secs(2));
    load.workload.trouble = true;
    load.workload.durability = Some("disk".to_owned());
    load
}

fn run(site: &mut Site, way: Way, load: &Load) -> (Run, Trouble) {
    let found = measure(site, Some(way), load, &mut |_| ControlFlow::Continue(())).unwrap();
    let trouble = found.trouble.clone().unwrap();
    (found, trouble)
}

fn own() -> Site {
    Site::start_own(&program(), Some("disk".to_owned())).unwrap()
}

fn everybody_is_whole_again(way: Way) {
    let (found, trouble) = run(&mut own(), way, &troubled());
    assert_eq!((found.lost, found.repeated, found.reordered), (0, 0, 0), "{way}: {trouble:?}");
    assert_eq!((found.delivered, found.published), (FOLLOWERS as u64 * 80, 80), "{way}: {trouble:?}");
    assert_eq!((trouble.never_whole, trouble.whole_after.count), (0, FOLLOWERS as u64), "{way}: {trouble:?}");
    assert!(1.0 < trouble.away_ms && trouble.away_ms <= trouble.whole_after.max_ms, "{way}: {trouble:?}");
    assert!(10.0 <= trouble.requests_peak_per_s, "{way}: {trouble:?}");
    if way == Way::WebSocket {
        // Each asks once or a few times, and not all at once.
        assert!(trouble.requests_peak_per_s < 900.0, "{way}: {trouble:?}");
    }
    // 2 % of those that are open: a few more than followers where each answer closes one.
    assert!((1..=2).contains(&trouble.resets), "{way}: {trouble:?}");
    assert!(found.server.is_some_and(|used| 0.0 < used.cpu_s), "both processes count");
}

#[test]
fn a_killed_server_loses_nothing_over_websocket_and_sse() {
    everybody_is_whole_again(Way::WebSocket);
    everybody_is_whole_again(Way::Sse);
}

#[test]
fn a_killed_server_loses_nothing_over_polls() {
    everybody_is_whole_again(Way::LongPoll);
    everybody_is_whole_again(Way::LongPollClosing);
    everybody_is_whole_again(Way::poll(Duration::from_millis(200)));
}

#[test]
fn a_server_elsewhere_stays_and_connections_are_reset() {
    let server = tidings_testkit::Server::start();
    let url = format!("http://{}", server.address());
    let mut site = Site::elsewhere(&Elsewhere { url, ..Elsewhere::default() }).unwrap();
    let (found, trouble) = run(&mut site, Way::WebSocket, &troubled());
    assert!(found.is_whole(), "{trouble:?}");
    assert_eq!((trouble.resets, trouble.never_whole, trouble.whole_after.count), (1, 0, 1), "{trouble:?}");
    assert!(trouble.away_ms.abs() < f64::EPSILON, "{trouble:?}");
}

#[test]
fn losses_are_made_good_and_distance_is_seen() {
    let mut load = load(FOLLOWERS, 20.0, Duration::from_secs(1));
    (load.workload.rtt_ms, load.workload.loss) = (20.0, 0.01);
    for way in [Way::LongPoll, Way::WebSocket] {
        let mut site = own();
        site.through(Network { rtt: Duration::from_millis(20), loss: 0.01, seed: 7 }).unwrap();
        let found = measure(&mut site, Some(way), &load, &mut |_| ControlFlow::Continue(())).unwrap();
        assert!(found.is_whole(), "{way}: {found:?}");
        assert!(10.0 <= found.latency.p50_ms, "{way}: {:?}", found.latency);
        assert!(0 < found.connections_opened && 0.0 < found.harness.proxy_cpu_s, "{way}: {found:?}");
    }
}

#[test]
fn publishing_is_as_far_away_and_loses_nothing() {
    let mut site = own();
    site.through(Network { rtt: Duration::from_millis(20), loss: 0.5, seed: 7 }).unwrap();
    for by in [PublishWay::Post, PublishWay::WebSocket] {
        let load = PublishingLoad { message_bytes: 200, duration: Duration::from_millis(400) };
        let found = measure_publishing(&mut site, by, load, &mut |_| ControlFlow::Continue(())).unwrap();
        assert!(3 < found.published && 20.0 <= found.round_trip.p50_ms, "{found:?}");
    }
}

#[test]
fn trouble_in_memory_is_refused() {
    let mut load = troubled();
    load.workload.durability = Some("memory".to_owned());
    let mut site = Site::start_own(&program(), Some("memory".to_owned())).unwrap();
    let refused = measure(&mut site, Some(Way::Sse), &load, &mut |_| ControlFlow::Continue(())).unwrap_err();
    assert!(refused.to_string().contains("--durability disk"), "{refused:#}");
}
