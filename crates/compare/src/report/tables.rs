//! The tables of the report.

use super::chart::Data;
use super::escape::escaped;
use crate::columns::{COLUMNS, Column, wrongs};
use crate::findings::{Harness, Publishing, Run, Sweep};
use crate::number::{self, Figure};
use crate::verdict::by_reason;

/// A figure with its unit set smaller.
fn html(figure: &Figure) -> String {
    if figure.unit.is_empty() {
        return escaped(&figure.number);
    }
    format!("{}&#8239;<span class=\"unit\">{}</span>", escaped(&figure.number), figure.unit)
}

/// A table in a box that scrolls by itself, so that the page never does.
fn boxed(label: &str, table: &str) -> String {
    let label = escaped(label);
    format!(
        "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Table: {label}\"><table>\n{table}</table></div>\n"
    )
}

/// All figures of all ways.
pub(super) fn runs(runs: &[Run]) -> String {
    let groups = COLUMNS.chunk_by(|one, two| one.group == two.group).map(|columns| {
        format!("<th scope=\"colgroup\" colspan=\"{}\">{}</th>", columns.len(), columns[0].group)
    });
    let names = COLUMNS.iter().map(|column| format!("<th scope=\"col\">{}</th>", column.name));
    let best: Vec<_> = COLUMNS.iter().map(|column| column.best(runs)).collect();
    let rows = runs.iter().map(|run| row(run, &best));
    let table = format!(
        "<caption>● marks the best of a column.</caption>\n\
         <thead><tr class=\"groups\"><td></td>{}<th scope=\"col\">whole</th></tr>\n\
         <tr><th scope=\"col\">way</th>{}<td></td></tr></thead>\n<tbody>\n{}</tbody>\n",
        concat(groups),
        concat(names),
        concat(rows)
    );
    boxed("all figures of all ways", &table) + &reasons(runs)
}

fn concat(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().concat()
}

fn row(run: &Run, best: &[Option<Figure>]) -> String {
    let Some(way) = run.way else { return String::new() };
    let is_unused = run.bottleneck.is_some();
    let class = if is_unused { " class=\"unused\"" } else { "" };
    let mark = if is_unused { " *" } else { "" };
    let cells = COLUMNS.iter().zip(best).map(|(column, best)| {
        let figure = column.text(run);
        let is_best = !is_unused && figure.is_some() && figure == *best;
        let class = if is_best { " class=\"best\"" } else { "" };
        let text =
            figure.as_ref().map_or_else(|| format!("<span class=\"unit\">{}</span>", column.absent), html);
        format!("<td{class}>{text}</td>")
    });
    let whole = match wrongs(run) {
        None => "<td class=\"good\"><span aria-hidden=\"true\">✓</span> yes</td>".to_owned(),
        Some(wrongs) => format!("<td class=\"bad\">{}</td>", escaped(&wrongs)),
    };
    let way = escaped(&way.to_string());
    format!("<tr{class}><th scope=\"row\">{way}{mark}</th>{}{whole}</tr>\n", concat(cells))
}

fn reasons(runs: &[Run]) -> String {
    let reasons = by_reason(runs.iter()).into_iter().map(|(reason, unused)| {
        let ways: Vec<_> = unused.iter().filter_map(|run| Some(run.way?.to_string())).collect();
        format!("<p>* {}: {}</p>\n", escaped(&ways.join("; ")), escaped(reason))
    });
    let reasons = concat(reasons);
    if reasons.is_empty() {
        return String::new();
    }
    format!(
        "<div class=\"notes muted\"><p>Used in no verdict, because something else than the server was the limit:</p>\n{reasons}</div>\n"
    )
}

/// Every run of a sweep, in a part of the page that is closed at first.
pub(super) fn sweep(sweep: &Sweep) -> String {
    let heads =
        ["way", "followers", "messages a second", "p50", "p99", "of a core", "bytes a message", "whole", ""];
    let runs = || sweep.cells.iter().flat_map(|cell| &cell.runs);
    let rows = runs().filter_map(|run| {
        let [p50, p99, _, _, bytes, _, core, ..] = &COLUMNS;
        let value = |column: &Column| column.text(run).map_or_else(|| "–".to_owned(), |figure| html(&figure));
        let figures = [
            number::count(run.followers as u64),
            html(&number::plain(run.messages_per_s)),
            value(p50),
            value(p99),
            value(core),
            value(bytes),
            wrongs(run).map_or_else(|| "yes".to_owned(), |wrongs| escaped(&wrongs)),
            escaped(run.bottleneck.as_deref().unwrap_or_default()),
        ];
        Some(line(&run.way?.to_string(), figures))
    });
    let table = format!("{}{}</tbody>\n", head(&heads), concat(rows));
    let summary = format!("All {} runs", number::count(runs().count() as u64));
    format!("<details><summary>{summary}</summary>\n{}</details>\n", boxed(&summary, &table))
}

/// Publishing over each way to publish.
pub(super) fn publishing(all: &[Publishing]) -> String {
    let mut table = head(&["by", "p50", "p99", "server CPU", "bytes sent", "bytes received"]);
    for publishing in all {
        let cpu = publishing.server_cpu_us.map_or_else(
            || "<span class=\"unit\">not measured</span>".to_owned(),
            |cpu| html(&number::duration(cpu / 1e3)),
        );
        let figures = [
            html(&number::duration(publishing.round_trip.p50_ms)),
            html(&number::duration(publishing.round_trip.p99_ms)),
            cpu,
            html(&number::size(publishing.sent_bytes)),
            html(&number::size(publishing.received_bytes)),
        ];
        table += &line(&publishing.how, figures);
    }
    table += "</tbody>\n";
    boxed("publishing, each message", &table)
}

/// What measuring took, run by run.
pub(super) fn harness(runs: &[Run]) -> String {
    let mut table = String::from("<caption>What measuring itself took.</caption>\n")
        + &head(&["way", "its CPU", "the proxy's", "busy", "late at p99", "others' CPU", "lasted"]);
    for run in runs {
        let Some(way) = run.way else { continue };
        let Harness { cpu_s, proxy_cpu_s, busy, late_p99_ms, others_cpus } = run.harness;
        let of_core = |seconds: f64| {
            html(&number::percent(if run.measured_s <= 0.0 { 0.0 } else { seconds / run.measured_s }))
        };
        let figures = [
            of_core(cpu_s),
            of_core(proxy_cpu_s),
            html(&number::percent(busy)),
            html(&number::duration(late_p99_ms)),
            others_cpus.map_or_else(|| "–".to_owned(), |cpus| html(&number::percent(cpus))),
            html(&number::duration(run.measured_s * 1e3)),
        ];
        table += &line(&way.to_string(), figures);
    }
    table += "</tbody>\n";
    let note = "<p class=\"muted\">CPU is a part of one core. Busy is the part of the time in which the followers' thread was at work; late is how late it did what was due.</p>\n";
    format!("<figure style=\"margin-top:32px\">{}{note}</figure>\n", boxed("what measuring took", &table))
}

/// What a chart shows.
pub(super) fn data(data: &Data, title: &str) -> String {
    let heads: Vec<&str> = data.heads.iter().map(String::as_str).collect();
    let mut table = head(&heads);
    for row in &data.rows {
        let Some((name, values)) = row.split_first() else { continue };
        table += &line(name, values.iter().map(|value| escaped(value)));
    }
    table += "</tbody>\n";
    boxed(title, &table)
}

fn head(names: &[&str]) -> String {
    let names = names.iter().map(|name| {
        if name.is_empty() {
            "<td></td>".to_owned()
        } else {
            format!("<th scope=\"col\">{}</th>", escaped(name))
        }
    });
    format!("<thead><tr>{}</tr></thead>\n<tbody>\n", concat(names))
}

/// A row; the values are HTML already.
fn line(name: &str, values: impl IntoIterator<Item = String>) -> String {
    let values = values.into_iter().map(|value| format!("<td>{value}</td>"));
    format!("<tr><th scope=\"row\">{}</th>{}</tr>\n", escaped(name), concat(values))
}
