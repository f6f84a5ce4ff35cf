//! Each chart, drawn: which figures of the findings go where.

use super::Chart;
use super::bars::{self, Bar};
use super::canvas::Canvas;
use super::ink::{Ink, Inks};
use super::lines::{self, Axis, Level, Line};
use super::map::{self, Cell};
use super::panels::{self, Other, Panel};
use super::scale::Scale;
use super::whole;
use crate::columns::{memory, requests_per_s};
use crate::findings::{Distribution, Findings, Run, Second, Sweep, SweepCell};
use crate::number;
use crate::verdict::{Gauge, as_f64};
use crate::way::Way;

/// The cost of one way at several loads.
pub(super) struct Growth {
    pub(super) way: Way,
    /// The load and the cost, by load.
    pub(super) points: Vec<(f64, f64)>,
    pub(super) is_unused: bool,
}

pub(super) fn draw(chart: Chart, findings: &Findings) -> Canvas {
    let inks = Inks::of(findings);
    match chart {
        Chart::Sweep => {
            findings.sweep.as_ref().map_or_else(|| Canvas::new(1.0, 1.0), |sweep| draw_sweep(sweep, &inks))
        }
        Chart::Latency => draw_latency(findings, &inks),
        Chart::Requests => draw_requests(findings, &inks),
        Chart::Bytes => draw_bytes(findings, &inks),
        Chart::Cpu => draw_cpu(findings, &inks),
        Chart::CpuByFollowers => draw_growth(&by_followers(findings), "followers", &inks),
        Chart::CpuByRate => draw_growth(&by_rate(findings), "messages a second", &inks),
        Chart::Memory => draw_memory(findings, &inks),
        Chart::Publishing => draw_publishing(findings),
        Chart::Clients => draw_clients(findings),
        Chart::Trouble => draw_trouble(findings, &inks),
    }
}

/// The runs that followed a way, and which.
pub(super) fn followed(runs: &[Run]) -> impl Iterator<Item = (Way, &Run)> {
    runs.iter().filter_map(|run| Some((run.way?, run)))
}

/// A name in a chart; a run that is used in no verdict says so.
fn label(way: Way, run: &Run) -> String {
    if run.bottleneck.is_some() { format!("{} (not used)", way.short()) } else { way.short() }
}

fn percent_text(part: f64) -> String {
    number::percent(part).to_string()
}

fn duration_text(milliseconds: f64) -> String {
    number::duration(milliseconds).to_string()
}

fn size_text(bytes: f64) -> String {
    format!("{}/s", number::size(bytes))
}

fn plain_text(value: f64) -> String {
    number::plain(value).to_string()
}

/// What a part of the deliveries were at most: from 0 to 99.5 % in halves, then 99.9 % and all.
pub(super) fn quantiles(distribution: &Distribution) -> Vec<(f64, f64)> {
    let values = &distribution.quantiles_ms;
    let (Some(&last), Some(&rare)) = (values.get(200), values.get(202)) else { return Vec::new() };
    let halves = values.iter().take(200).enumerate();
    let points =
        halves.map(|(index, value)| (whole(index) / 2.0, *value)).chain([(99.9, rare), (100.0, last)]);
    // A logarithmic axis has no 0; nothing is measured below a microsecond.
    points.map(|(part, value)| (part, value.max(1e-3))).collect()
}

fn draw_latency(findings: &Findings, inks: &Inks) -> Canvas {
    let line = |(way, run): (Way, &Run)| {
        let latency = &run.latency;
        let (p50, p99) = (duration_text(latency.p50_ms), duration_text(latency.p99_ms));
        Line {
            ink: inks.ink(way),
            label: label(way, run),
            title: format!(
                "{way}: half within {p50}, 99 % within {p99}, all within {}",
                duration_text(latency.max_ms)
            ),
            points: quantiles(latency),
            is_marked: false,
            is_unused: run.bottleneck.is_some(),
        }
    };
    let lines: Vec<Line> =
        followed(&findings.runs).map(line).filter(|line| !line.points.is_empty()).collect();
    let late = Level { value: findings.late_ms, label: format!("late: {}", duration_text(findings.late_ms)) };
    let values = lines.iter().flat_map(|line| &line.points).map(|(_, value)| *value);
    let (least, most) =
        values.fold((late.value, late.value), |(least, most), value| (least.min(value), most.max(value)));
    let x = Axis {
        title: "part of the deliveries",
        scale: Scale::Linear { from: 0.0, to: 100.0 },
        text: |part| format!("{part} %"),
    };
    let y = Axis { title: "latency", scale: Scale::log(least, most), text: duration_text };
    lines::draw(&lines, &x, &y, &[late])
}

fn draw_publishing(findings: &Findings) -> Canvas {
    let line = |publishing: &crate::findings::Publishing| {
        let (p50, p99) =
            (duration_text(publishing.round_trip.p50_ms), duration_text(publishing.round_trip.p99_ms));
        Line {
            ink: publishing_ink(&publishing.how),
            label: publishing.how.clone(),
            title: format!("{}: half within {p50}, 99 % within {p99}", publishing.how),
            points: quantiles(&publishing.round_trip),
            is_marked: false,
            is_unused: false,
        }
    };
    let lines: Vec<Line> =
        findings.publishing.iter().map(line).filter(|line| !line.points.is_empty()).collect();
    let values = lines.iter().flat_map(|line| &line.points).map(|(_, value)| *value);
    let x = Axis {
        title: "part of the messages",
        scale: Scale::Linear { from: 0.0, to: 100.0 },
        text: |part| format!("{part} %"),
    };
    let y = Axis { title: "round trip", scale: Scale::fitting(values), text: duration_text };
    lines::draw(&lines, &x, &y, &[])
}

fn publishing_ink(how: &str) -> Ink {
    if how == "WebSocket" { Ink { class: "websocket", shape: 0 } } else { Ink { class: "post", shape: 4 } }
}

/// The cost of each way at the rate of the comparison, by followers.
pub(super) fn by_followers(findings: &Findings) -> Vec<Growth> {
    let rate = findings.workload.messages_per_s;
    let is_it = move |run: &Run| (run.messages_per_s - rate).abs() < 1e-9;
    growth(findings, is_it, |run| as_f64(run.followers as u64))
}

/// The cost of each way for the followers of the comparison, by rate.
pub(super) fn by_rate(findings: &Findings) -> Vec<Growth> {
    let followers = findings.workload.followers;
    growth(findings, move |run: &Run| run.followers == followers, |run| run.messages_per_s)
}

fn growth(findings: &Findings, is_it: impl Fn(&Run) -> bool, load: fn(&Run) -> f64) -> Vec<Growth> {
    let line = |(way, main): (Way, &Run)| {
        let sides = findings.sides.iter().filter(|run| run.way == Some(way) && run.bottleneck.is_none());
        let all = sides.chain([main]).filter(|run| is_it(run));
        let mut points: Vec<_> = all.filter_map(|run| Some((load(run), run.cpu_of_a_core()?))).collect();
        points.sort_by(|(one, _), (two, _)| one.total_cmp(two));
        points.dedup_by(|(one, _), (two, _)| (*one - *two).abs() < 1e-9);
        Growth { way, points, is_unused: main.bottleneck.is_some() }
    };
    followed(&findings.runs).map(line).collect()
}

/// Whether there is more than one load.
pub(super) fn has_growth(lines: &[Growth]) -> bool {
    lines.iter().any(|line| 1 < line.points.len())
}

fn draw_growth(growth: &[Growth], title: &'static str, inks: &Inks) -> Canvas {
    let line = |line: &Growth| {
        let name = line.way.short();
        Line {
            ink: inks.ink(line.way),
            label: if line.is_unused { format!("{name} (not used)") } else { name },
            title: line.way.to_string(),
            points: line.points.clone(),
            is_marked: true,
            is_unused: line.is_unused,
        }
    };
    let lines: Vec<Line> = growth.iter().map(line).filter(|line| !line.points.is_empty()).collect();
    let loads = lines.iter().flat_map(|line| &line.points).map(|(load, _)| *load);
    let (least, most) =
        loads.fold((f64::INFINITY, 0.0_f64), |(least, most), load| (least.min(load), most.max(load)));
    let costs = lines.iter().flat_map(|line| &line.points).map(|(_, cost)| *cost);
    let y = Axis { title: "part of a core", scale: Scale::fitting(costs), text: percent_text };
    // Both of a kind, so that a cost that is proportional to the load is straight.
    let scale = match y.scale {
        Scale::Linear { .. } => Scale::linear(most),
        Scale::Log { .. } => Scale::log(least, most),
    };
    let x = Axis { title, scale, text: plain_text };
    lines::draw(&lines, &x, &y, &[])
}

fn draw_cpu(findings: &Findings, inks: &Inks) -> Canvas {
    let bar = |(way, run): (Way, &Run)| {
        let cost = run.cpu_of_a_core()?;
        Some(bar(way, run, inks, (cost, None), percent_text(cost)))
    };
    let bars: Vec<Bar> = followed(&findings.runs).filter_map(bar).collect();
    bars::draw("part of a core", &bars)
}

fn draw_memory(findings: &Findings, inks: &Inks) -> Canvas {
    let bar = |(way, run): (Way, &Run)| {
        let bytes = memory(run)?;
        Some(bar(way, run, inks, (bytes, None), number::size(bytes).to_string()))
    };
    let bars: Vec<Bar> = followed(&findings.runs).filter_map(bar).collect();
    bars::draw("the server's own memory", &bars)
}

fn draw_trouble(findings: &Findings, inks: &Inks) -> Canvas {
    let bar = |(way, run): (Way, &Run)| {
        let trouble = run.trouble.as_ref()?;
        let (half, all) = (trouble.whole_after.p50_ms, trouble.whole_after.max_ms);
        let never = if 0 < trouble.never_whole {
            format!(", {} never", number::count(trouble.never_whole))
        } else {
            String::new()
        };
        let text = format!("half {}, all {}{never}", duration_text(half), duration_text(all));
        Some(bar(way, run, inks, (half, Some(all)), text))
    };
    let bars: Vec<Bar> = followed(&findings.troubled).filter_map(bar).collect();
    bars::draw("time until whole again", &bars)
}

fn bar(way: Way, run: &Run, inks: &Inks, (solid, light): (f64, Option<f64>), text: String) -> Bar {
    Bar {
        ink: inks.ink(way),
        label: label(way, run),
        solid,
        light,
        text,
        is_unused: run.bottleneck.is_some(),
    }
}

fn draw_clients(findings: &Findings) -> Canvas {
    let bar = |client: &crate::findings::ClientLines| {
        let (ink, name) = match client.way.as_str() {
            "websocket" => (Ink { class: "websocket", shape: 0 }, "WebSocket"),
            "sse" => (Ink { class: "sse", shape: 1 }, "SSE"),
            "long-poll" => (Ink { class: "long-poll", shape: 2 }, "long poll"),
            "poll" => (Ink { class: "poll-a", shape: 4 }, "poll"),
            other => (Ink { class: "poll-b", shape: 5 }, other),
        };
        Bar {
            ink,
            label: format!("{name}, {}", client.language),
            solid: whole(client.lines),
            light: None,
            text: number::count(client.lines as u64),
            is_unused: false,
        }
    };
    bars::draw("lines of code", &findings.clients.iter().map(bar).collect::<Vec<_>>())
}

fn draw_requests(findings: &Findings, inks: &Inks) -> Canvas {
    let note = |run: &Run| {
        let rate = number::plain(requests_per_s(run).unwrap_or(0.0));
        if run.requests == 0 {
            return "none".to_owned();
        }
        let empty = number::percent(as_f64(run.empty_requests) / as_f64(run.requests));
        format!("{rate} a second, {empty} empty")
    };
    let panels = panels_of(
        findings,
        inks,
        note,
        |second| second.requests,
        |second| second.empty_requests.min(second.requests),
    );
    panels::draw("requests a second", &panels, Other::Part, plain_text)
}

fn draw_bytes(findings: &Findings, inks: &Inks) -> Canvas {
    let note = |run: &Run| {
        let per_s = |bytes: u64| size_text(as_f64(bytes) / run.measured_s.max(1e-9));
        format!("in {}, out {}", per_s(run.received_bytes), per_s(run.sent_bytes))
    };
    let panels = panels_of(findings, inks, note, |second| second.received_bytes, |second| second.sent_bytes);
    panels::draw("bytes a second", &panels, Other::Below, |bytes| number::size(bytes).to_string())
}

fn panels_of(
    findings: &Findings,
    inks: &Inks,
    note: impl Fn(&Run) -> String,
    above: fn(&Second) -> u64,
    other: fn(&Second) -> u64,
) -> Vec<Panel> {
    let panel = |(way, run): (Way, &Run)| Panel {
        ink: inks.ink(way),
        label: way.short(),
        note: if run.bottleneck.is_some() { "used in no verdict".to_owned() } else { note(run) },
        above: run.seconds.iter().map(|second| as_f64(above(second))).collect(),
        other: run.seconds.iter().map(|second| as_f64(other(second))).collect(),
        is_unused: run.bottleneck.is_some(),
    };
    followed(&findings.runs).map(panel).collect()
}

/// The cheapest run of a cell, and its cost in words.
pub(super) fn cheapest(cell: &SweepCell) -> Option<(Way, String)> {
    let run = cell.runs.get(cell.cheapest?)?;
    let gauge = Gauge::of([run]);
    let cost = gauge.cost(run);
    let cost = match gauge {
        Gauge::Cpu => number::percent(cost).to_string(),
        Gauge::Bytes => format!("{}/message", number::size(cost)),
    };
    Some((run.way?, cost))
}

fn draw_sweep(sweep: &Sweep, inks: &Inks) -> Canvas {
    let cell = |cell: &SweepCell| {
        let limited = cell.runs.iter().filter(|run| run.bottleneck.is_some()).count();
        let limited = if limited == 0 {
            String::new()
        } else {
            format!("; {limited} of {} runs not used", cell.runs.len())
        };
        match cheapest(cell) {
            Some((way, cost)) => {
                let title = format!("{way}: {cost}{limited}");
                Cell { ink: Some(inks.ink(way)), name: way.short(), cost, title }
            }
            None => Cell {
                ink: None,
                name: "none".to_owned(),
                cost: "early enough".to_owned(),
                title: format!("none that could be judged is early enough{limited}"),
            },
        }
    };
    let columns: Vec<_> = sweep.followers.iter().map(|followers| number::count(*followers as u64)).collect();
    let rows: Vec<_> = sweep.messages_per_s.iter().map(|rate| plain_text(*rate)).collect();
    map::draw(&columns, &rows, &sweep.cells.iter().map(cell).collect::<Vec<_>>())
}
