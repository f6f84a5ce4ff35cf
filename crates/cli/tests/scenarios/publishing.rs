//! Publishing over a bad link.

use crate::workload::{STREAM, message};
use serde_json::{Value, json};
use std::net::SocketAddr;
use tidings_testkit::{
    Api, Deadline, Fault, Frame, Proxy, Reader, Request, Server, Socket, Start, Transport, Upgrade,
};

/// How many of five attempts lose their answer.
const LOST: usize = 4;

/// Number 11: a publish repeated five times over a flapping link is stored once and answers the same offset.
pub(crate) fn repeated_over_a_flapping_link(transport: Transport) {
    let server = Server::start();
    let mut api = Api::new(server.address());
    api.create(STREAM, &[]);
    let before = api.publish(STREAM, &message(0));
    let proxy = Proxy::start(server.address());
    let attempt: fn(SocketAddr) -> Option<String> =
        if transport == Transport::WebSocket { publish_over_websocket } else { publish_over_http };
    proxy.set(Fault::ResetAfter(0));
    for _ in 0..LOST {
        assert_eq!(attempt(proxy.address()), None, "its answer is lost");
    }
    assert!(LOST <= proxy.broken(), "the answers were lost on the way");
    proxy.set(Fault::None);
    let first = attempt(proxy.address()).expect("the link is good now");
    api.publish(STREAM, &message(2));
    let again = attempt(proxy.address()).expect("the link is good now");
    assert_eq!(first, again);

    let mut reader = Reader::new(server.address(), STREAM, Start::after(&before));
    reader.follow_until_count(transport, 2);
    assert_eq!(reader.data(), [message(1), message(2)]);
    assert_eq!(reader.messages()[0].offset, first);
}

/// One attempt with an idempotency key; the offset, if the answer arrives.
fn publish_over_http(address: SocketAddr) -> Option<String> {
    let request =
        Request::post(format!("/v1/stream/{STREAM}")).header("Idempotency-Key", "once").json(message(1));
    let answer = Api::new(address).ask(&request).ok()?;
    assert_eq!(answer.status, 204, "{}", answer.text());
    Some(answer.header("stream-next-offset").expect("a publish is answered with an offset").to_owned())
}

/// The same over a WebSocket whose upgrade passes, so that only the answer to the publish can be lost.
fn publish_over_websocket(address: SocketAddr) -> Option<String> {
    let Ok(Upgrade::Open(mut socket)) = Socket::open(address, "/v1/ws") else { return None };
    let data: Value = serde_json::from_str(&message(1)).unwrap();
    let publish = json!({"type": "publish", "id": "1", "stream": STREAM, "key": "once", "data": data});
    socket.send_text(&publish.to_string().replace(&data.to_string(), &message(1))).ok()?;
    loop {
        let Ok(Some(Frame::Text(text))) = socket.next(Deadline::patient()) else { return None };
        let frame: Value = serde_json::from_str(&text).unwrap();
        if frame["type"] == "published" {
            return Some(frame["offset"].as_str().expect("a keyed publish has an offset").to_owned());
        }
    }
}

/// A key stands for its messages: what was sent by `POST` may be sent again over a WebSocket, an array too.
pub(crate) fn repeated_over_another_transport() {
    let server = Server::start();
    let mut api = Api::new(server.address());
    api.create(STREAM, &[]);
    let post = |body: &str| {
        let request =
            Request::post(format!("/v1/stream/{STREAM}")).header("Idempotency-Key", "once").json(body);
        Api::new(server.address()).ask(&request).unwrap()
    };
    let first = post("[ [1, 2] ]");
    assert_eq!(first.status, 204, "{}", first.text());
    let offset = first.header("stream-next-offset").expect("a publish is answered with an offset");
    let publish = |data: &str| publish_frame_over_websocket(server.address(), data);
    assert_eq!(publish("[1, 2]")["offset"], offset);
    assert_eq!(publish("[1, 2]")["duplicate"], true);
    assert_eq!(post("[[1, 2]]").header("stream-duplicate"), Some("true"));
    assert_eq!(publish("[1, 3]")["code"], "idempotency_conflict");
    assert_eq!(post("[1, 2]").status, 422, "two messages are not the array of both");
}

/// Publishes with the key `once`; the answer.
fn publish_frame_over_websocket(address: SocketAddr, data: &str) -> Value {
    let Ok(Upgrade::Open(mut socket)) = Socket::open(address, "/v1/ws") else { panic!("no WebSocket") };
    let publish = format!(r#"{{"type":"publish","id":"1","stream":"{STREAM}","key":"once","data":{data}}}"#);
    socket.send_text(&publish).unwrap();
    loop {
        let Ok(Some(Frame::Text(text))) = socket.next(Deadline::patient()) else { panic!("no answer") };
        let frame: Value = serde_json::from_str(&text).unwrap();
        if frame["type"] != "hello" {
            return frame;
        }
    }
}
