//! Runs against the real server, as a child process.

use super::{Ending, Load, Program, Site, measure};
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

fn run(way: Option<Way>, load: &Load) -> Run {
    let program = Program { path: tidings_testkit::tidings_binary(), arguments: Vec::new() };
    let mut site = Site::start_own(&program, load.workload.durability.clone()).unwrap();
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
