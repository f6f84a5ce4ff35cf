//! Made-up findings, for tests.

use crate::findings::{Distribution, Harness, Machine, Run, Workload};
use crate::harness::Program;
use crate::plan::{Plan, Scope, Target};
use crate::way::Way;
use std::time::Duration;

/// A comparison of one way.
pub(crate) fn plan() -> Plan {
    let workload = Workload {
        followers: 100,
        streams: 1,
        messages_per_s: 2.0,
        message_bytes: 200,
        duration_s: 30.0,
        durability: Some("disk".to_owned()),
        rtt_ms: 0.0,
        loss: 0.0,
        trouble: false,
    };
    let machine =
        Machine { system: String::new(), processor: String::new(), processors: 2, memory_bytes: 1 << 30 };
    Plan {
        target: Target::Own(Program { path: "tidings".into(), arguments: Vec::new() }),
        workload,
        ways: vec![Way::Sse],
        late: Duration::from_secs(1),
        scope: Scope::Quick,
        command: "tidings compare".to_owned(),
        taken: "2026-01-02T03:04:05Z".to_owned(),
        machine,
        version: "0.1.0".to_owned(),
    }
}

/// A run in which nothing happened.
pub(crate) fn run(way: Option<Way>) -> Run {
    let harness = Harness { cpu_s: 0.0, proxy_cpu_s: 0.0, busy: 0.0, late_p99_ms: 0.0, others_cpus: None };
    Run {
        way,
        followers: 1,
        messages_per_s: 1.0,
        measured_s: 1.0,
        published: 0,
        expected: 0,
        delivered: 0,
        lost: 0,
        repeated: 0,
        reordered: 0,
        latency: Distribution::default(),
        requests: 0,
        empty_requests: 0,
        sent_bytes: 0,
        received_bytes: 0,
        connections_opened: 0,
        connections_held: 0.0,
        server: None,
        harness,
        seconds: Vec::new(),
        trouble: None,
        bottleneck: None,
    }
}
