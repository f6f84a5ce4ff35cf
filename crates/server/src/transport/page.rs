//! What poll and long poll answer: one page of messages, or that there is none, with the headers of the contract.

use super::Read;
use crate::forms::Form;
use crate::metrics::Transport;
use crate::worker::core::Core;
use bytes::Bytes;
use std::time::Duration;
use tidings_engine::{Page, Stream};
use tidings_model::{ContentKind, Lifetime, Timestamp};
use tidings_protocol::{
    CacheControl, CacheCursor, ETag, HeaderValue, PageEnd, PageLife, Response, StartKind, header_name,
};

/// The answer that holds a page. `page` is `None` at the tail, where there is nothing.
pub(super) fn respond(read: &Read, page: Option<&Page>, core: &mut Core) -> Response {
    let stream = read.reader.stream();
    let start = read.reader.next();
    let (end_index, at_tail, closed) = match page {
        Some(page) => (page.end, page.at_tail, page.closed),
        None => {
            let (tail, closed) = stream.tail();
            (start, tail == start, closed && tail == start)
        }
    };
    let end = match (at_tail, closed) {
        (_, true) => PageEnd::Closed,
        (true, false) => PageEnd::Tail,
        (false, false) => PageEnd::Inside,
    };
    let tag = ETag { start: stream.offset(start), end_index, end };
    let is_known = read.given != StartKind::Now && read.has(&tag);
    if let Some(page) = page.filter(|_| !is_known) {
        let transport = if read.waits { Transport::LongPoll } else { Transport::Poll };
        core.on_delivered(transport, page.end - page.start);
    }
    let mut response = if is_known { Response::new(304) } else { whole(read, page, core) };
    if read.given != StartKind::Now {
        response = response.with(header_name::ETAG, tag);
    }
    // A cache asks nobody for a token: what not everybody may read has to be asked for again.
    let is_private = !core.access.anybody_may_read(stream.name());
    let life = if is_private { PageLife::Unknown } else { life(stream, page, core.now) };
    let cache = CacheControl::of_page(read.given, end, life);
    let cache = if is_private { cache.in_private() } else { cache };
    response = response.with(header_name::CACHE_CONTROL, cache);
    if read.waits && !closed {
        response = response.with(header_name::STREAM_CURSOR, next_cursor(read, core));
    }
    with_offsets(response, read, end_index, end, core)
}

/// The answer of a long poll that brings nothing: its time is up, or nothing will ever come.
pub(super) fn respond_nothing(read: &Read, closed: bool, core: &mut Core) -> Response {
    let end = if closed { PageEnd::Closed } else { PageEnd::Tail };
    let response = Response::new(204)
        .with(header_name::CACHE_CONTROL, CacheControl::NoStore)
        .with(header_name::STREAM_CURSOR, next_cursor(read, core));
    with_offsets(response, read, read.reader.next(), end, core)
}

fn whole(read: &Read, page: Option<&Page>, core: &mut Core) -> Response {
    let stream = read.reader.stream();
    let content_type = &stream.config().content_type;
    let envelope = read.envelope;
    let body = match page {
        Some(page) => core.forms.encode(Form::Body { envelope }, stream, page),
        None if envelope || content_type.kind() == ContentKind::Json => Bytes::from_static(b"[]"),
        None => Bytes::new(),
    };
    let content_type = if envelope { "application/json".into() } else { HeaderValue::from(content_type) };
    Response::new(200).with_body(content_type, body)
}

fn with_offsets(response: Response, read: &Read, end_index: u64, end: PageEnd, core: &Core) -> Response {
    let stream = read.reader.stream();
    let (earliest, _) = stream.bounds();
    let advice = core.settings.policies.for_stream(stream.name()).poll_interval;
    let mut response = response
        .with(header_name::STREAM_NEXT_OFFSET, stream.offset(end_index))
        .with(header_name::STREAM_EARLIEST_OFFSET, stream.offset(earliest))
        .with(header_name::STREAM_POLL_INTERVAL, core.poll_interval_s(advice));
    if read.waits {
        response = with_windows(response, core);
    }
    if end != PageEnd::Inside {
        response = response.with(header_name::STREAM_UP_TO_DATE, HeaderValue::TRUE);
    }
    if end == PageEnd::Closed {
        response = response.with(header_name::STREAM_CLOSED, HeaderValue::TRUE);
    }
    response
}

/// Says to a long poll within which time to come back: should the server be lost, and when it is about to end.
pub(super) fn with_windows(response: Response, core: &Core) -> Response {
    if core.draining {
        return response.with(header_name::STREAM_DRAIN_WITHIN, core.drain_window().as_secs().max(1));
    }
    match core.return_window.seconds() {
        0 => response,
        seconds => response.with(header_name::STREAM_RETURN_WITHIN, seconds),
    }
}

fn next_cursor(read: &Read, core: &mut Core) -> CacheCursor {
    let random = core.random();
    CacheCursor::next(core.now, read.cursor(), random)
}

/// For how long the page will surely be there.
fn life(stream: &Stream, page: Option<&Page>, now: Timestamp) -> PageLife {
    let retention = stream.retention();
    if retention.bytes.is_some() || retention.count.is_some() {
        return PageLife::Unknown;
    }
    let mut rest: Option<Duration> = None;
    if let (Some(age), Some(oldest)) = (retention.age, page.and_then(|page| page.parts.first())) {
        rest = Some(oldest.time().after(age).since(now));
    }
    match stream.config().lifetime {
        Lifetime::Forever => {}
        // A cache would keep readers from counting as access.
        Lifetime::Ttl { .. } => return PageLife::Unknown,
        Lifetime::Until { at, .. } => {
            let left = at.since(now);
            rest = Some(rest.map_or(left, |rest| rest.min(left)));
        }
    }
    rest.map_or(PageLife::Unlimited, PageLife::AtLeast)
}
