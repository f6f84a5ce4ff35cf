//! Who follows a stream, and who is furthest behind.

use super::gathering::{Gather, gather};
use super::{answer, connections};
use crate::exchange::Opened;
use crate::transport::{self, LONG_POLL, SSE, WEBSOCKET};
use crate::worker::core::Core;
use crate::worker::survey::{Answer, Followers, Question};
use serde_json::{Value, json};
use std::sync::Arc;
use tidings_engine::Stream;
use tidings_protocol::{AdminQuery, Problem, Response};

/// The followers of one stream, of all workers.
pub(super) fn list(query: &AdminQuery, core: &Core) -> Result<Opened, Problem> {
    let stream = transport::find(core, query.stream()?)?;
    Ok(gather(Behind { stream, limit: query.limit, worker: 0, found: Followers::default() }, core))
}

struct Behind {
    stream: Arc<Stream>,
    limit: usize,
    worker: usize,
    found: Followers,
}

impl Gather for Behind {
    fn next_question(&mut self, core: &Core) -> Option<(usize, Question)> {
        let worker = self.worker;
        self.worker += 1;
        let question = Question::Followers { stream: Arc::clone(&self.stream), limit: self.limit };
        (worker < core.colleagues.count()).then_some((worker, question))
    }

    fn on_answer(&mut self, answer: Answer, _core: &Core) {
        if let Answer::Followers(followers) = answer {
            self.found.add(followers, self.limit);
        }
    }

    fn respond(&mut self, core: &Core) -> Response {
        let [long_poll, sse, websocket] =
            [LONG_POLL, SSE, WEBSOCKET].map(|kind| self.stream.summary(core.now).followers[kind.0]);
        let furthest: Vec<_> = self.found.furthest.iter().map(describe).collect();
        answer(&json!({
            "stream": self.stream.name().as_str(),
            "count": { "long-poll": long_poll, "sse": sse, "websocket": websocket },
            "looked_at": self.found.looked_at,
            "lags": lags(&self.found),
            "furthest": furthest,
        }))
    }
}

/// How many are behind by at most so many messages; `null` is more than all.
fn lags(found: &Followers) -> Vec<Value> {
    let most = Followers::LAGS.iter().map(|most| json!(most)).chain([Value::Null]);
    most.zip(found.lags).map(|(most, count)| json!({ "at_most": most, "count": count })).collect()
}

fn describe(row: &crate::worker::survey::FollowerRow) -> Value {
    let mut connection = connections::describe(row.worker, &row.connection);
    connection["lag"] = json!(row.lag);
    connection
}
