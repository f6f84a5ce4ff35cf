//! Whatever stands in the target and the fields of a request, in a published body, or in a response of events: it is parsed or refused,
//! never with a panic, and the same in whatever pieces it comes.
//!
//! ```text
//! 'R' target ( LF name ':' value )*     a request of any kind
//! 'J' bytes                             a published body
//! 'M' query LF bytes                    a read of many streams
//! 'S' bytes                             the body of an event stream
//! 'P' bytes                             the beginning of a connection that a proxy has made
//! ```

#![no_main]

use bytes::Bytes;
use tidings_protocol::sse::parser::{Item, Parser};
use tidings_protocol::{
    ContentTypeGiven, CreateRequest, ForwardedField, Headers, IfNoneMatch, ListRequest, ProxyHeader,
    PublishRequest, ReadManyRequest, ReadRequest, Route, Target, forwarded_client, json, parse_upgrade_start,
    stream_path,
};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    match bytes.split_first() {
        Some((b'R', request)) => check_request(request),
        Some((b'J', body)) => check_body(body),
        Some((b'M', request)) => check_many(request),
        Some((b'S', events)) => check_events(events),
        Some((b'P', beginning)) => check_proxy_header(beginning),
        _ => {}
    }
});

fn check_request(request: &[u8]) {
    let mut lines = request.split(|byte| *byte == b'\n');
    let Ok(target) = std::str::from_utf8(lines.next().unwrap_or_default()) else { return };
    let fields: Vec<(&str, &[u8])> = lines
        .filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            Some((std::str::from_utf8(&line[..colon]).ok()?, &line[colon + 1..]))
        })
        .collect();
    let Ok(Target { route, query }) = Target::parse(target) else { return };
    if let Route::Stream(name) = &route {
        let again = Route::parse(&stream_path(name));
        assert_eq!(again.ok(), Some(route.clone()), "a path leads back to its name");
    }
    let fields = &fields[..];
    let statuses = [
        ReadRequest::parse(query, fields).err(),
        PublishRequest::parse(query, fields).err(),
        CreateRequest::parse(fields).err(),
        ListRequest::parse(query).err(),
        parse_upgrade_start(query).err(),
    ];
    for problem in statuses.into_iter().flatten() {
        assert!((400..500).contains(&problem.status()), "{problem:?}");
    }
    let _given = ContentTypeGiven::parse(fields);
    let _asked = IfNoneMatch::parse(fields);
    let _upgrades = fields.lists("connection", "upgrade");
    for field in [ForwardedField::XForwardedFor, ForwardedField::Forwarded] {
        let _client = forwarded_client(fields, field, |address| address.is_loopback());
    }
}

fn check_proxy_header(beginning: &[u8]) {
    let whole = ProxyHeader::parse(beginning);
    let ProxyHeader::Complete { bytes, .. } = whole else { return };
    assert_eq!(ProxyHeader::parse(&beginning[..bytes]), whole, "what follows changes nothing");
    for end in 0..bytes {
        let part = ProxyHeader::parse(&beginning[..end]);
        assert!(!matches!(part, ProxyHeader::Complete { .. }), "it ends in one place: {part:?}");
    }
}

fn check_body(body: &[u8]) {
    /// serde gives up at 128; what nests less both must take alike.
    const DEPTH_SURE: usize = 100;
    let depth = body.iter().filter(|byte| matches!(byte, b'[' | b'{')).count();
    let body = Bytes::copy_from_slice(body);
    let Ok(messages) = json::split_messages(&body) else { return };
    if depth < DEPTH_SURE {
        serde_json::from_slice::<serde::de::IgnoredAny>(&body).expect("what is taken is JSON");
    }
    for message in &messages {
        json::check(message).expect("each message is JSON");
    }
    let mut array = Vec::new();
    json::write_array(&mut array, &messages);
    assert_eq!(
        json::split_messages(&Bytes::from(array)).as_deref(),
        Ok(&messages[..]),
        "an array reads back"
    );
}

fn check_many(request: &[u8]) {
    const STREAMS_MAX: usize = 5;
    let line_end = request.iter().position(|byte| *byte == b'\n').unwrap_or(request.len());
    let (query, body) = request.split_at(line_end);
    let Ok(query) = std::str::from_utf8(query) else { return };
    let body = Bytes::copy_from_slice(body.strip_prefix(b"\n").unwrap_or_default());
    match ReadManyRequest::parse(query, &body, STREAMS_MAX) {
        Err(problem) => assert!((400..500).contains(&problem.status()), "{problem:?}"),
        Ok(asked) => {
            assert!((1..=STREAMS_MAX).contains(&asked.streams.len()));
            json::check(&body).expect("what is taken is JSON");
            let again = ReadManyRequest::parse(&asked.to_query(), &asked.to_body().into(), STREAMS_MAX);
            assert_eq!(again, Ok(asked), "what is written reads back");
        }
    }
}

fn check_events(events: &[u8]) {
    let whole = items(events.chunks(events.len().max(1)));
    for size in [1, 2, 7] {
        assert_eq!(items(events.chunks(size)), whole, "pieces of {size}");
    }
}

/// What a reader gets of these pieces, up to an event that is too large.
fn items<'e>(pieces: impl Iterator<Item = &'e [u8]>) -> Vec<Item> {
    const EVENT_BYTES_MAX: usize = 1 << 20;
    let mut parser = Parser::new(EVENT_BYTES_MAX);
    let mut items = Vec::new();
    for mut piece in pieces {
        while let Some(item) = parser.next_item(&mut piece) {
            let Ok(item) = item else { return items };
            items.push(item);
        }
    }
    items
}
