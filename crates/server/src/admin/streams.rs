//! Streams as an administrator sees them: by name, the busiest, or one.

use super::answer;
use super::gathering::{Gather, gather};
use crate::exchange::Opened;
use crate::transport::{self, LONG_POLL, SSE, WEBSOCKET};
use crate::worker::core::Core;
use crate::worker::survey::{Answer, Question};
use serde_json::{Value, json};
use tidings_engine::{Engine, ListedStream};
use tidings_model::{Lifetime, Retention};
use tidings_protocol::{AdminQuery, Problem, Response, StreamOrder, rfc3339_text};

/// A page of the streams, or those of which there is most.
pub(super) fn list(query: AdminQuery, core: &Core) -> Opened {
    match query.order {
        StreamOrder::Name => Opened::Response(by_name(&query, core)),
        StreamOrder::Messages | StreamOrder::Bytes | StreamOrder::Followers => {
            gather(Busiest { query, part: 0, found: Vec::new() }, core)
        }
    }
}

/// One stream.
pub(super) fn one(query: &AdminQuery, core: &Core) -> Result<Opened, Problem> {
    let stream = transport::find(core, query.stream()?)?;
    Ok(Opened::Response(answer(&describe(&stream.listed(core.now), core))))
}

fn by_name(query: &AdminQuery, core: &Core) -> Response {
    // One more than asked for shows whether the list goes on.
    let mut seen = core.engine.list(&query.prefix, query.after.as_deref(), query.limit + 1, core.now);
    let goes_on = query.limit < seen.len();
    seen.truncate(query.limit);
    let next = seen.last().filter(|_| goes_on).map(|last| last.name.to_string());
    let streams: Vec<_> = seen.iter().filter(|it| !it.is_expired).map(|it| describe(it, core)).collect();
    answer(&json!({ "streams": streams, "next": next }))
}

/// The live streams with the most of something. A part of them is looked at in each step, by one worker after the other.
struct Busiest {
    query: AdminQuery,
    part: usize,
    found: Vec<ListedStream>,
}

impl Busiest {
    fn order(&self, stream: &ListedStream) -> f64 {
        let summary = &stream.summary;
        match self.query.order {
            StreamOrder::Messages | StreamOrder::Name => summary.rate.messages,
            StreamOrder::Bytes => summary.rate.bytes,
            StreamOrder::Followers => summary.followers.iter().copied().map(f64::from).sum(),
        }
    }
}

impl Gather for Busiest {
    fn next_question(&mut self, core: &Core) -> Option<(usize, Question)> {
        let part = self.part;
        self.part += 1;
        (part < Engine::LIVE_PARTS).then(|| (part % core.colleagues.count(), Question::LiveStreams { part }))
    }

    fn on_answer(&mut self, answer: Answer, core: &Core) {
        let Answer::LiveStreams(streams) = answer else { return };
        let wanted = streams.iter().filter(|it| it.name().as_str().starts_with(&self.query.prefix));
        let listed = wanted.map(|stream| stream.listed(core.now));
        let busy: Vec<_> = listed.filter(|it| !it.is_expired && 0.0 < self.order(it)).collect();
        let mut found = std::mem::take(&mut self.found);
        found.extend(busy);
        found.sort_by(|one, two| {
            self.order(two).total_cmp(&self.order(one)).then_with(|| one.name.cmp(&two.name))
        });
        found.truncate(self.query.limit);
        self.found = found;
    }

    fn respond(&mut self, core: &Core) -> Response {
        let streams: Vec<_> = self.found.iter().map(|stream| describe(stream, core)).collect();
        answer(&json!({ "streams": streams, "next": null }))
    }
}

fn describe(stream: &ListedStream, core: &Core) -> Value {
    let summary = &stream.summary;
    let policy = core.settings.policies.for_stream(&stream.name);
    let retention = stream.config.retention.or(policy.retention);
    json!({
        "name": stream.name.as_str(),
        "content_type": stream.config.content_type.as_str(),
        "durability": stream.durability().as_str(),
        "closed": summary.closed,
        "created": String::from_utf8_lossy(&rfc3339_text(stream.created)),
        "lifetime": lifetime(&stream.config.lifetime),
        "retention": limits(&retention),
        "earliest": stream.offset(summary.earliest).to_string(),
        "tail": stream.offset(summary.tail).to_string(),
        "messages": summary.tail - summary.earliest,
        "bytes": summary.bytes,
        "rate": { "messages": rounded(summary.rate.messages), "bytes": rounded(summary.rate.bytes) },
        "followers": {
            "poll": summary.polls,
            "long-poll": summary.followers[LONG_POLL.0],
            "sse": summary.followers[SSE.0],
            "websocket": summary.followers[WEBSOCKET.0],
        },
    })
}

fn lifetime(lifetime: &Lifetime) -> Value {
    match lifetime {
        Lifetime::Forever => Value::Null,
        Lifetime::Ttl { seconds } => json!({ "ttl": seconds }),
        Lifetime::Until { at, .. } => json!({ "expires_at": String::from_utf8_lossy(&rfc3339_text(*at)) }),
    }
}

fn limits(retention: &Retention) -> Value {
    json!({
        "age": retention.age.map(|age| age.as_secs()),
        "bytes": retention.bytes,
        "count": retention.count,
    })
}

/// To thousandths: nobody reads more.
fn rounded(rate: f64) -> f64 {
    (rate * 1_000.0).round() / 1_000.0
}
