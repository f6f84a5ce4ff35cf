//! Tests of `websocket/client_message.rs`.

use super::*;
use crate::{Producer, PublishIdentity};
use tidings_model::{ContentKind, ContentType, Incarnation, Offset};

const TOKEN: &str = "0000000000000abc_0000000000000007";

fn parsed(text: &str) -> ClientMessage<'_> {
    ClientMessage::parse(text).unwrap_or_else(|refused| panic!("{refused}: {text}"))
}

fn refused(text: &str) -> RefusedMessage {
    match ClientMessage::parse(text) {
        Err(refused) => refused,
        Ok(message) => panic!("{message:?} is not refused"),
    }
}

fn name(text: &str) -> StreamName {
    StreamName::parse(text).unwrap()
}

fn publish_of(text: &str) -> Publish<'_> {
    let ClientMessage::Publish(publish) = parsed(text) else {
        panic!("not a publish: {text}");
    };
    *publish
}

#[test]
fn a_subscription_begins_where_it_says() {
    let offset = Offset { incarnation: Incarnation::of_disk(0xabc), index: 7 };
    for (members, start) in [
        (String::new(), Start::Now),
        (r#","offset":null,"last":null"#.to_owned(), Start::Now),
        (r#","offset":"now""#.to_owned(), Start::Now),
        (r#","offset":"-1""#.to_owned(), Start::Beginning),
        (format!(r#","offset":"{TOKEN}""#), Start::After(offset)),
        (r#","last":10"#.to_owned(), Start::Last(10)),
        (r#","last":0"#.to_owned(), Start::Now),
        (r#","last":99999999999999999999"#.to_owned(), Start::Last(u64::MAX)),
    ] {
        let text = format!(r#"{{"type":"subscribe","stream":"orders/42"{members}}}"#);
        assert_eq!(parsed(&text), ClientMessage::Subscribe { stream: name("orders/42"), start });
    }
}

#[test]
fn a_start_that_is_none_is_an_invalid_offset() {
    for members in [
        r#""offset":"""#,
        r#""offset":"tail""#,
        r#""offset":-1"#,
        r#""offset":"now","last":1"#,
        r#""last":-1"#,
        r#""last":1.0"#,
        r#""last":"10""#,
        r#""last":true"#,
    ] {
        let refused = refused(&format!(r#"{{"type":"subscribe","stream":"a",{members}}}"#));
        assert_eq!(refused.code, ErrorCode::InvalidOffset, "{members}");
        assert_eq!(refused.stream.as_deref(), Some("a"));
    }
}

#[test]
fn escapes_and_order_and_unknown_members_make_no_difference() {
    let text = "\n {\"x\":[{}],\"stream\":\"a\\u002fb\",\"t\\u0079pe\":\"unsubscribe\"} ";
    assert_eq!(parsed(text), ClientMessage::Unsubscribe { stream: name("a/b") });
    assert_eq!(parsed(r#"{"type":"auth","token":"t"}"#), ClientMessage::Auth { token: "t".to_owned() });
}

#[test]
fn a_publish_keeps_a_json_value_byte_for_byte() {
    let publish = publish_of(
        "{\"type\":\"publish\",\"id\":\"7\",\"stream\":\"a\",\"data\": [1.0,\n {\"b\":1,\"b\":2}] }",
    );
    let message = publish.data.to_message(ContentKind::Json).unwrap();
    assert_eq!(message, &b"[1.0,\n {\"b\":1,\"b\":2}]"[..]);
    let null = publish_of(r#"{"type":"publish","id":"","stream":"a","data":null}"#);
    assert_eq!(null.data.to_message(ContentKind::Json).unwrap(), &b"null"[..]);
}

#[test]
fn a_publish_to_another_stream_is_a_string() {
    let publish = publish_of(r#"{"type":"publish","id":"7","stream":"a","data":"h\u00e9\n\"x\""}"#);
    for kind in [ContentKind::Text, ContentKind::Bytes] {
        assert_eq!(publish.data.to_message(kind).unwrap(), "hé\n\"x\"".as_bytes());
    }
    let publish = publish_of(r#"{"type":"publish","id":"7","stream":"a","data":"/wA=","encoding":"base64"}"#);
    assert_eq!(publish.data.to_message(ContentKind::Bytes).unwrap(), &[0xff, 0][..]);
}

#[test]
fn data_that_does_not_fit_the_stream_is_refused() {
    let deep = format!("{}{}", "[".repeat(129), "]".repeat(129));
    for (data, kind, code) in [
        (r#""x","encoding":"base64""#, ContentKind::Json, ErrorCode::InvalidFrame),
        (r#""x","encoding":"base64""#, ContentKind::Bytes, ErrorCode::InvalidFrame),
        (r#""","encoding":"base64""#, ContentKind::Bytes, ErrorCode::EmptyBody),
        (r#""""#, ContentKind::Text, ErrorCode::EmptyBody),
        ("{}", ContentKind::Text, ErrorCode::InvalidFrame),
        (r#""\ud800""#, ContentKind::Text, ErrorCode::InvalidFrame),
        (r#""\ud800""#, ContentKind::Json, ErrorCode::InvalidJson),
        (&deep, ContentKind::Json, ErrorCode::InvalidJson),
    ] {
        let text = format!(r#"{{"type":"publish","id":"7","stream":"a","data":{data}}}"#);
        let problem = publish_of(&text).data.to_message(kind).unwrap_err();
        assert_eq!(problem.code, code, "{data}");
    }
}

#[test]
fn what_is_wrong_is_named_with_the_id_and_the_stream() {
    for (members, code, named) in [
        (r#""data":1,"encoding":"hex""#, ErrorCode::InvalidFrame, "`encoding`"),
        (r#""data":1,"encoding":"base64""#, ErrorCode::InvalidFrame, "`data`"),
        (r#""encoding":"base64""#, ErrorCode::InvalidFrame, "`data` is missing"),
        (r#""data":1,"key":"""#, ErrorCode::InvalidFrame, "key"),
        (r#""data":1,"key":7"#, ErrorCode::InvalidFrame, "`key`"),
        (r#""data":1,"create":"yes""#, ErrorCode::InvalidFrame, "`create`"),
        (r#""data":1,"close":1"#, ErrorCode::InvalidFrame, "`close`"),
        (r#""data":1,"seq":1"#, ErrorCode::InvalidFrame, "`seq`"),
        (r#""data":1,"content_type":"json""#, ErrorCode::InvalidFrame, "content type"),
        (r#""data":1,"producer":["p",0,0]"#, ErrorCode::InvalidFrame, "`producer`"),
        (r#""data":1,"producer":{"id":"p","epoch":0}"#, ErrorCode::InvalidFrame, "`producer.seq`"),
        (r#""data":1,"producer":{"id":"p","epoch":-1,"seq":0}"#, ErrorCode::InvalidFrame, "`producer.epoch`"),
        (r#""data":1,"producer":{"id":"","epoch":0,"seq":0}"#, ErrorCode::InvalidFrame, "producer"),
        (
            r#""data":1,"key":"k","producer":{"id":"p","epoch":0,"seq":0}"#,
            ErrorCode::InvalidFrame,
            "not both",
        ),
    ] {
        let refused = refused(&format!(r#"{{"type":"publish","id":"7","stream":"a",{members}}}"#));
        assert_eq!(refused.code, code, "{members}");
        assert!(refused.detail.contains(named), "{members}: {}", refused.detail);
        assert_eq!((refused.id.as_deref(), refused.stream.as_deref()), (Some("7"), Some("a")));
    }
    let refused = refused(r#"{"type":"publish","id":"7","stream":"a//b","data":1}"#);
    assert_eq!((refused.code, refused.stream.as_deref()), (ErrorCode::InvalidName, Some("a//b")));
}

#[test]
fn what_is_no_message_is_invalid_json_or_an_invalid_frame() {
    for text in ["", "{", "hello", "{\"type\":\"auth\"", "{\"type\":}", "{} {}", "[1,"] {
        assert_eq!(refused(text).code, ErrorCode::InvalidJson, "{text}");
    }
    for text in [
        "7",
        "[]",
        "{}",
        "null",
        r#"["subscribe","7","a"]"#,
        r#"{"type":7}"#,
        r#"{"type":"message"}"#,
        r#"{"type":"auth"}"#,
        r#"{"type":"subscribe"}"#,
        r#"{"type":"auth","type":"auth","token":"t"}"#,
        r#"{"type":"publish","stream":"a","data":1}"#,
    ] {
        assert_eq!(refused(text).code, ErrorCode::InvalidFrame, "{text}");
    }
}

#[test]
fn what_a_client_writes_the_server_reads() {
    let stream = name("orders/\"42\"");
    let producer = Producer { id: "p\"".into(), epoch: 3, seq: 9 };
    let full = Publish {
        id: "7".to_owned(),
        stream: stream.clone(),
        data: PublishData::Json(r#"{"n":1}"#.into()),
        content_type: Some(ContentType::parse("text/plain; x=\"y\"").unwrap()),
        create: true,
        identity: PublishIdentity::Producer(producer),
        seq: Some("0\"1".into()),
        close: true,
    };
    let bare = Publish {
        data: PublishData::Base64("/wA=".into()),
        content_type: None,
        create: false,
        identity: PublishIdentity::Key("k".into()),
        seq: None,
        close: false,
        ..full.clone()
    };
    let offset = Offset::parse(TOKEN).unwrap();
    let mut messages = vec![
        ClientMessage::Publish(Box::new(full)),
        ClientMessage::Publish(Box::new(bare)),
        ClientMessage::Unsubscribe { stream: stream.clone() },
        ClientMessage::Auth { token: "\u{1}\\".to_owned() },
    ];
    for start in [Start::Now, Start::Beginning, Start::Last(5), Start::After(offset)] {
        messages.push(ClientMessage::Subscribe { stream: stream.clone(), start });
    }
    for message in messages {
        let mut out = Vec::new();
        message.encode(&mut out);
        assert_eq!(parsed(std::str::from_utf8(&out).unwrap()), message);
    }
}

#[test]
fn any_message_has_a_form_that_reads_back() {
    for (kind, message) in [
        (ContentKind::Json, &b"[1]"[..]),
        (ContentKind::Text, b"a\"\n\xc3\xa9"),
        (ContentKind::Text, b"\xff"),
        (ContentKind::Bytes, b"abc\x00"),
    ] {
        let data = PublishData::of_message(kind, message).unwrap();
        assert_eq!(data.to_message(kind).unwrap(), message);
    }
    assert_eq!(PublishData::of_message(ContentKind::Json, b"\xff"), None);
}
