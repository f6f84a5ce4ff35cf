//! What a chart shows, as a table: for those who do not see it, and for exact values.

use super::Chart;
use super::drawing::{Growth, by_followers, by_rate, cheapest, followed, quantiles};
use super::panels::binned;
use crate::columns::memory;
use crate::findings::{Distribution, Findings, Run, Second, Sweep};
use crate::number;
use crate::verdict::as_f64;
use crate::way::Way;

/// A table: what stands over its columns, and its rows, each with its name first.
pub(in crate::report) struct Data {
    pub(in crate::report) heads: Vec<String>,
    pub(in crate::report) rows: Vec<Vec<String>>,
}

pub(super) fn of(chart: Chart, findings: &Findings) -> Data {
    match chart {
        Chart::Sweep => findings.sweep.as_ref().map_or_else(Data::empty, of_sweep),
        Chart::Latency => {
            of_distributions(followed(&findings.runs).map(|(way, run)| (way.to_string(), &run.latency)))
        }
        Chart::Publishing => of_distributions(
            findings.publishing.iter().map(|publishing| (publishing.how.clone(), &publishing.round_trip)),
        ),
        Chart::Requests => of_seconds(
            findings,
            &[("requests", |second| second.requests), ("empty", |second| second.empty_requests)],
        ),
        Chart::Bytes => of_seconds(
            findings,
            &[("in", |second| second.received_bytes), ("out", |second| second.sent_bytes)],
        ),
        Chart::Cpu => of_cpu(findings),
        Chart::CpuByFollowers => of_growth(&by_followers(findings), "followers"),
        Chart::CpuByRate => of_growth(&by_rate(findings), "messages a second"),
        Chart::Memory => {
            of_runs(findings, "for each follower", |run| Some(number::size(memory(run)?).to_string()))
        }
        Chart::Clients => of_clients(findings),
        Chart::Trouble => of_trouble(findings),
    }
}

impl Data {
    fn empty() -> Data {
        Data { heads: Vec::new(), rows: Vec::new() }
    }
}

fn texts<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_owned).to_vec()
}

fn of_runs(findings: &Findings, head: &str, value: fn(&Run) -> Option<String>) -> Data {
    let row = |(way, run): (Way, &Run)| {
        vec![way.to_string(), value(run).unwrap_or_else(|| "not measured".to_owned()), note(run)]
    };
    Data { heads: texts(["way", head, ""]), rows: followed(&findings.runs).map(row).collect() }
}

/// What a message and a follower cost stands here only, since the chart has one scale.
fn of_cpu(findings: &Findings) -> Data {
    const ABSENT: &str = "not measured";
    let row = |(way, run): (Way, &Run)| {
        let core = run.cpu_of_a_core().map(number::percent);
        let times = [
            run.cpu_us_per_delivery().map(|us| us / 1e3),
            run.cpu_us_per_message().map(|us| us / 1e3),
            run.cpu_ms_per_follower_hour(),
        ];
        let figures = [core].into_iter().chain(times.map(|time| time.map(number::duration)));
        let figures = figures.map(|figure| figure.map_or_else(|| ABSENT.to_owned(), |it| it.to_string()));
        [way.to_string()].into_iter().chain(figures).chain([note(run)]).collect()
    };
    let heads = ["way", "part of a core", "a delivery", "a message published", "a follower in an hour", ""];
    Data { heads: texts(heads), rows: followed(&findings.runs).map(row).collect() }
}

fn note(run: &Run) -> String {
    if run.bottleneck.is_some() { "used in no verdict".to_owned() } else { String::new() }
}

fn of_distributions<'a>(distributions: impl Iterator<Item = (String, &'a Distribution)>) -> Data {
    const PARTS: [f64; 9] = [0.0, 10.0, 25.0, 50.0, 75.0, 90.0, 99.0, 99.9, 100.0];
    let heads = PARTS.map(|part| format!("{part} %"));
    let row = |(name, distribution): (String, &Distribution)| {
        let points = quantiles(distribution);
        let value =
            |part: f64| points.iter().find(|(at, _)| (at - part).abs() < 1e-6).map(|(_, value)| *value);
        let values = PARTS.map(|part| {
            value(part).map_or_else(|| "–".to_owned(), |value| number::duration(value).to_string())
        });
        [name].into_iter().chain(values).collect()
    };
    Data { heads: [String::new()].into_iter().chain(heads).collect(), rows: distributions.map(row).collect() }
}

/// What is taken of a second.
type OfSecond = fn(&Second) -> u64;

fn of_seconds(findings: &Findings, values: &[(&str, OfSecond)]) -> Data {
    let mut heads = vec!["from".to_owned()];
    let mut columns: Vec<Vec<f64>> = Vec::new();
    for (way, run) in followed(&findings.runs) {
        for (name, value) in values {
            heads.push(format!("{}: {name}", way.short()));
            columns.push(binned(&run.seconds.iter().map(|second| as_f64(value(second))).collect::<Vec<_>>()));
        }
    }
    let longest = findings.runs.iter().map(|run| run.seconds.len()).max().unwrap_or(0);
    let rows = columns.iter().map(Vec::len).max().unwrap_or(0);
    let width = longest.div_ceil(rows.max(1));
    let row = |index: usize| {
        let cells = columns.iter().map(|column| {
            column.get(index).map_or_else(String::new, |value| number::plain(*value).to_string())
        });
        [format!("{} s", index * width)].into_iter().chain(cells).collect()
    };
    Data { heads, rows: (0..rows).map(row).collect() }
}

fn of_growth(growth: &[Growth], head: &str) -> Data {
    let mut loads: Vec<f64> = growth.iter().flat_map(|line| &line.points).map(|(load, _)| *load).collect();
    loads.sort_by(f64::total_cmp);
    loads.dedup_by(|one, two| (*one - *two).abs() < 1e-9);
    let heads = loads.iter().map(|load| format!("{} {head}", number::plain(*load)));
    let row = |line: &Growth| {
        let cost =
            |load: &f64| line.points.iter().find(|(at, _)| (at - load).abs() < 1e-9).map(|(_, cost)| *cost);
        let costs = loads
            .iter()
            .map(|load| cost(load).map_or_else(|| "–".to_owned(), |cost| number::percent(cost).to_string()));
        [line.way.to_string()].into_iter().chain(costs).collect()
    };
    Data {
        heads: ["way".to_owned()].into_iter().chain(heads).collect(),
        rows: growth.iter().map(row).collect(),
    }
}

fn of_clients(findings: &Findings) -> Data {
    let row = |client: &crate::findings::ClientLines| {
        vec![
            client.way.clone(),
            client.language.clone(),
            client.file.clone(),
            number::count(client.lines as u64),
        ]
    };
    Data {
        heads: texts(["way", "language", "file", "lines"]),
        rows: findings.clients.iter().map(row).collect(),
    }
}

fn of_trouble(findings: &Findings) -> Data {
    let row = |(way, run): (Way, &Run)| {
        let trouble = run.trouble.as_ref()?;
        let after = &trouble.whole_after;
        Some(vec![
            way.to_string(),
            number::duration(trouble.away_ms).to_string(),
            number::count(trouble.resets),
            number::duration(after.p50_ms).to_string(),
            number::duration(after.p99_ms).to_string(),
            number::duration(after.max_ms).to_string(),
            number::count(trouble.never_whole),
            format!("{}/s", number::plain(trouble.requests_peak_per_s)),
        ])
    };
    let heads = [
        "way",
        "server away",
        "resets",
        "half whole",
        "99 % whole",
        "all whole",
        "never whole",
        "peak of requests",
    ];
    Data { heads: texts(heads), rows: followed(&findings.troubled).filter_map(row).collect() }
}

fn of_sweep(sweep: &Sweep) -> Data {
    let heads =
        sweep.followers.iter().map(|followers| format!("{} followers", number::count(*followers as u64)));
    let rows = sweep.messages_per_s.iter().zip(sweep.cells.chunks(sweep.followers.len().max(1)));
    let row = |(rate, cells): (&f64, &[crate::findings::SweepCell])| {
        let cells = cells.iter().map(|cell| {
            cheapest(cell).map_or_else(|| "none".to_owned(), |(way, cost)| format!("{way}: {cost}"))
        });
        [format!("{}/s", number::plain(*rate))].into_iter().chain(cells).collect()
    };
    Data { heads: [String::new()].into_iter().chain(heads).collect(), rows: rows.map(row).collect() }
}
