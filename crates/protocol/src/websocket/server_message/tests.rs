//! Tests of `websocket/server_message.rs`.

use super::writer::*;
use super::*;
use crate::{ErrorCode, LimitReached, Problem};
use tidings_model::{ContentKind, Incarnation};

const TIME: Timestamp = Timestamp(1_795_428_000_000);

fn offset(index: u64) -> Offset {
    Offset { incarnation: Incarnation::of_disk(0xabc), index }
}

fn stream() -> StreamName {
    StreamName::parse("orders/\"42\"").unwrap()
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut out = Vec::new();
    write(&mut out);
    Bytes::from(out)
}

fn read_back(text: &Bytes) -> ServerMessage {
    ServerMessage::parse(text).unwrap_or_else(|error| panic!("{error}: {text:?}"))
}

#[test]
fn each_message_reads_as_documented() {
    let name = StreamName::parse("orders/42").unwrap();
    let hello = Hello { heartbeat: Duration::from_secs(25), max_message_bytes: 8_388_608, max_streams: 1000 };
    let token = "0000000000000abc_0000000000000007";
    let rows = [
        (
            written(|out| write_hello(out, &hello)),
            r#"{"type":"hello","heartbeat":25,"max_message_bytes":8388608,"max_streams":1000}"#.to_owned(),
        ),
        (
            written(|out| write_subscribed(out, &name, offset(7))),
            format!(r#"{{"type":"subscribed","stream":"orders/42","offset":"{token}"}}"#),
        ),
        (
            written(|out| write_message(out, &name, ContentKind::Json, offset(7), TIME, b"{\"n\":1}")),
            format!(
                r#"{{"type":"message","stream":"orders/42","offset":"{token}","time":"2026-11-23T10:00:00.000Z","data":{{"n":1}}}}"#
            ),
        ),
        (
            written(|out| write_live(out, &name, offset(7))),
            format!(r#"{{"type":"live","stream":"orders/42","offset":"{token}"}}"#),
        ),
        (
            written(|out| write_skipped(out, &name, &Skip { from: offset(3), to: offset(7) })),
            format!(
                r#"{{"type":"skipped","stream":"orders/42","from":"0000000000000abc_0000000000000003","offset":"{token}","messages":4}}"#
            ),
        ),
        (
            written(|out| write_closed(out, &name, offset(7))),
            format!(r#"{{"type":"closed","stream":"orders/42","offset":"{token}"}}"#),
        ),
        (
            written(|out| write_unsubscribed(out, &name)),
            r#"{"type":"unsubscribed","stream":"orders/42"}"#.to_owned(),
        ),
        (
            written(|out| write_drain(out, Duration::from_secs(30))),
            r#"{"type":"drain","within":30}"#.to_owned(),
        ),
        (
            written(|out| write_return(out, Duration::from_secs(6))),
            r#"{"type":"return","within":6}"#.to_owned(),
        ),
        (Bytes::from_static(HEARTBEAT), r#"{"type":"heartbeat"}"#.to_owned()),
    ];
    for (text, documented) in rows {
        assert_eq!(text, documented);
    }
}

#[test]
fn a_skip_reads_back_and_goes_forward() {
    let skip = Skip { from: offset(3), to: offset(7) };
    let text = written(|out| write_skipped(out, &stream(), &skip));
    assert_eq!(read_back(&text), ServerMessage::Skipped { stream: stream(), skip });
    let back = Skip { from: offset(7), to: offset(7) };
    let text = written(|out| write_skipped(out, &stream(), &back));
    assert_eq!(ServerMessage::parse(&text), Err(InvalidServerMessage::Member { member: "from" }));
}

#[test]
fn what_is_said_of_a_stream_reads_back() {
    let stream = stream();
    let at = offset(7);
    let said = |write: &dyn Fn(&mut Vec<u8>)| read_back(&written(write));
    assert_eq!(
        said(&|out| write_subscribed(out, &stream, at)),
        ServerMessage::Subscribed { stream: stream.clone(), offset: at }
    );
    assert_eq!(
        said(&|out| write_live(out, &stream, at)),
        ServerMessage::Live { stream: stream.clone(), offset: at }
    );
    assert_eq!(
        said(&|out| write_closed(out, &stream, at)),
        ServerMessage::Closed { stream: stream.clone(), offset: at }
    );
    assert_eq!(
        said(&|out| write_unsubscribed(out, &stream)),
        ServerMessage::Unsubscribed { stream: stream.clone() }
    );
    for (earliest, tail) in [(Some(offset(3)), Some(at)), (None, None)] {
        let reset = Reset { reason: ResetReason::Trimmed, earliest, tail };
        assert_eq!(
            said(&|out| write_reset(out, &stream, &reset)),
            ServerMessage::Reset { stream: stream.clone(), reset }
        );
    }
}

#[test]
fn what_is_said_of_the_connection_reads_back() {
    let hello =
        Hello { heartbeat: Duration::from_millis(1_500), max_message_bytes: 8_388_608, max_streams: 9 };
    assert_eq!(read_back(&written(|out| write_hello(out, &hello))), ServerMessage::Hello(hello));
    assert_eq!(read_back(&Bytes::from_static(HEARTBEAT)), ServerMessage::Heartbeat);
    let within = Duration::from_secs(30);
    assert_eq!(read_back(&written(|out| write_drain(out, within))), ServerMessage::Drain { within });
    assert_eq!(read_back(&written(|out| write_return(out, within))), ServerMessage::Return { within });
}

#[test]
fn a_message_of_any_kind_reads_back() {
    let rows: [(ContentKind, &[u8]); 6] = [
        (ContentKind::Json, b"{\n \"n\": null}"),
        (ContentKind::Json, b"null"),
        (ContentKind::Text, b"line\r\n\"two\" \x00\xf0\x9f\x98\x80"),
        (ContentKind::Text, b"not UTF-8: \xff"),
        (ContentKind::Bytes, b"plain"),
        (ContentKind::Bytes, b""),
    ];
    for (kind, message) in rows {
        let text = written(|out| write_message(out, &stream(), kind, offset(7), TIME, message));
        let ServerMessage::Message { offset: at, time, data, .. } = read_back(&text) else {
            panic!("not a message: {text:?}");
        };
        assert_eq!((at, time), (offset(7), TIME));
        assert_eq!(data.into_message(kind).as_deref(), Some(message));
    }
}

#[test]
fn an_answer_to_a_publish_reads_back() {
    let stream = stream();
    for (place, duplicate) in [(Some(offset(7)), false), (None, true)] {
        let frame = PublishedFrame { id: "7\n", stream: &stream, offset: place, duplicate };
        assert_eq!(
            read_back(&written(|out| write_published(out, &frame))),
            ServerMessage::Published {
                id: "7\n".to_owned(),
                stream: stream.clone(),
                offset: place,
                duplicate
            }
        );
    }
}

#[test]
fn an_error_tells_what_is_known_and_whether_to_try_again() {
    let known =
        ErrorFrame { id: Some("7"), stream: Some("a//b"), code: ErrorCode::TooBusy, message: "later" };
    let text = written(|out| write_error(out, &known));
    assert_eq!(
        text,
        &br#"{"type":"error","id":"7","stream":"a//b","code":"too_busy","message":"later","retryable":true}"#
            [..]
    );
    let unknown = ErrorFrame { id: None, stream: None, code: ErrorCode::InvalidJson, message: "no" };
    assert_eq!(
        read_back(&written(|out| write_error(out, &unknown))),
        ServerMessage::Error {
            id: None,
            stream: None,
            code: "invalid_json".to_owned(),
            message: "no".to_owned(),
            retryable: false,
            retry_after: None,
        }
    );
}

#[test]
fn a_limit_says_which_it_is_and_when_to_come_again() {
    let reached = LimitReached {
        limit: "max_follows_per_address",
        amount: 5,
        scope: "address",
        words: "follows at a time",
        retry_after_s: 7,
    };
    let text = written(|out| write_problem(out, None, Some("a"), &Problem::limit_reached(reached)));
    assert_eq!(
        String::from_utf8_lossy(&text),
        r#"{"type":"error","stream":"a","code":"limit_exceeded","message":"one address may have 5 follows at a time (`max_follows_per_address`); try again after `Retry-After` seconds","retryable":true,"limit":"max_follows_per_address","amount":5,"scope":"address","retry_after":7}"#
    );
    let ServerMessage::Error { retryable: true, retry_after, .. } = read_back(&text) else { panic!() };
    assert_eq!(retry_after, Some(Duration::from_secs(7)));
    let plain = Problem::stream_not_found();
    let frame = ErrorFrame { id: Some("1"), stream: None, code: plain.code, message: &plain.detail };
    assert_eq!(
        written(|out| write_problem(out, Some("1"), None, &plain)),
        written(|out| write_error(out, &frame))
    );
}

#[test]
fn a_client_outlives_what_newer_servers_say() {
    let parse = |text: &'static str| ServerMessage::parse(&Bytes::from_static(text.as_bytes()));
    assert_eq!(parse(r#"{"type":"news","stream":"a"}"#), Ok(ServerMessage::Unknown));
    assert_eq!(parse(r#"{"type":"heartbeat","more":[1,{}]}"#), Ok(ServerMessage::Heartbeat));
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    let parse = |text: &'static str| ServerMessage::parse(&Bytes::from_static(text.as_bytes())).unwrap_err();
    for shapeless in ["", "7", "{}", "{", r#"{"type":7}"#, r#"{"type":"live","stream":7}"#] {
        assert_eq!(parse(shapeless), InvalidServerMessage::Shape, "{shapeless}");
    }
    for (text, member) in [
        (r#"{"type":"live"}"#, "stream"),
        (r#"{"type":"live","stream":"a"}"#, "offset"),
        (r#"{"type":"live","stream":"a","offset":"now"}"#, "offset"),
        (r#"{"type":"reset","stream":"a","reason":"bored"}"#, "reason"),
        (r#"{"type":"drain","within":-1}"#, "within"),
        (r#"{"type":"published","stream":"a","duplicate":false}"#, "id"),
    ] {
        assert_eq!(parse(text), InvalidServerMessage::Member { member }, "{text}");
    }
}
