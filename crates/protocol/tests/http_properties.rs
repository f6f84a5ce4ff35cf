//! Properties of the HTTP part: no bytes make a parser panic, and what is written reads back as it was.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;
use tidings_model::{
    ContentType, Durability, Incarnation, Lifetime, Offset, Retention, StreamConfig, StreamName, Timestamp,
};
use tidings_protocol::{
    CacheCursor, Connection, ContentTypeGiven, CreateRequest, ETag, FieldSlots, Head, HeaderValue, Headers,
    Http1Form, HttpDate, INTEGER_MAX, IfNoneMatch, ListRequest, Live, PageEnd, ProblemView, Producer,
    PublishIdentity, PublishRequest, ReadRequest, Response, Route, StartGiven, Target, Version, header_name,
    parse_head, parse_rfc3339, parse_upgrade_start, rfc3339_text, stream_path,
};

const HEAD_BYTES_MAX: usize = 4096;

const REQUEST_HEADERS: [&str; 15] = [
    header_name::CONTENT_TYPE,
    header_name::IDEMPOTENCY_KEY,
    header_name::IF_NONE_MATCH,
    header_name::LAST_EVENT_ID,
    header_name::PRODUCER_EPOCH,
    header_name::PRODUCER_ID,
    header_name::PRODUCER_SEQ,
    header_name::STREAM_CLOSED,
    header_name::STREAM_DURABILITY,
    header_name::STREAM_EXPIRES_AT,
    header_name::STREAM_RETENTION_AGE,
    header_name::STREAM_RETENTION_BYTES,
    header_name::STREAM_RETENTION_COUNT,
    header_name::STREAM_SEQ,
    header_name::STREAM_TTL,
];

fn integer() -> impl Strategy<Value = u64> {
    prop_oneof![0..10_u64, 0..=INTEGER_MAX]
}

fn offset() -> impl Strategy<Value = Offset> {
    let index = prop_oneof![0..10_u64, 0..=INTEGER_MAX];
    (1..=u64::MAX, index).prop_map(|(bits, index)| Offset {
        incarnation: Incarnation::from_bits(bits).expect("above 0"),
        index,
    })
}

fn start() -> impl Strategy<Value = StartGiven> {
    prop_oneof![
        Just(StartGiven::Beginning),
        Just(StartGiven::Now),
        (1..=u64::MAX).prop_map(StartGiven::Last),
        offset().prop_map(StartGiven::Token),
        offset().prop_map(StartGiven::LastEventId),
    ]
}

fn etag() -> impl Strategy<Value = ETag> {
    let end = prop_oneof![Just(PageEnd::Inside), Just(PageEnd::Tail), Just(PageEnd::Closed)];
    (offset(), integer(), end).prop_map(|(start, end_index, end)| ETag { start, end_index, end })
}

fn read_request() -> impl Strategy<Value = ReadRequest> {
    let live = prop_oneof![Just(Live::POLL), Just(Live::LONG_POLL), Just(Live::SSE)];
    let limit = option::of(1..=ReadRequest::LIMIT_MAX);
    let timeout = option::of((0..86_400_000_u64).prop_map(Duration::from_millis));
    let parts = (start(), live, limit, any::<bool>(), timeout, option::of(0..INTEGER_MAX));
    parts.prop_map(|(start, live, limit, envelope, timeout, cursor)| ReadRequest {
        live,
        limit,
        envelope,
        timeout,
        cursor,
        ..ReadRequest::poll(start)
    })
}

fn name() -> impl Strategy<Value = StreamName> {
    "[^\\p{Cc}]{1,40}".prop_filter_map("not a name", |text| StreamName::parse(&text).ok())
}

/// Text that survives as a header: no white space at its ends.
fn kept_text() -> impl Strategy<Value = Arc<str>> {
    "[!-~][ -~ü]{0,30}[!-~]".prop_map(Arc::from)
}

fn identity() -> impl Strategy<Value = PublishIdentity> {
    prop_oneof![
        Just(PublishIdentity::None),
        "[!-~]{1,255}".prop_map(|key| PublishIdentity::Key(key.into())),
        (kept_text(), integer(), integer())
            .prop_map(|(id, epoch, seq)| PublishIdentity::Producer(Producer { id, epoch, seq })),
    ]
}

fn content_type() -> impl Strategy<Value = ContentType> {
    const TEXTS: &[&str] =
        &["application/json", "Text/Plain; charset=utf-8", "image/png", "application/octet-stream"];
    proptest::sample::select(TEXTS).prop_map(|text| ContentType::parse(text).expect("a content type"))
}

fn lifetime() -> impl Strategy<Value = Lifetime> {
    prop_oneof![
        Just(Lifetime::Forever),
        integer().prop_map(|seconds| Lifetime::Ttl { seconds }),
        (0..253_402_300_799_999_u64).prop_map(|ms| {
            let text = rfc3339_text(Timestamp(ms));
            let text = std::str::from_utf8(&text).expect("ASCII").into();
            Lifetime::Until { at: Timestamp(ms), text }
        }),
    ]
}

fn create_request() -> impl Strategy<Value = CreateRequest> {
    let limit = || option::of(1..=INTEGER_MAX);
    let durability = option::of(prop_oneof![Just(Durability::Disk), Just(Durability::Memory)]);
    let parts = (content_type(), lifetime(), limit(), limit(), limit(), durability, any::<bool>());
    parts.prop_map(|(content_type, lifetime, age_s, bytes, count, durability, closed)| {
        let retention = Retention { age: age_s.map(Duration::from_secs), bytes, count };
        CreateRequest { config: StreamConfig { content_type, lifetime, retention, durability }, closed }
    })
}

/// Headers as a server reads them from what a client wrote.
fn received(headers: &[(&'static str, HeaderValue)]) -> Vec<(&'static str, Vec<u8>)> {
    let bytes = |value: &HeaderValue| {
        let mut bytes = Vec::new();
        value.write(&mut bytes);
        bytes
    };
    headers.iter().map(|(name, value)| (*name, bytes(value))).collect()
}

/// Requests that are nearly right, which random bytes never are.
fn nearly_a_head() -> impl Strategy<Value = Vec<u8>> {
    let piece = proptest::sample::select(
        &[
            "GET ",
            "POST ",
            "/v1/stream/a",
            " HTTP/1.1",
            " HTTP/1.0",
            "\r\n",
            "\n",
            "Host: h",
            "Content-Length: ",
            "Transfer-Encoding: ",
            "chunked",
            "1",
            ",",
            ":",
            " ",
            "\t",
            "Connection: close",
            "\0",
            "\r",
            "PRI ",
            "*",
        ][..],
    );
    vec(piece, 0..24).prop_map(|pieces| pieces.concat().into_bytes())
}

fn check_head(bytes: &[u8]) -> Result<(), TestCaseError> {
    let mut slots = FieldSlots::new();
    let Head::Complete(head) = parse_head(bytes, &mut slots, HEAD_BYTES_MAX) else {
        return Ok(());
    };
    prop_assert!(bytes[..head.bytes].ends_with(b"\r\n\r\n"));
    // However much of it has arrived, and whatever follows, it is the same head.
    for end in 0..head.bytes {
        let mut slots = FieldSlots::new();
        let part = parse_head(&bytes[..end], &mut slots, HEAD_BYTES_MAX);
        prop_assert!(matches!(part, Head::Partial), "{end}: {part:?}");
    }
    let mut slots = FieldSlots::new();
    let Head::Complete(alone) = parse_head(&bytes[..head.bytes], &mut slots, HEAD_BYTES_MAX) else {
        return Err(TestCaseError::fail("complete only with what follows"));
    };
    prop_assert_eq!((alone.bytes, alone.body), (head.bytes, head.body));
    Ok(())
}

proptest! {
    #[test]
    fn no_bytes_break_the_parser_of_heads(bytes in vec(any::<u8>(), 0..200)) {
        check_head(&bytes)?;
    }

    #[test]
    fn nearly_right_heads_have_one_reading(bytes in nearly_a_head()) {
        check_head(&bytes)?;
        let whole = [&b"GET / HTTP/1.1\r\nHost: h\r\n"[..], &bytes, b"\r\n\r\n"].concat();
        check_head(&whole)?;
    }

    #[test]
    fn no_text_breaks_the_parsers_of_targets(text in "\\PC*", tail in "[a-z%0-9&=+./?#-]*") {
        for text in [&text, &format!("/v1/stream/{tail}"), &format!("/v1/stream/a?{tail}"), &tail] {
            let query = text.split_once('?').map_or(&text[..], |(_, query)| query);
            let no_headers: [(&str, &str); 0] = [];
            let _route = Target::parse(text).map(|target| target.route);
            let _read = ReadRequest::parse(query, &no_headers[..]);
            let _publish = PublishRequest::parse(query, &no_headers[..]);
            let _list = ListRequest::parse(query);
            let _start = parse_upgrade_start(query);
        }
    }

    #[test]
    fn no_value_of_a_known_parameter_breaks_its_parser(
        name in "offset|last|live|limit|envelope|timeout|cursor|create|prefix|after",
        value in "[-0-9.%+nowabcdef_]{0,40}",
    ) {
        let query = format!("{name}={value}");
        let no_headers: [(&str, &str); 0] = [];
        let _read = ReadRequest::parse(&query, &no_headers[..]);
        let _publish = PublishRequest::parse(&query, &no_headers[..]);
        let _list = ListRequest::parse(&query);
    }

    #[test]
    fn no_bytes_break_the_parsers_of_headers(
        pairs in vec((proptest::sample::select(&REQUEST_HEADERS[..]), vec(any::<u8>(), 0..40)), 0..6),
        nearly in vec((proptest::sample::select(&REQUEST_HEADERS[..]), "[-0-9TZ:.,*W/\"a-f ]{0,40}"), 0..6),
    ) {
        let _create = CreateRequest::parse(&pairs[..]);
        let _publish = PublishRequest::parse("", &pairs[..]);
        let _read = ReadRequest::parse("", &pairs[..]);
        let _create = CreateRequest::parse(&nearly[..]);
        let _publish = PublishRequest::parse("", &nearly[..]);
        let _read = ReadRequest::parse("", &nearly[..]);
        prop_assert!(!pairs[..].lists("x-absent", "x"));
    }

    #[test]
    fn no_bytes_break_the_reader_of_problems(bytes in vec(any::<u8>(), 0..100)) {
        let _view = ProblemView::parse(&bytes);
    }

    #[test]
    fn a_path_leads_back_to_its_name(name in name()) {
        let path = stream_path(&name);
        prop_assert!(path.is_ascii());
        prop_assert_eq!(Target::parse(&path).map(|target| target.route), Ok(Route::Stream(name)));
    }

    #[test]
    fn a_read_reads_back(request in read_request()) {
        let mut id = Vec::new();
        if let StartGiven::LastEventId(offset) = request.start {
            id.push((header_name::LAST_EVENT_ID, offset.to_string()));
        }
        prop_assert_eq!(ReadRequest::parse(&request.to_query(), &id[..]), Ok(request));
    }

    #[test]
    fn a_publish_reads_back(
        content_type in content_type(),
        close: bool,
        create: bool,
        seq in option::of(kept_text()),
        identity in identity(),
    ) {
        let content_type = ContentTypeGiven::Valid(content_type);
        let request = PublishRequest { content_type, close, seq, identity, create };
        let headers = received(&request.to_headers());
        prop_assert_eq!(PublishRequest::parse(request.to_query(), &headers[..]), Ok(request));
    }

    #[test]
    fn a_creation_reads_back(request in create_request()) {
        let headers = received(&request.to_headers());
        prop_assert_eq!(CreateRequest::parse(&headers[..]), Ok(request));
    }

    #[test]
    fn a_list_reads_back(
        prefix in "\\PC{0,20}",
        after in option::of("\\PC{0,20}"),
        limit in 1..=ListRequest::LIMIT_MAX,
    ) {
        let request = ListRequest { prefix, after, limit };
        prop_assert_eq!(ListRequest::parse(&request.to_query()), Ok(request));
    }

    #[test]
    fn a_tag_matches_itself_and_no_other(tag in etag(), other in etag(), weak: bool) {
        let mut text = if weak { b"W/".to_vec() } else { Vec::new() };
        tag.write(&mut text);
        let condition = IfNoneMatch::parse(&[(header_name::IF_NONE_MATCH, text)][..]);
        prop_assert!(condition.matches(&tag));
        prop_assert_eq!(condition.matches(&other), tag == other);
    }

    #[test]
    fn a_time_reads_back(ms in 0..=253_402_300_799_999_u64) {
        let text = rfc3339_text(Timestamp(ms));
        prop_assert_eq!(parse_rfc3339(std::str::from_utf8(&text).expect("ASCII")), Some(Timestamp(ms)));
    }

    #[test]
    fn a_cursor_always_surpasses_the_asked_one(now: u64, asked in 0..INTEGER_MAX, random: u64) {
        let next = CacheCursor::next(Timestamp(now), Some(asked), random);
        prop_assert!(asked < next.to_number());
    }

    #[test]
    fn a_response_reads_back_whatever_its_texts(value in any::<String>(), body in vec(any::<u8>(), 0..50)) {
        let response = Response::new(200).with("x-text", HeaderValue::text(&value)).with_body("text/plain", body);
        let form = Http1Form {
            version: Version::Http11,
            connection: Connection::KeepAlive,
            is_head: false,
            date: HttpDate::at(Timestamp(0)),
        };
        let mut bytes = Vec::new();
        response.write_http1(&form, &mut bytes);
        let mut slots = [httparse::EMPTY_HEADER; 16];
        let mut parsed = httparse::Response::new(&mut slots);
        let head_bytes = parsed.parse(&bytes).expect("well formed").unwrap();
        prop_assert_eq!(&bytes[head_bytes..], &response.body[..]);
        prop_assert_eq!(parsed.headers.len(), 2 + 4 + 2);

        let handed_over = response.clone().into_http();
        prop_assert_eq!(handed_over.body(), &response.body);
    }
}
