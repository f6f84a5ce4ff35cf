//! Frames of a WebSocket, and the lists of `POST /v1/read`: each with each kind of token, however it travels.

use super::server;
use super::tokens::{KINDS, Kind, Verdict, ends_in};
use crate::http2::Http2;
use crate::wire::Wire;
use serde_json::{Value, json};
use tidings_testkit::{Close, Deadline, Frame, Server, Socket, Upgrade};

/// How a token reaches a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carrier {
    Header,
    Subprotocol,
    Frame,
}

const CARRIERS: [Carrier; 3] = [Carrier::Header, Carrier::Subprotocol, Carrier::Frame];

pub(super) fn open(server: &Server, target: &str, token: Option<&str>, carrier: Carrier) -> Upgrade {
    let header = token.filter(|_| carrier == Carrier::Header).map(|token| format!("Bearer {token}"));
    let fields: Vec<_> = header.iter().map(|value| ("Authorization", &**value)).collect();
    let protocols = match token.filter(|_| carrier == Carrier::Subprotocol) {
        Some(token) => format!("tidings.v1, bearer.{token}"),
        None => "tidings.v1".to_owned(),
    };
    let mut opened =
        Socket::open_with(server.address(), target, &protocols, &fields).expect("the server answers");
    if let (Upgrade::Open(socket), Some(token), Carrier::Frame) = (&mut opened, token, carrier) {
        socket.send_text(&json!({ "type": "auth", "token": token }).to_string()).expect("the server answers");
    }
    opened
}

pub(super) fn close_of(socket: &mut Socket) -> Option<u16> {
    loop {
        match socket.next(Deadline::patient()).expect("the server answers") {
            Some(Frame::Close(Close { code, .. })) => return code,
            Some(_) => {}
            None => panic!("the connection is not closed"),
        }
    }
}

fn expect_type(socket: &mut Socket, kind: &str, what: &str) -> Value {
    let frame = socket.expect_json();
    assert_eq!(frame["type"], kind, "{what}: {frame}");
    frame
}

/// What a client asks, with `@` for the stream, and what answers it where it is permitted and the stream is there.
pub(super) const FRAMES: [(&str, &str); 4] = [
    (r#"{"type":"subscribe","stream":"@","offset":"-1"}"#, "subscribed"),
    (r#"{"type":"subscribe","stream":"@","last":1}"#, "subscribed"),
    (r#"{"type":"publish","id":"1","stream":"@","data":2}"#, "published"),
    (r#"{"type":"publish","id":"1","stream":"@","data":2,"create":true}"#, "published"),
];

#[test]
fn every_frame_with_every_kind_of_token_is_answered_as_documented() {
    let server = server();
    for kind in KINDS {
        let token = kind.token();
        for carrier in CARRIERS {
            for (frame, permitted) in FRAMES {
                let what = format!("{frame} {kind:?} {carrier:?}");
                match open(&server, "/v1/ws", token.as_deref(), carrier) {
                    Upgrade::Refused(answer) => {
                        assert_eq!((answer.status, carrier), (401, Carrier::Header), "{what}");
                        assert_eq!(kind.verdict(), Verdict::Refused, "{what}");
                    }
                    Upgrade::Open(mut socket) => check(&mut socket, kind, carrier, frame, permitted, &what),
                }
            }
        }
    }
}

fn check(socket: &mut Socket, kind: Kind, carrier: Carrier, frame: &str, permitted: &str, what: &str) {
    expect_type(socket, "hello", what);
    if kind.verdict() == Verdict::Refused {
        let told = expect_type(socket, "error", what);
        assert_eq!(told["code"], kind.code(), "{what}: {told}");
        assert_eq!(close_of(socket), Some(4401), "{what}");
        return;
    }
    if carrier == Carrier::Frame && kind != Kind::Nothing {
        let told = expect_type(socket, "authenticated", what);
        let is_key = matches!(kind, Kind::FullKey | Kind::NarrowKey);
        assert_eq!(told["expires_in"].is_null(), is_key, "{what}: {told}");
    }
    let mut answers = Vec::new();
    let streams = if kind.verdict() == Verdict::Permitted {
        &["mine/there"][..]
    } else {
        &["mine/there", "mine/nowhere"]
    };
    for stream in streams {
        socket.send_text(&frame.replace('@', stream)).expect("the server answers");
        let answer = socket.expect_json();
        answers.push(answer.to_string().replace(stream, "@"));
    }
    match kind.verdict() {
        Verdict::Permitted => assert!(answers[0].contains(permitted), "{what}: {}", answers[0]),
        Verdict::Unnamed => assert!(answers[0].contains("\"unauthenticated\""), "{what}: {}", answers[0]),
        Verdict::Forbidden | Verdict::Refused => {
            assert!(answers[0].contains("\"forbidden\""), "{what}: {}", answers[0]);
        }
    }
    let first = &answers[0];
    assert!(answers.iter().all(|answer| answer == first), "there and not there are told alike: {what}");
}

#[test]
fn an_upgrade_to_a_stream_follows_it_with_a_right_to_it_only() {
    let server = server();
    for kind in KINDS {
        for carrier in [Carrier::Header, Carrier::Subprotocol] {
            let what = format!("{kind:?} {carrier:?}");
            let opened = open(&server, "/v1/stream/mine/there?offset=-1", kind.token().as_deref(), carrier);
            let Upgrade::Open(mut socket) = opened else {
                assert_eq!((kind.verdict(), carrier), (Verdict::Refused, Carrier::Header), "{what}");
                continue;
            };
            expect_type(&mut socket, "hello", &what);
            let told = socket.expect_json();
            let expected = match kind.verdict() {
                Verdict::Permitted => "subscribed",
                Verdict::Unnamed | Verdict::Refused | Verdict::Forbidden => "error",
            };
            assert_eq!(told["type"], expected, "{what}: {told}");
        }
    }
}

#[test]
fn over_http2_it_is_the_same() {
    let server = server();
    let mut http2 = Http2::connect(&server);
    http2.expect_connect_protocol();
    for kind in KINDS {
        let token = kind.token().map(|token| format!("Bearer {token}"));
        let mut fields = vec![("sec-websocket-version", "13")];
        fields.extend(token.iter().map(|token| ("authorization", &**token)));
        let stream = http2.extended_connect("/v1/stream/mine/there?offset=-1", "websocket", &fields);
        let status = http2.status(stream);
        assert_eq!(status, if kind.verdict() == Verdict::Refused { 401 } else { 200 }, "{kind:?}");
        if status == 200 {
            let socket = crate::http2_socket::Socket { stream };
            assert_eq!(socket.text(&mut http2)["type"], "hello");
            let told = socket.text(&mut http2);
            let is_permitted = kind.verdict() == Verdict::Permitted;
            assert_eq!(told["type"], if is_permitted { "subscribed" } else { "error" }, "{kind:?}: {told}");
        }
    }
    let stream = http2.get("/v1/stream/mine/there");
    assert_eq!(http2.status(stream), 401);
}

#[test]
fn lists_of_streams_are_read_as_far_as_each_may_be() {
    let server = server();
    let body = r#"{"streams":[{"stream":"mine/there","offset":"-1"},{"stream":"mine/nowhere"}]}"#;
    for kind in KINDS {
        for live in ["", "?live=long-poll", "?live=sse"] {
            let what = format!("{kind:?} {live}");
            let mut wire = Wire::connect(&server);
            let (field, length) = (kind.field(), body.len());
            wire.send(format!(
                "POST /v1/read{live} HTTP/1.1\r\nHost: t\r\n{field}Content-Length: {length}\r\n\r\n{body}"
            ));
            let answer = if kind.verdict() == Verdict::Refused || live != "?live=sse" {
                wire.answer()
            } else {
                let mut answer = wire.head();
                answer.body = wire.take_until(b"mine/nowhere");
                answer
            };
            let text = answer.text();
            let expected = if kind.verdict() == Verdict::Refused { 401 } else { 200 };
            assert_eq!(answer.status, expected, "{what}: {text}");
            match kind.verdict() {
                Verdict::Permitted => {
                    assert!(text.contains("\"subscribed\""), "{what}: {text}");
                    assert!(live == "?live=sse" || text.contains("\"stream_not_found\""), "{what}: {text}");
                }
                Verdict::Forbidden => assert!(!text.contains("subscribed"), "{what}: {text}"),
                Verdict::Unnamed | Verdict::Refused => {
                    assert!(text.contains(&format!("\"{}\"", kind.code())), "{what}: {text}");
                }
            }
        }
    }
}

#[test]
fn a_new_token_keeps_what_it_permits_and_ends_the_rest() {
    let server = server();
    super::create(&server, "mine/other");
    let wide = ends_in(600, &["mine/**"]);
    let Upgrade::Open(mut socket) = open(&server, "/v1/ws", Some(&wide), Carrier::Frame) else {
        panic!("it is opened")
    };
    expect_type(&mut socket, "hello", "");
    expect_type(&mut socket, "authenticated", "");
    for stream in ["mine/there", "mine/other"] {
        socket.send_text(&format!(r#"{{"type":"subscribe","stream":"{stream}"}}"#)).unwrap();
        expect_type(&mut socket, "subscribed", stream);
        expect_type(&mut socket, "live", stream);
    }
    let narrow = ends_in(600, &["mine/there"]);
    socket.send_text(&json!({ "type": "auth", "token": narrow }).to_string()).unwrap();
    expect_type(&mut socket, "authenticated", "");
    let ended = expect_type(&mut socket, "error", "");
    assert_eq!((&ended["stream"], &ended["code"]), (&json!("mine/other"), &json!("forbidden")));
    socket.send_text(r#"{"type":"publish","id":"1","stream":"mine/there","data":7}"#).unwrap();
    let told: Vec<Value> = (0..2).map(|_| socket.expect_json()).collect();
    for kind in ["message", "published"] {
        assert!(told.iter().any(|frame| frame["type"] == kind), "{told:?}");
    }
}
