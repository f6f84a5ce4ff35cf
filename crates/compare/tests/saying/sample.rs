//! Made-up findings of the shape that real ones have: the figures follow a simple model of what each way does.

use tidings_compare::{
    ClientLines, Distribution, Findings, Harness, Machine, Publishing, Run, Second, ServerFacts, ServerUsage,
    Sweep, SweepCell, Trouble, Way, Workload,
};

/// The ways of the sample, in the order in which they run.
pub(crate) const WAYS: [Way; 7] = [
    Way::WebSocket,
    Way::Sse,
    Way::LongPoll,
    Way::LongPollClosing,
    Way::Poll { every_s: 1.0 },
    Way::Poll { every_s: 5.0 },
    Way::Poll { every_s: 30.0 },
];

/// How long each run of the sample is.
const MEASURED_S: f64 = 30.0;

/// What the server spends on a message that nobody follows.
const PUBLISH_CPU_S: f64 = 90e-6;

/// What one way costs: seconds of processor time and bytes.
struct Model {
    cpu_each_s: f64,
    empty_cpu_s: f64,
    sent: f64,
    received: f64,
    memory: f64,
    fastest_ms: f64,
}

fn model(way: Way) -> Model {
    let of = |cpu_us: f64, sent, received, memory, fastest_ms| Model {
        cpu_each_s: cpu_us * 1e-6,
        empty_cpu_s: 14e-6,
        sent,
        received,
        memory,
        fastest_ms,
    };
    match way {
        Way::WebSocket => of(5.6, 0.4, 312.0, 780.0, 0.62),
        Way::Sse => of(5.9, 0.0, 371.0, 1_120.0, 0.66),
        Way::LongPoll => of(17.5, 214.0, 655.0, 1_090.0, 0.71),
        Way::LongPollClosing => of(58.0, 452.0, 862.0, 1_150.0, 1.1),
        Way::Poll { .. } => of(15.2, 232.0, 610.0, 760.0, 1.0),
    }
}

/// All of a plain comparison: 500 followers, 2 messages a second.
pub(crate) fn findings() -> Findings {
    let (followers, rate) = (500, 2.0);
    let mut findings = Findings {
        format: 1,
        tidings: "0.1.0".to_owned(),
        taken: "2026-11-26T12:00:00Z".to_owned(),
        command:
            "tidings compare --followers 500 --messages 2/s --bytes 200 --poll-every 1s,5s,30s --duration 30s"
                .to_owned(),
        machine: Machine {
            system: "Linux 6.1 (Debian 12)".to_owned(),
            processor: "Example processor at 2.6 GHz".to_owned(),
            processors: 2,
            memory_bytes: 8_200_000_000,
        },
        server: ServerFacts {
            name: "tidings 0.1.0".to_owned(),
            speaks: "tidings".to_owned(),
            is_measured: true,
        },
        workload: workload(followers, rate),
        late_ms: 1_000.0,
        publishing_alone: Some(run(None, 0, rate)),
        runs: WAYS.map(|way| run(Some(way), followers, rate)).to_vec(),
        sides: Vec::new(),
        troubled: Vec::new(),
        publishing: vec![
            publishing("POST", 0.31, 96.0, 268.0, 194.0),
            publishing("WebSocket", 0.24, 61.0, 297.0, 128.0),
        ],
        clients: clients(),
        sweep: None,
        ways: Vec::new(),
        is_interrupted: false,
        notes: Vec::new(),
        verdict: Vec::new(),
    };
    for way in WAYS {
        for (followers, rate) in [(125, 2.0), (250, 2.0), (500, 0.5), (500, 8.0)] {
            findings.sides.push(run(Some(way), followers, rate));
        }
    }
    findings.verdict = tidings_compare::verdict(&findings);
    findings
}

/// The same with what must stand out: a run that is no measurement, trouble, a note, a quarrelsome name.
pub(crate) fn troubled() -> Findings {
    let mut findings = findings();
    findings.command.push_str(" --trouble");
    findings.workload.trouble = true;
    findings.server.name.push_str(" <b>& \"more\"</b>");
    findings
        .notes
        .push("The machine was not quiet before the run of SSE: others used 0.4 of a processor.".to_owned());
    findings.runs[3].bottleneck =
        Some("the followers' thread was busy 93 % of the time: fewer followers or messages".to_owned());
    findings.troubled = WAYS
        .iter()
        .enumerate()
        .map(|(index, &way)| Run { trouble: Some(trouble(way, index)), ..run(Some(way), 500, 2.0) })
        .collect();
    findings.verdict = tidings_compare::verdict(&findings);
    findings
}

/// A server elsewhere, of which neither processor time nor memory is known.
pub(crate) fn elsewhere() -> Findings {
    let mut findings = findings();
    findings.server = ServerFacts {
        name: "https://updates.example.com".to_owned(),
        speaks: "durable-streams".to_owned(),
        is_measured: false,
    };
    findings.publishing_alone = None;
    findings.sides.clear();
    for run in &mut findings.runs {
        run.server = None;
    }
    for publishing in &mut findings.publishing {
        publishing.server_cpu_us = None;
    }
    findings.runs.retain(|run| run.way != Some(Way::WebSocket));
    findings.verdict = tidings_compare::verdict(&findings);
    findings
}

/// A sweep of 5 × 5 cells.
pub(crate) fn sweep() -> Findings {
    let mut findings = findings();
    let (followers, rates) = (vec![10, 50, 200, 1_000, 5_000], vec![0.01, 0.1, 1.0, 10.0, 100.0]);
    let mut cells = Vec::new();
    for &rate in &rates {
        for &followers in &followers {
            let runs: Vec<_> = WAYS.iter().map(|&way| cell_run(way, followers, rate)).collect();
            let cheapest = tidings_compare::cheapest(&runs, findings.late_ms);
            cells.push(SweepCell { runs, cheapest });
        }
    }
    findings.command = String::from(
        "tidings compare --sweep --followers 10,50,200,1000,5000 --messages 0.01/s,0.1/s,1/s,10/s,100/s",
    );
    findings.workload = workload(5_000, 100.0);
    findings.sweep = Some(Sweep { late_ms: findings.late_ms, followers, messages_per_s: rates, cells });
    findings.publishing_alone = None;
    findings.runs.clear();
    findings.sides.clear();
    findings.publishing.clear();
    findings.verdict = tidings_compare::verdict(&findings);
    findings
}

/// A cell's run has no latency where the interval alone makes it late, and a bottleneck where the load is too high for a machine.
fn cell_run(way: Way, followers: usize, rate: f64) -> Run {
    let mut run = run(Some(way), followers, rate);
    if way.interval().is_some_and(|interval| 1.0 < interval.as_secs_f64()) {
        run.latency = Distribution::default();
    }
    if 0.9 < run.cpu_of_a_core().unwrap_or(0.0) {
        run.bottleneck = Some("all processors together were busy 98 % of the time".to_owned());
    }
    run
}

fn workload(followers: usize, messages_per_s: f64) -> Workload {
    Workload {
        followers,
        streams: 1,
        messages_per_s,
        message_bytes: 200,
        duration_s: MEASURED_S,
        durability: Some("disk".to_owned()),
        rtt_ms: 0.0,
        loss: 0.0,
        trouble: false,
    }
}

fn clients() -> Vec<ClientLines> {
    let lines = |way: &str, javascript, shell| {
        [("JavaScript", "js", javascript), ("shell", "sh", shell)].map(|(language, ending, lines)| {
            ClientLines {
                way: way.to_owned(),
                language: language.to_owned(),
                file: format!("examples/plain/{way}.{ending}"),
                lines,
            }
        })
    };
    [lines("poll", 31, 22), lines("long-poll", 29, 20), lines("sse", 18, 27), lines("websocket", 41, 36)]
        .concat()
}

/// A run, whole and of nothing but the server.
pub(crate) fn run(way: Option<Way>, followers: usize, messages_per_s: f64) -> Run {
    let published = count(messages_per_s * MEASURED_S).max(1);
    let delivered = published * followers as u64;
    let (requests, empty) = way.map_or((0.0, 0.0), |way| requests(way, followers, messages_per_s));
    let bytes = way.map_or((0.0, 0.0), |way| bytes(way, float(delivered), requests));
    let memory = way.map_or(0.0, |way| model(way).memory * float(followers as u64));
    let cpu_s = way.map_or(0.0, |way| cpu(way, float(delivered), requests, empty));
    Run {
        way,
        followers,
        messages_per_s,
        measured_s: MEASURED_S,
        published,
        expected: delivered,
        delivered,
        lost: 0,
        repeated: 0,
        reordered: 0,
        latency: way.map_or_else(Distribution::default, |way| latency(way, delivered)),
        requests: count(requests),
        empty_requests: count(empty),
        sent_bytes: count(bytes.0),
        received_bytes: count(bytes.1),
        connections_opened: if way == Some(Way::LongPollClosing) { delivered } else { 0 },
        connections_held: float(followers as u64),
        server: Some(ServerUsage {
            cpu_s: cpu_s + float(published) * PUBLISH_CPU_S,
            followers_bytes: i64::try_from(count(memory)).expect("it fits"),
            memory_bytes: 21_000_000 + count(memory),
        }),
        harness: Harness {
            cpu_s: cpu_s * 1.3 + 0.02,
            proxy_cpu_s: 0.0,
            busy: ((cpu_s * 1.3 + 0.02) / MEASURED_S).min(1.0),
            late_p99_ms: 0.12,
            others_cpus: Some(0.01),
        },
        seconds: seconds(requests, empty, bytes, delivered),
        trouble: None,
        bottleneck: None,
    }
}

/// Requests in all, and those of them that bring nothing.
fn requests(way: Way, followers: usize, rate: f64) -> (f64, f64) {
    let followers = float(followers as u64);
    match way {
        Way::WebSocket | Way::Sse => (0.0, 0.0),
        Way::LongPoll | Way::LongPollClosing => (followers * rate * MEASURED_S, 0.0),
        Way::Poll { every_s } => {
            let requests = followers * MEASURED_S / every_s;
            (requests, requests * (-rate * every_s).exp())
        }
    }
}

fn bytes(way: Way, delivered: f64, requests: f64) -> (f64, f64) {
    let model = model(way);
    match way {
        Way::Poll { .. } => (requests * model.sent, requests * model.received / 2.0 + delivered * 280.0),
        Way::LongPoll | Way::LongPollClosing | Way::Sse | Way::WebSocket => {
            (delivered * model.sent, delivered * model.received)
        }
    }
}

fn cpu(way: Way, delivered: f64, requests: f64, empty: f64) -> f64 {
    let model = model(way);
    match way {
        Way::Poll { .. } => (requests - empty) * model.cpu_each_s + empty * model.empty_cpu_s,
        Way::LongPoll | Way::LongPollClosing | Way::Sse | Way::WebSocket => delivered * model.cpu_each_s,
    }
}

/// Uniform over the interval of polling; else a body and a tail.
fn latency(way: Way, delivered: u64) -> Distribution {
    let fastest = model(way).fastest_ms;
    let at = |part: f64| match way {
        Way::Poll { every_s } => fastest + part * every_s * 1e3,
        Way::LongPoll | Way::LongPollClosing | Way::Sse | Way::WebSocket => {
            fastest * (1.0 + 2.2 * part + 0.14 / (1.004 - part))
        }
    };
    let mut quantiles: Vec<f64> = (0..=200).map(|step| at(float(step) / 200.0)).collect();
    quantiles.extend([at(0.995), at(0.999)]);
    Distribution {
        count: delivered,
        mean_ms: at(0.5),
        p50_ms: at(0.5),
        p90_ms: at(0.9),
        p99_ms: at(0.99),
        max_ms: at(1.0),
        quantiles_ms: quantiles,
    }
}

fn seconds(requests: f64, empty: f64, bytes: (f64, f64), delivered: u64) -> Vec<Second> {
    let part = |whole: f64, second: u64| {
        // Uneven as real ones are, and the same each time.
        let sway = 1.0 + 0.12 * (float(second) * 2.399).sin();
        count(whole / MEASURED_S * sway)
    };
    let second = |second| Second {
        requests: part(requests, second),
        empty_requests: part(empty, second),
        sent_bytes: part(bytes.0, second),
        received_bytes: part(bytes.1, second),
        delivered: part(float(delivered), second),
    };
    (0..count(MEASURED_S)).map(second).collect()
}

fn publishing(how: &str, fastest_ms: f64, cpu_us: f64, sent_bytes: f64, received_bytes: f64) -> Publishing {
    let mut round_trip = latency(Way::WebSocket, 12_000);
    let scale = fastest_ms / round_trip.p50_ms;
    let Distribution { mean_ms, p50_ms, p90_ms, p99_ms, max_ms, quantiles_ms, .. } = &mut round_trip;
    for value in [mean_ms, p50_ms, p90_ms, p99_ms, max_ms].into_iter().chain(quantiles_ms) {
        *value *= scale;
    }
    Publishing {
        how: how.to_owned(),
        published: 12_000,
        round_trip,
        server_cpu_us: Some(cpu_us),
        sent_bytes,
        received_bytes,
    }
}

fn trouble(way: Way, index: usize) -> Trouble {
    let wait = way.interval().map_or(400.0, |interval| interval.as_secs_f64() * 1e3);
    let mut whole_after = latency(Way::Poll { every_s: wait / 1e3 }, 500);
    let Distribution { mean_ms, p50_ms, p90_ms, p99_ms, max_ms, quantiles_ms, .. } = &mut whole_after;
    for value in [mean_ms, p50_ms, p90_ms, p99_ms, max_ms].into_iter().chain(quantiles_ms) {
        *value += 190.0 + 20.0 * float(index as u64);
    }
    Trouble {
        away_ms: 180.0,
        resets: 10,
        whole_after,
        never_whole: 0,
        requests_peak_per_s: 3_000.0 - 400.0 * float(index as u64),
    }
}

#[expect(clippy::cast_precision_loss, reason = "made-up counts are small")]
fn float(count: u64) -> f64 {
    count as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "made-up counts are small and positive"
)]
fn count(value: f64) -> u64 {
    value.round() as u64
}
