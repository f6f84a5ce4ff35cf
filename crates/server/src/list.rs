//! The list of streams.

use crate::authorise::{Principal, Right, refusal};
use crate::exchange::Opened;
use crate::transport::{LONG_POLL, SSE, WEBSOCKET};
use crate::worker::core::Core;
use serde_json::{Value, json};
use tidings_engine::ListedStream;
use tidings_protocol::{CacheControl, ErrorCode, ListRequest, Problem, Response, header_name, rfc3339_text};

/// How many streams are looked at for one page: those between that may not be listed cost too.
const LOOKED_AT_MAX: usize = 20_000;

/// A page of the streams that the principal may list. Of others it says nothing, not by `next` either.
pub(crate) fn list(principal: &Principal, query: &str, core: &Core) -> Result<Opened, Problem> {
    let request = ListRequest::parse(query)?;
    if !principal.may_any(Right::List) {
        return Err(refusal(principal, Right::List));
    }
    let limit = usize::try_from(request.limit).unwrap_or(usize::MAX);
    // One more than asked for shows whether the list goes on.
    let mut seen = permitted(principal, &request, limit.saturating_add(1), core)?;
    let goes_on = limit < seen.len();
    seen.truncate(limit);
    let mut answer = json!({ "streams": seen.iter().map(describe).collect::<Vec<_>>() });
    if let Some(last) = seen.last().filter(|_| goes_on) {
        answer["next"] = json!(last.name.as_str());
    }
    let response = Response::new(200)
        .with_body("application/json", answer.to_string())
        .with(header_name::CACHE_CONTROL, CacheControl::NoStore);
    Ok(Opened::Response(response))
}

/// At most `count` streams that may be listed, by name. Only where the principal has rights is it looked.
fn permitted(
    principal: &Principal,
    request: &ListRequest,
    count: usize,
    core: &Core,
) -> Result<Vec<ListedStream>, Problem> {
    let (mut found, mut looked_at) = (Vec::new(), 0);
    for prefix in narrowed(principal.prefixes(Right::List), &request.prefix) {
        let mut after = request.after.clone();
        while found.len() < count {
            let streams = core.engine.list(prefix, after.as_deref(), count, core.now);
            let Some(last) = streams.last() else { break };
            if LOOKED_AT_MAX < looked_at {
                let detail = "too many streams lie between that you may not list; ask with a longer `prefix`";
                return Err(Problem::new(ErrorCode::InvalidParameter, detail));
            }
            looked_at += streams.len();
            let is_last = streams.len() < count;
            after = Some(last.name.to_string());
            found.extend(
                streams
                    .into_iter()
                    .filter(|stream| !stream.is_expired && principal.may(Right::List, &stream.name)),
            );
            if is_last {
                break;
            }
        }
    }
    found.truncate(count);
    Ok(found)
}

/// The ranges of names that begin with one of the texts and with `prefix`: in order, and none within another.
fn narrowed<'p>(mut starts: Vec<&'p str>, prefix: &'p str) -> Vec<&'p str> {
    starts.sort_unstable();
    let mut ranges: Vec<&str> = Vec::new();
    for start in starts {
        let range = match (start.starts_with(prefix), prefix.starts_with(start)) {
            (true, _) => start,
            (false, true) => prefix,
            (false, false) => continue,
        };
        if ranges.last().is_none_or(|last| !range.starts_with(last)) {
            ranges.push(range);
        }
    }
    ranges
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_in_order_and_apart() {
        let of = |starts: &[&'static str], prefix| narrowed(starts.to_vec(), prefix);
        assert_eq!(of(&["b", "a", "a/b"], ""), ["a", "b"]);
        assert_eq!(of(&["", "a"], "a/"), ["a/"]);
        assert_eq!(of(&["a", "a/b", "a/c", "b"], "a/"), ["a/"]);
        assert_eq!(of(&["a/b", "a/c", "b"], "a/"), ["a/b", "a/c"]);
        assert_eq!(of(&["b"], "a"), [""; 0]);
    }
}
