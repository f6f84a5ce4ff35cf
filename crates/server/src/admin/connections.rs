//! Connections, worker after worker.

use super::answer;
use super::gathering::{Gather, gather};
use crate::exchange::Opened;
use crate::worker::core::Core;
use crate::worker::survey::{Answer, ConnectionRow, Question, State};
use serde_json::{Value, json};
use tidings_protocol::{AdminQuery, ErrorCode, Problem, Response};

/// How often workers are asked for one page: when connections are looked for that are rare, it may hold fewer than asked for, or none.
const QUESTIONS_MAX: usize = 32;

/// A page of them.
pub(super) fn list(query: &AdminQuery, core: &Core) -> Result<Opened, Problem> {
    let at = query.after.as_deref().map_or(Ok(Cursor { worker: 0, place: 0 }), Cursor::parse)?;
    let page =
        Page { limit: query.limit, only_behind: query.only_behind, at, questions: 0, rows: Vec::new() };
    Ok(gather(page, core))
}

/// From where on the list goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cursor {
    worker: usize,
    place: u64,
}

impl Cursor {
    fn parse(text: &str) -> Result<Cursor, Problem> {
        let parts = text.split_once('-');
        let cursor = parts.and_then(|(worker, place)| {
            Some(Cursor { worker: worker.parse().ok()?, place: place.parse().ok()? })
        });
        let detail = "`after` is what the page before has given as `next`";
        cursor.ok_or_else(|| Problem::new(ErrorCode::InvalidParameter, detail))
    }

    fn text(self) -> String {
        format!("{}-{}", self.worker, self.place)
    }
}

struct Page {
    limit: usize,
    only_behind: bool,
    at: Cursor,
    questions: usize,
    rows: Vec<(usize, ConnectionRow)>,
}

impl Gather for Page {
    fn next_question(&mut self, core: &Core) -> Option<(usize, Question)> {
        let is_full = self.limit <= self.rows.len() || QUESTIONS_MAX <= self.questions;
        if is_full || core.colleagues.count() <= self.at.worker {
            return None;
        }
        self.questions += 1;
        let limit = self.limit - self.rows.len();
        let question = Question::Connections { from: self.at.place, limit, only_behind: self.only_behind };
        Some((self.at.worker, question))
    }

    fn on_answer(&mut self, answer: Answer, _core: &Core) {
        let Answer::Connections(part) = answer else { return };
        let worker = self.at.worker;
        self.rows.extend(part.rows.into_iter().map(|row| (worker, row)));
        self.at = match part.next {
            Some(place) => Cursor { worker, place },
            None => Cursor { worker: worker + 1, place: 0 },
        };
    }

    fn respond(&mut self, core: &Core) -> Response {
        let rows: Vec<_> = self.rows.iter().map(|(worker, row)| describe(*worker, row)).collect();
        let goes_on = self.at.worker < core.colleagues.count();
        let next = goes_on.then(|| self.at.text());
        answer(&json!({ "connections": rows, "next": next }))
    }
}

/// One connection.
pub(super) fn describe(worker: usize, row: &ConnectionRow) -> Value {
    let streams: Vec<_> = row
        .about
        .streams
        .iter()
        .map(|(stream, next)| {
            let lag = stream.tail().0.saturating_sub(*next);
            json!({ "name": stream.name().as_str(), "offset": stream.offset(*next).to_string(), "lag": lag })
        })
        .collect();
    let state = match row.state {
        State::Idle => "idle",
        State::Open => "open",
        State::Closing => "closing",
    };
    json!({
        "id": format!("{worker}-{}", row.owner.0),
        "worker": worker,
        "address": row.address.to_string(),
        "subject": row.about.subject,
        "state": state,
        "transport": row.about.transport,
        "age": row.age_ms.map(|ms| ms / 1_000),
        "silent": row.silent_ms.map(|ms| ms / 1_000),
        "queued_bytes": row.queued,
        "stream_count": row.about.stream_count,
        "streams": streams,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_what_was_given() {
        let cursor = Cursor { worker: 3, place: (1 << 62) + 7 };
        assert_eq!(Cursor::parse(&cursor.text()), Ok(cursor));
        for wrong in ["", "1", "a-1", "1-", "-1-2"] {
            assert_eq!(Cursor::parse(wrong).unwrap_err().code, ErrorCode::InvalidParameter, "{wrong}");
        }
    }
}
