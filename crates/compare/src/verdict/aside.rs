//! What follows beside the choice: from publishing, from trouble, from a sweep.

use super::choice::{NOISE_OF_ROUND_TRIPS, Relation, relation};
use super::{is_judged, listed, rate_in_words};
use crate::findings::{Findings, Publishing, Run, Sweep, Trouble};
use crate::number;
use crate::way::Way;

/// Whether publishing over a WebSocket pays beside POST.
pub(super) fn publishing(findings: &Findings) -> Option<String> {
    let over =
        |how| findings.publishing.iter().find(|publishing| publishing.how == how && 0 < publishing.published);
    let (post, socket) = (over("POST")?, over("WebSocket")?);
    let speed = match relation(socket.round_trip.p50_ms, post.round_trip.p50_ms, NOISE_OF_ROUND_TRIPS, 0.0) {
        Relation::Same => "takes as long as by POST".to_owned(),
        Relation::More(ratio) => format!("takes {} as long as by POST", number::times(ratio)),
        Relation::Saved(part) => format!("takes {} less time than by POST", number::percent(part)),
    };
    let (socket_trip, post_trip) =
        (number::duration(socket.round_trip.p50_ms), number::duration(post.round_trip.p50_ms));
    let cost = publishing_cost(post, socket, findings.workload.messages_per_s).unwrap_or_default();
    Some(format!(
        "Publishing over a WebSocket {speed} (half within {socket_trip}, by POST {post_trip}){cost}."
    ))
}

fn publishing_cost(post: &Publishing, socket: &Publishing, messages_per_s: f64) -> Option<String> {
    let (by_post, by_socket) = (post.server_cpu_us?, socket.server_cpu_us?);
    let cpu = match relation(by_socket, by_post, NOISE_OF_ROUND_TRIPS, 0.0) {
        Relation::Same => return Some(" and the same CPU".to_owned()),
        Relation::More(ratio) => format!("{} the CPU", number::times(ratio)),
        Relation::Saved(part) => format!("{} less CPU", number::percent(part)),
    };
    let cores = (by_post - by_socket).abs() * 1e-6 * messages_per_s;
    let rate = rate_in_words(messages_per_s);
    Some(format!(
        ", with {cpu}; at {rate} a second that is a difference of {} of a core",
        number::percent(cores)
    ))
}

/// Who was whole again first and last, and whose return was the hardest for the server.
pub(super) fn trouble(troubled: &[Run]) -> Vec<String> {
    let judged = troubled.iter().filter(|run| is_judged(run) && run.is_whole());
    let mut judged: Vec<(Way, &Trouble)> = judged
        .filter_map(|run| Some((run.way?, run.trouble.as_ref()?)))
        .filter(|(_, trouble)| trouble.never_whole == 0 && 0 < trouble.whole_after.count)
        .collect();
    judged.sort_by(|(_, one), (_, two)| one.whole_after.max_ms.total_cmp(&two.whole_after.max_ms));
    let (Some((first, soonest)), Some((last, slowest))) = (judged.first(), judged.last()) else {
        return Vec::new();
    };
    let after = if judged.len() < troubled.len() {
        "Of the ways that can be judged, after the trouble"
    } else {
        "After the trouble"
    };
    let times = |trouble: &Trouble| {
        let whole = &trouble.whole_after;
        format!(
            "half of its followers after {}, the last after {}",
            number::duration(whole.p50_ms),
            number::duration(whole.max_ms)
        )
    };
    let mut sentences =
        vec![format!("{after} {} is whole again first: {}.", first.in_prose(), times(soonest))];
    if first != last {
        sentences.push(format!("Last is {}: {}.", last.in_prose(), times(slowest)));
    }
    let peak = judged
        .iter()
        .max_by(|(_, one), (_, two)| one.requests_peak_per_s.total_cmp(&two.requests_peak_per_s));
    sentences.extend(peak.map(|(way, trouble)| {
        let peak = number::plain(trouble.requests_peak_per_s);
        format!("The return costs most requests with {}: {peak} a second at its peak.", way.in_prose())
    }));
    sentences
}

/// The map in words: row by row, from the fewest followers to the most.
pub(super) fn sweep(sweep: &Sweep) -> Vec<String> {
    let late = number::duration(sweep.late_ms);
    let mut sentences =
        vec![format!("The cheapest way that delivers 99 % of the messages within {late}, by load:")];
    let rows = sweep.messages_per_s.iter().zip(sweep.cells.chunks(sweep.followers.len().max(1)));
    for (rate, cells) in rows {
        let winners: Vec<Option<Way>> = cells.iter().map(|cell| cell.runs.get(cell.cheapest?)?.way).collect();
        let rate = rate_in_words(*rate);
        sentences.push(format!("At {rate} a second: {}.", spans(&winners, &sweep.followers)));
    }
    sentences
}

/// `polling every 1 s up to 200 followers, and WebSocket from 1,000 on`.
fn spans(winners: &[Option<Way>], followers: &[usize]) -> String {
    let mut spans: Vec<(Option<Way>, usize, usize)> = Vec::new();
    for (winner, &followers) in winners.iter().zip(followers) {
        match spans.last_mut() {
            Some((way, _, to)) if way == winner => *to = followers,
            _ => spans.push((*winner, followers, followers)),
        }
    }
    let name = |way: Option<Way>| way.map_or_else(|| "none that could be judged".to_owned(), Way::in_prose);
    let count = spans.len();
    let texts = spans.iter().enumerate().map(|(index, &(way, from, to))| {
        let (from, to) = (number::count(from as u64), number::count(to as u64));
        let name = name(way);
        match (index, index + 1 == count) {
            (0, true) => format!("{name}, with any number of followers"),
            (0, false) => format!("{name} up to {to} followers"),
            (_, true) => format!("{name} from {from} on"),
            (_, false) if from == to => format!("{name} with {from}"),
            (_, false) => format!("{name} from {from} to {to}"),
        }
    });
    listed(&texts.collect::<Vec<_>>())
}
