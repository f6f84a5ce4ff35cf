//! The page: what stands where.

use super::chart::{Chart, STYLE};
use super::escape::{escaped, sentence};
use super::tables;
use crate::findings::{Findings, Workload};
use crate::number;
use crate::verdict::{is_alarm, load, verdict};

/// A part of the page: its anchor, its heading, and the charts in it.
struct Part {
    anchor: &'static str,
    heading: &'static str,
    charts: &'static [Chart],
}

const PARTS: [Part; 7] = [
    Part { anchor: "map", heading: "The map", charts: &[Chart::Sweep] },
    Part { anchor: "latency", heading: "Latency", charts: &[Chart::Latency] },
    Part { anchor: "traffic", heading: "Requests and bytes", charts: &[Chart::Requests, Chart::Bytes] },
    Part {
        anchor: "cost",
        heading: "Cost",
        charts: &[Chart::Cpu, Chart::CpuByFollowers, Chart::CpuByRate, Chart::Memory],
    },
    Part { anchor: "trouble", heading: "Trouble", charts: &[Chart::Trouble] },
    Part { anchor: "publishing", heading: "Both directions", charts: &[Chart::Publishing] },
    Part { anchor: "simplicity", heading: "How simple it is", charts: &[Chart::Clients] },
];

/// The whole document.
pub(super) fn page(findings: &Findings) -> String {
    let mut page = vec![
        HEAD.to_owned(),
        format!(
            "<title>{}</title>\n<style>\n{STYLE}{PAGE_STYLE}</style>\n</head>\n<body>\n",
            title(findings)
        ),
        "<a class=\"skip\" href=\"#measured\">Skip to the figures</a>\n".to_owned(),
        header(findings),
        "<main>\n".to_owned(),
        measured(findings),
        figures(findings),
    ];
    page.extend(PARTS.iter().map(|part| section(part, findings)));
    page.extend([
        method(findings),
        "</main>\n".to_owned(),
        footer(findings),
        "</body>\n</html>\n".to_owned(),
    ]);
    page.concat()
}

const PAGE_STYLE: &str = include_str!("report.css");

/// The policy lets nothing be loaded, whatever a text in the page says.
const HEAD: &str = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
    <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n\
    <meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n";

fn title(findings: &Findings) -> String {
    escaped(&format!("tidings compare: {}", summary(findings)))
}

fn summary(findings: &Findings) -> String {
    match &findings.sweep {
        Some(sweep) => format!("{} loads", sweep.cells.len()),
        None => load(findings.workload.followers as u64, findings.workload.messages_per_s),
    }
}

/// The verdict, in large type.
fn header(findings: &Findings) -> String {
    let sentences = if findings.verdict.is_empty() { verdict(findings) } else { findings.verdict.clone() };
    let (alarms, sentences): (Vec<_>, Vec<_>) = sentences.iter().partition(|sentence| is_alarm(sentence));
    let (first, others) = match sentences.split_first() {
        Some((first, others)) => (first.as_str(), others),
        None => ("Nothing follows from these figures.", [].as_slice()),
    };
    let (summary, taken) =
        (escaped(&summary(findings)), escaped(findings.taken.split('T').next().unwrap_or_default()));
    let mut header =
        vec![format!("<header>\n<p class=\"eyebrow\"><b>tidings compare</b> · {summary} · {taken}</p>\n")];
    header.extend(alarms.iter().map(|alarm| format!("<p class=\"alarm\">{}</p>\n", sentence(alarm))));
    header.push(choice(first));
    let others: Vec<_> = others.iter().map(|other| format!("<li>{}</li>\n", sentence(other))).collect();
    if !others.is_empty() {
        header.push(format!("<ul class=\"verdict\">\n{}</ul>\n", others.concat()));
    }
    header.extend(findings.notes.iter().map(|note| format!("<p class=\"remark\">{}</p>\n", sentence(note))));
    header.push(contents(findings));
    header.push("</header>\n".to_owned());
    header.concat()
}

/// `Choose SSE` large, and why in the next size; a sentence of another form as a whole.
fn choice(text: &str) -> String {
    match text.split_once(": ") {
        Some((choice, why)) if choice.starts_with("Choose ") => {
            let mut letters = why.chars();
            let why: String =
                letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
            format!("<h1>{}</h1>\n<p class=\"lead\">{}</p>\n", escaped(choice), sentence(&why))
        }
        _ => format!("<h1 class=\"long\">{}</h1>\n", sentence(text)),
    }
}

fn contents(findings: &Findings) -> String {
    let mut items = vec![("measured", "What was measured")];
    if !findings.runs.is_empty() {
        items.push(("figures", "All figures"));
    }
    items.extend(PARTS.iter().filter(|part| has(part, findings)).map(|part| (part.anchor, part.heading)));
    items.push(("method", "How it was measured"));
    let items = items.iter().map(|(anchor, heading)| format!("<li><a href=\"#{anchor}\">{heading}</a></li>"));
    format!("<nav aria-label=\"Contents\"><ul>{}</ul></nav>\n", items.collect::<Vec<_>>().concat())
}

fn has(part: &Part, findings: &Findings) -> bool {
    part.charts.iter().any(|chart| chart.is_in(findings))
}

fn measured(findings: &Findings) -> String {
    let Findings { machine, server, .. } = findings;
    let place = if server.is_measured {
        "a process of its own on this machine"
    } else {
        "elsewhere: its processor time and memory are not measured"
    };
    let facts = [
        ("Workload", sentence(&workload(findings))),
        ("Late", sentence(&format!("a delivery after more than {}", number::duration(findings.late_ms)))),
        ("Server", escaped(&format!("{}, {place}; it speaks {}", server.name, server.speaks))),
        (
            "Machine",
            sentence(&format!(
                "{}, {} at once, {} of memory, {}",
                machine.processor,
                number::counted(machine.processors as u64, "thread"),
                number::size(crate::verdict::as_f64(machine.memory_bytes)),
                machine.system
            )),
        ),
        ("Taken", escaped(&format!("{} by tidings {}", findings.taken, findings.tidings))),
        ("To repeat it", format!("<pre><code>{}</code></pre>", escaped(&findings.command))),
    ];
    let facts = facts.map(|(name, fact)| format!("<dt>{name}</dt><dd>{fact}</dd>\n")).concat();
    format!("<section id=\"measured\">\n<h2>What was measured</h2>\n<dl>\n{facts}</dl>\n</section>\n")
}

/// The workload in a sentence.
fn workload(findings: &Findings) -> String {
    let Workload {
        followers,
        streams,
        messages_per_s,
        message_bytes,
        duration_s,
        durability,
        rtt_ms,
        loss,
        ..
    } = &findings.workload;
    let many = match &findings.sweep {
        Some(sweep) => {
            format!("{} by {} loads with messages", sweep.followers.len(), sweep.messages_per_s.len())
        }
        None => load(*followers as u64, *messages_per_s),
    };
    let mut parts = vec![
        format!(
            "{many} of {} bytes, over {}",
            number::count(*message_bytes as u64),
            number::counted(*streams as u64, "stream")
        ),
        format!("for {} with each way", number::duration(duration_s * 1e3)),
    ];
    if let Some(durability) = durability {
        parts.push(format!(
            "stored in {}",
            if durability == "memory" { "memory" } else { "files, synced to the disk" }
        ));
    }
    if 0.0 < *rtt_ms {
        parts.push(format!("with a round trip of {} added", number::duration(*rtt_ms)));
    }
    if 0.0 < *loss {
        parts.push(format!("with {} of the data lost together with its connection", number::percent(*loss)));
    }
    if findings.workload.trouble || !findings.troubled.is_empty() {
        parts.push(
            "and once more with trouble: connections reset, the server killed and started again".to_owned(),
        );
    }
    parts.join(", ")
}

fn figures(findings: &Findings) -> String {
    if findings.runs.is_empty() {
        return String::new();
    }
    format!("<section id=\"figures\">\n<h2>All figures</h2>\n{}</section>\n", tables::runs(&findings.runs))
}

fn section(part: &Part, findings: &Findings) -> String {
    if !has(part, findings) {
        return String::new();
    }
    let charts =
        part.charts.iter().filter(|chart| chart.is_in(findings)).map(|chart| figure(*chart, findings));
    let more = match part.anchor {
        "publishing" => tables::publishing(&findings.publishing),
        "map" => findings.sweep.as_ref().map_or_else(String::new, tables::sweep),
        _ => String::new(),
    };
    format!(
        "<section id=\"{}\">\n<h2>{}</h2>\n{}{more}</section>\n",
        part.anchor,
        part.heading,
        charts.collect::<Vec<_>>().concat()
    )
}

/// A chart with what it says, and the same as a table.
fn figure(chart: Chart, findings: &Findings) -> String {
    let (title, reading) = (escaped(chart.title()), sentence(chart.reading()));
    let data = tables::data(&chart.data(findings), chart.title());
    format!(
        "<figure>\n<h3>{title}</h3>\n<figcaption>{reading}</figcaption>\n\
         <div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Chart: {title}\">\n{}</div>\n\
         <details><summary>The same as a table</summary>\n{data}</details>\n</figure>\n",
        chart.inline(findings)
    )
}

/// What is counted, what is not, and what measuring itself took.
fn method(findings: &Findings) -> String {
    let runs_at = if findings.server.is_measured {
        "The ways run one after another, each at a server that was started for it alone, and with the same messages at the same times."
    } else {
        "The ways run one after another, at the same server, and with the same messages at the same times."
    };
    let points = [runs_at].into_iter().chain(METHOD).map(|point| format!("<li>{}</li>\n", escaped(point)));
    let points = points.collect::<Vec<_>>().concat();
    let harness = if findings.runs.is_empty() { String::new() } else { tables::harness(&findings.runs) };
    format!(
        "<section id=\"method\">\n<h2>How it was measured</h2>\n<ul class=\"verdict\">\n{points}</ul>\n{harness}</section>\n"
    )
}

const METHOD: [&str; 5] = [
    "Latency is taken from the moment at which a message should have been sent, not from when it was: a server that falls behind can't hide it.",
    "Bytes are what the followers' TCP connections carried: heads, frames and messages. The headers of TCP and IP are not counted, nor are the packets that only acknowledge.",
    "The server's processor time is that of its process, in the program and in the kernel, publishing included. Interrupts and what the network card does are not in it.",
    "Every message is checked at every follower: that it came, came once, and came in order.",
    "Followers and publisher run on the same machine as the server, unless that is elsewhere. A run in which they or the machine were the limit is shown hatched and grey, and used in no verdict.",
];

fn footer(findings: &Findings) -> String {
    format!(
        "<footer><p>Written by tidings {} from the findings that <code>--json</code> prints. This file loads nothing.</p></footer>\n",
        escaped(&findings.tidings)
    )
}
