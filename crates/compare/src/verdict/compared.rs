//! The choice among the runs of one load, and what the others cost or save beside it.

use super::choice::{
    Gauge, NOISE_OF_COUNTS, Relation, bytes_per_delivery, is_early, is_judged, is_suitable, relation,
};
use super::{as_f64, capital, cheapest, listed, load};
use crate::findings::{Findings, Run};
use crate::number;
use crate::way::Way;

/// The choice first; nothing where nothing was run.
pub(super) fn sentences(findings: &Findings) -> Vec<String> {
    if findings.runs.is_empty() {
        return Vec::new();
    }
    if findings.is_interrupted && findings.runs.len() < findings.ways.len() {
        return vec![
            "No choice follows: the comparison was interrupted before each way was measured.".to_owned(),
        ];
    }
    let judged: Vec<&Run> = findings.runs.iter().filter(|run| is_judged(run) && run.is_whole()).collect();
    let Some(choice) = cheapest(&findings.runs, findings.late_ms) else {
        return vec![no_choice(&judged, findings.late_ms)];
    };
    let choice = &findings.runs[choice];
    let mut sentences = vec![choose(choice, findings)];
    let others = judged.iter().filter(|run| run.way != choice.way);
    sentences.extend(others.map(|run| beside(run, reference(run, choice, &judged), findings.late_ms)));
    sentences.extend(memory(&judged));
    sentences.extend(alone(findings, choice));
    sentences
}

fn no_choice(judged: &[&Run], late_ms: f64) -> String {
    let late = number::duration(late_ms);
    let measured = judged.iter().filter(|run| 0 < run.latency.count);
    match measured.min_by(|one, two| one.latency.p99_ms.total_cmp(&two.latency.p99_ms)) {
        None => "No choice follows: no run was whole and limited by nothing but the server.".to_owned(),
        Some(earliest) => format!(
            "No way that could be judged delivers 99 % of the messages within {late}: the earliest is {}, with 99 % within {}.",
            earliest.way.map_or_else(String::new, Way::in_prose),
            number::duration(earliest.latency.p99_ms),
        ),
    }
}

fn choose(choice: &Run, findings: &Findings) -> String {
    let name = choice.way.map_or_else(String::new, Way::in_prose);
    let load = load(choice.followers as u64, choice.messages_per_s);
    let (p50, p99) = (number::duration(choice.latency.p50_ms), number::duration(choice.latency.p99_ms));
    let suitable = || findings.runs.iter().filter(|run| is_suitable(run, findings.late_ms));
    let gauge = Gauge::of(suitable());
    let rivals: Vec<&Run> = suitable().filter(|run| run.way != choice.way).collect();
    let equals = rivals.iter().filter(|run| gauge.relation(run, choice) == Relation::Same);
    let equals: Vec<String> = equals.filter_map(|run| run.way.map(Way::in_prose)).collect();
    let cost = cost_in_words(choice, gauge);
    let ways = ways_that_suit(findings);
    let why = if rivals.is_empty() {
        format!("it is the only one of {ways}, and it takes {cost}")
    } else if equals.is_empty() {
        format!("of {ways} it is the cheapest, with {cost}")
    } else {
        format!("it takes {cost}, {} the same, and it is the simplest of them", listed(&equals))
    };
    let own = own_clause(choice);
    format!(
        "Choose {name}: for {load}, {why}. Half of the messages come within {p50}, 99 % within {p99}{own}."
    )
}

/// The set from which is chosen; where something was not judged, that is said.
fn ways_that_suit(findings: &Findings) -> String {
    let late = number::duration(findings.late_ms);
    let is_all = findings.runs.iter().all(|run| is_judged(run) && run.is_whole());
    let which = if is_all { "the ways that deliver" } else { "the ways that can be judged and deliver" };
    format!("{which} 99 % of the messages within {late}")
}

fn cost_in_words(run: &Run, gauge: Gauge) -> String {
    match gauge {
        Gauge::Cpu => format!("{} of a core", number::percent(gauge.cost(run))),
        Gauge::Bytes => format!(
            "{} on the wire for each message (the server's CPU is not measured)",
            number::size(gauge.cost(run))
        ),
    }
}

/// What a way is compared with: long polling that closes with the one that does not, any other with the choice.
fn reference<'a>(run: &Run, choice: &'a Run, judged: &[&'a Run]) -> &'a Run {
    let keeping = judged.iter().find(|other| other.way == Some(Way::LongPoll));
    match (run.way, keeping) {
        (Some(Way::LongPollClosing), Some(keeping)) => keeping,
        _ => choice,
    }
}

/// What a way costs or saves, and how early it is.
fn beside(run: &Run, reference: &Run, late_ms: f64) -> String {
    let gauge = Gauge::of([run, reference]);
    let way = run.way.map_or_else(String::new, capital);
    let than = reference.way.map_or_else(String::new, Way::in_prose);
    let cost = match gauge {
        Gauge::Cpu => cpu_clause(run, reference, &than),
        Gauge::Bytes => format!("{}{}", bytes_clause(run, reference, &than), requests_clause(run, reference)),
    };
    let bytes = if gauge == Gauge::Cpu { more_bytes_clause(run, reference) } else { String::new() };
    format!("{way} {cost}{bytes}{}{}.", lateness_clause(run, late_ms), empty_clause(run))
}

fn cpu_clause(run: &Run, reference: &Run, than: &str) -> String {
    match Gauge::Cpu.relation(run, reference) {
        Relation::Same => format!("takes the same CPU as {than}"),
        Relation::More(ratio) if !ratio.is_finite() => {
            format!("takes {} of a core, where {than} takes none", number::percent(Gauge::Cpu.cost(run)))
        }
        Relation::More(ratio) if ratio < 2.0 => {
            format!("costs {} more CPU than {than}", number::percent(ratio - 1.0))
        }
        Relation::More(ratio) => format!("costs {} the CPU of {than}", number::times(ratio)),
        Relation::Saved(part) => format!("saves {} of the CPU of {than}", saved(part)),
    }
}

fn bytes_clause(run: &Run, reference: &Run, than: &str) -> String {
    match Gauge::Bytes.relation(run, reference) {
        Relation::Same => format!("moves as many bytes as {than}"),
        Relation::More(ratio) if ratio < 2.0 => {
            format!("moves {} more bytes than {than}", number::percent(ratio - 1.0))
        }
        Relation::More(ratio) => format!("moves {} the bytes of {than}", number::times(ratio)),
        Relation::Saved(part) => format!("saves {} of the bytes of {than}", saved(part)),
    }
}

fn more_bytes_clause(run: &Run, reference: &Run) -> String {
    let relation = relation(bytes_per_delivery(run), bytes_per_delivery(reference), NOISE_OF_COUNTS, 1.0);
    match relation {
        Relation::Same => String::new(),
        Relation::More(ratio) if ratio < 2.0 => format!(", with {} more bytes", number::percent(ratio - 1.0)),
        Relation::More(ratio) => format!(", with {} the bytes", number::times(ratio)),
        Relation::Saved(part) => format!(", with {} fewer bytes", saved(part)),
    }
}

fn requests_clause(run: &Run, reference: &Run) -> String {
    let per_s = |run: &Run| {
        if run.measured_s <= 0.0 { 0.0 } else { as_f64(run.requests) / run.measured_s }
    };
    let (here, there) = (per_s(run), per_s(reference));
    if relation(here, there, NOISE_OF_COUNTS, 1.0) == Relation::Same {
        return String::new();
    }
    format!(", with {} requests a second in place of {}", number::plain(here), number::plain(there))
}

/// A part that is nearly all is not rounded up to all.
fn saved(part: f64) -> String {
    if 0.995 <= part { "more than 99 %".to_owned() } else { number::percent(part).to_string() }
}

fn lateness_clause(run: &Run, late_ms: f64) -> String {
    if run.latency.count == 0 {
        return String::new();
    }
    let (p50, p99) = (number::duration(run.latency.p50_ms), number::duration(run.latency.p99_ms));
    if is_early(run, late_ms) {
        format!("; 99 % of its messages come within {p99}{}", own_clause(run))
    } else {
        format!(", and is {p50} late (half of its messages; one in a hundred {p99})")
    }
}

/// What of the latency is not the server's.
fn own_clause(run: &Run) -> String {
    let own = run.own_part_ms().map(number::duration);
    own.map_or_else(String::new, |own| format!(" (up to {own} of it is this program's own)"))
}

fn empty_clause(run: &Run) -> String {
    const WORTH_TELLING: f64 = 0.1;
    let part = as_f64(run.empty_requests) / as_f64(run.requests.max(1));
    if part < WORTH_TELLING {
        String::new()
    } else {
        format!("; {} of its requests bring nothing", number::percent(part))
    }
}

/// What followers add in all must be more for a sentence about each: less is a few pages here or there.
const MEMORY_MIN: i64 = 256 * 1_024;

/// Of polling only one interval is told: all hold the same connection.
fn memory(judged: &[&Run]) -> Option<String> {
    if judged.iter().any(|run| run.server.is_some_and(|server| server.followers_bytes < MEMORY_MIN)) {
        return None;
    }
    let mut told_polling = false;
    let mut each: Vec<String> = Vec::new();
    for run in judged {
        let is_polling = run.way.is_some_and(|way| way.interval().is_some());
        let (Some(bytes), Some(way)) = (run.bytes_per_follower(), run.way) else { continue };
        if is_polling && told_polling {
            continue;
        }
        told_polling |= is_polling;
        each.push(format!("{} ({})", number::size(bytes.max(0.0)), way.in_prose()));
    }
    (!each.is_empty()).then(|| format!("Each follower takes of the server's memory: {}.", listed(&each)))
}

/// How much of the choice's cost is publishing, which all pay.
fn alone(findings: &Findings, choice: &Run) -> Option<String> {
    let alone = findings.publishing_alone.as_ref().filter(|run| run.bottleneck.is_none())?;
    let (core, all) = (alone.cpu_of_a_core()?, choice.cpu_of_a_core()?);
    if core <= 0.0 || all <= 0.0 {
        return None;
    }
    let name = choice.way.map_or_else(String::new, Way::in_prose);
    let part = number::percent((core / all).min(1.0));
    Some(format!(
        "Publishing to nobody takes {} of a core, which is part of each figure ({part} of that of {name}).",
        number::percent(core)
    ))
}
