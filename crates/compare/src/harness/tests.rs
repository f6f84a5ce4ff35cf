//! Runs against the real server, as a child process.

use super::{Ending, Load, Program, PublishWay, PublishingLoad, Site, measure, measure_publishing};
use crate::findings::{Run, Workload};
use crate::way::Way;
use std::ops::ControlFlow;
use std::time::Duration;

/// A small workload: what is checked holds for every size.
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
    Load { workload, ending: Ending::Natural }
}

fn site(durability: Option<&str>) -> Site {
    let program = Program { path: tidings_testkit::tidings_binary(), arguments: Vec::new() };
    Site::start_own(&program, durability.map(str::to_owned)).unwrap()
}

fn run(way: Option<Way>, load: &Load) -> Run {
    let mut site = site(load.workload.durability.as_deref());
    measure(&mut site, way, load, &mut |_| ControlFlow::Continue(())).unwrap()
}

#[test]
fn every_way_delivers_all() {
    let ways = [
        Way::poll(Duration::from_millis(300)),
        Way::LongPoll,
        Way::LongPollClosing,
        Way::Sse,
        Way::WebSocket,
    ];
    for way in ways {
        let found = run(Some(way), &load(20, 20.0, Duration::from_secs(1)));
        assert_eq!((found.published, found.expected, found.delivered), (20, 400, 400), "{way}");
        assert!(found.is_whole(), "{way}");
    }
}

#[test]
fn publishing_is_measured_over_both_ways() {
    let mut site = site(Some("memory"));
    for by in [PublishWay::Post, PublishWay::WebSocket] {
        let load = PublishingLoad { message_bytes: 200, duration: Duration::from_millis(500) };
        let found = measure_publishing(&mut site, by, load, &mut |_| ControlFlow::Continue(())).unwrap();
        assert!(20 < found.published && found.round_trip.count == found.published, "{found:#?}");
        assert!(200.0 < found.sent_bytes && found.sent_bytes < 600.0, "{found:#?}");
        assert!(50.0 < found.received_bytes && found.server_cpu_us.is_some_and(|us| 0.0 < us), "{found:#?}");
    }
}
