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
    sentences.extend(aside::publishing(findings));
    sentences.extend(aside::trouble(&findings.troubled));
    sentences.extend(unused(findings));
    sentences
}

/// Who lost, doubled or disordered messages, also in a run that is used for nothing else: no bottleneck excuses it.
fn alarms(findings: &Findings) -> Vec<String> {
    let cells = findings.sweep.iter().flat_map(|sweep| &sweep.cells).flat_map(|cell| &cell.runs);
    let runs = findings.runs.iter().chain(&findings.sides).chain(&findings.troubled).chain(cells);
    let mut alarms: Vec<_> = runs.filter_map(alarm).collect();
    alarms.sort();
    alarms.dedup();
    alarms
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
            "WARNING: for {load}, {} {}. Find out why before you use it.",
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
    let why = |run: &Run| Some((run.way?.in_prose(), run.bottleneck.clone()?));
    let mut reasons: Vec<String> = Vec::new();
    let mut told = Vec::new();
    for (way, bottleneck) in findings.runs.iter().chain(&findings.troubled).filter_map(why) {
        if !told.contains(&way) {
            reasons.push(format!("{way} ({})", bottleneck.trim_end_matches('.')));
            told.push(way);
        }
    }
    (!reasons.is_empty()).then(|| format!("Not used here: {}.", listed(&reasons)))
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
