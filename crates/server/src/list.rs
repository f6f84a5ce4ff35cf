//! The list of streams.

use crate::authorise::{Principal, Right, authorise};
use crate::exchange::Opened;
use crate::transport::{LONG_POLL, SSE, WEBSOCKET};
use crate::worker::core::Core;
use serde_json::{Value, json};
use tidings_engine::ListedStream;
use tidings_protocol::{CacheControl, ListRequest, Problem, Response, header_name, rfc3339_text};

pub(crate) fn list(query: &str, core: &Core) -> Result<Opened, Problem> {
    let request = ListRequest::parse(query)?;
    let limit = usize::try_from(request.limit).unwrap_or(usize::MAX);
    // One more than asked for shows whether the list goes on.
    let (after, asked) = (request.after.as_deref(), limit.saturating_add(1));
    let mut streams = core.engine.list(&request.prefix, after, asked, core.now);
    let goes_on = limit < streams.len();
    streams.truncate(limit);
    let next = streams.last().filter(|_| goes_on).map(|last| last.name.clone());
    let seen = streams.iter().filter(|stream| {
        let permitted = authorise(&Principal::Anybody, Right::List, &stream.name).is_ok();
        permitted && !stream.is_expired
    });
    let mut answer = json!({ "streams": seen.map(describe).collect::<Vec<_>>() });
    if let Some(next) = next {
        answer["next"] = json!(next.as_str());
    }
    let response = Response::new(200)
        .with_body("application/json", answer.to_string())
        .with(header_name::CACHE_CONTROL, CacheControl::NoStore);
    Ok(Opened::Response(response))
}

fn describe(stream: &ListedStream) -> Value {
    let summary = &stream.summary;
    let created = rfc3339_text(stream.created);
    json!({
        "name": stream.name.as_str(),
        "content_type": stream.config.content_type.as_str(),
        "durability": stream.durability().as_str(),
        "closed": summary.closed,
        "created": String::from_utf8_lossy(&created),
        "earliest": stream.offset(summary.earliest).to_string(),
        "tail": stream.offset(summary.tail).to_string(),
        "messages": summary.tail - summary.earliest,
        "bytes": summary.bytes,
        "followers": {
            "poll": summary.polls,
            "long-poll": summary.followers[LONG_POLL.0],
            "sse": summary.followers[SSE.0],
            "websocket": summary.followers[WEBSOCKET.0],
        },
    })
}
