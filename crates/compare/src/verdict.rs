//! What follows from the findings, in sentences: a pure function of the numbers.
//!
//! First what went wrong, then the choice and why, then what the others cost or save. A run with a bottleneck is named only to say
//! that it is not used.

mod aside;
mod choice;
mod compared;

pub use choice::cheapest;
pub(crate) use choice::{Gauge, is_judged};

use crate::findings::{Findings, Run};
use crate::number;
use crate::way::Way;

/// What follows from the findings: a sentence each.
pub fn verdict(findings: &Findings) -> Vec<String> {
    let mut sentences = alarms(findings);
    if let Some(sweep) = &findings.sweep {
        sentences.extend(aside::sweep(sweep));
    } else {
        sentences.extend(compared::sentences(findings));
    }
    // What kept every run from being a measurement did not spare publishing.
    if findings.runs.is_empty() || findings.runs.iter().any(is_judged) {
        sentences.extend(aside::publishing(findings));
    }
    sentences.extend(aside::trouble(&findings.troubled));
    sentences.extend(unused(findings));
    sentences
}

/// Who lost, doubled or disordered messages, also in a run that is used for nothing else: no bottleneck excuses it.
fn alarms(findings: &Findings) -> Vec<String> {
    let mut alarms: Vec<_> = findings.all_runs().filter_map(alarm).collect();
    alarms.sort();
    alarms.dedup();
    alarms
}

/// What an alarm begins with.
const ALARM: &str = "WARNING";

/// Whether a sentence of a verdict is one.
pub(crate) fn is_alarm(sentence: &str) -> bool {
    sentence.starts_with(ALARM)
}

fn alarm(run: &Run) -> Option<String> {
    let way = run.way?;
    let mut wrongs = Vec::new();
    if 0 < run.lost {
        wrongs.push(format!(
            "LOST {} of {}",
            number::counted(run.lost, "message"),
            number::count(run.expected)
        ));
    }
    if 0 < run.repeated {
        wrongs.push(format!("delivered {} again", number::counted(run.repeated, "message")));
    }
    if 0 < run.reordered {
        wrongs.push(format!("delivered {} out of order", number::counted(run.reordered, "message")));
    }
    if let Some(trouble) = run.trouble.as_ref().filter(|trouble| 0 < trouble.never_whole) {
        let followers = number::counted(trouble.never_whole, "follower");
        wrongs.push(format!("left {followers} without all messages after the trouble"));
    }
    let load = load(run.followers as u64, run.messages_per_s);
    (!wrongs.is_empty()).then(|| {
        format!(
            "{ALARM}: for {load}, {} {}. Find out why before you use it.",
            way.in_prose(),
            listed(&wrongs)
        )
    })
}

/// The runs whose figures are not the server's alone.
fn unused(findings: &Findings) -> Option<String> {
    if let Some(sweep) = &findings.sweep {
        let runs = || sweep.cells.iter().flat_map(|cell| &cell.runs);
        let unused = runs().filter(|run| run.bottleneck.is_some()).count();
        return (0 < unused).then(|| {
            let all = number::count(runs().count() as u64);
            let unused = number::count(unused as u64);
            format!("Not used here: {unused} of the {all} runs, in which something else than the server was the limit.")
        });
    }
    let unused = findings.runs.iter().chain(&findings.troubled).filter(|run| run.way.is_some());
    let reasons = by_reason(unused).into_iter().map(|(reason, runs)| {
        let mut ways: Vec<String> = runs.iter().filter_map(|run| Some(run.way?.in_prose())).collect();
        ways.dedup();
        format!("{} ({})", listed(&ways), reason.trim_end_matches('.'))
    });
    let reasons: Vec<_> = reasons.collect();
    (!reasons.is_empty()).then(|| format!("Not used here: {}.", listed(&reasons)))
}

/// Those with a bottleneck by what it was: reasons that differ in their numbers only are one, in the words of the first.
pub(crate) fn by_reason<'a>(runs: impl Iterator<Item = &'a Run>) -> Vec<(&'a str, Vec<&'a Run>)> {
    let kind = |reason: &str| reason.replace(|letter: char| letter.is_ascii_digit(), "");
    let mut reasons: Vec<(&str, Vec<&Run>)> = Vec::new();
    for run in runs {
        let Some(reason) = run.bottleneck.as_deref() else { continue };
        match reasons.iter_mut().find(|(other, _)| kind(other) == kind(reason)) {
            Some((_, runs)) => runs.push(run),
            None => reasons.push((reason, vec![run])),
        }
    }
    reasons
}

/// `500 followers and 2 messages a second`.
pub(crate) fn load(followers: u64, messages_per_s: f64) -> String {
    format!("{} and {} a second", number::counted(followers, "follower"), rate_in_words(messages_per_s))
}

/// `1 message`, `0.1 messages`.
fn rate_in_words(messages_per_s: f64) -> String {
    let is_one = (messages_per_s - 1.0).abs() < 1e-9;
    if is_one { "1 message".to_owned() } else { format!("{} messages", number::plain(messages_per_s)) }
}

/// `a, b and c`.
fn listed(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// A way at the beginning of a sentence.
fn capital(way: Way) -> String {
    let name = way.in_prose();
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[expect(clippy::cast_precision_loss, reason = "a count of a run is far below 2^52")]
pub(super) fn as_f64(count: u64) -> f64 {
    count as f64
}
