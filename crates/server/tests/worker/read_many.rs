//! Many streams in one request, over each transport of HTTP: what is answered, by the bytes.

#[path = "read_many/draining.rs"]
mod draining;
#[path = "read_many/followers.rs"]
mod followers;
#[path = "read_many/limits.rs"]
mod limits;
#[path = "read_many/share.rs"]
mod share;
#[path = "read_many/stalled.rs"]
mod stalled;

use crate::http2::Http2;
use crate::requests::{OPTIONS, read_many};
use crate::wire::{Answer, TEXT, Wire};
use serde_json::Value;
use tidings_testkit::{Api, Request, Server, eventually};

fn server_with(streams: &[&str]) -> (Server, Api) {
    let server = Server::start();
    let mut api = Api::new(server.address());
    for stream in streams {
        api.create(stream, &[]);
    }
    (server, api)
}

fn entry(stream: &str, offset: &str) -> String {
    format!("{{\"stream\":\"{stream}\",\"offset\":\"{offset}\"}}")
}

/// Type and stream of each frame.
fn told(frames: &[Value]) -> Vec<String> {
    let of = |frame: &Value| format!("{} {}", text(frame, "type"), text(frame, "stream"));
    frames.iter().map(of).collect()
}

fn text<'v>(frame: &'v Value, member: &str) -> &'v str {
    frame[member].as_str().unwrap_or_default()
}

fn frames(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.field("content-type"), Some("application/json"));
    serde_json::from_slice(&answer.body).expect("an answer is an array")
}

/// The frames in the text of an event stream.
fn events(text: &str) -> Vec<Value> {
    let blocks = text.split("\n\n").filter(|block| block.contains("data:"));
    let parse = |block: &str| {
        let lines = block.lines().filter_map(|line| line.strip_prefix("data:"));
        serde_json::from_str(&lines.collect::<Vec<_>>().join("\n")).expect("data is a frame")
    };
    blocks.map(parse).collect()
}

/// How many follow the stream in that way, as the server counts.
fn followers(api: &mut Api, stream: &str, kind: &str) -> u64 {
    let list = api.expect(200, &Request::get(format!("/v1/streams?prefix={stream}"))).text();
    let list: Value = serde_json::from_str(&list).expect("a list is JSON");
    list["streams"][0]["followers"][kind].as_u64().expect("a count is a number")
}

fn close(api: &mut Api, stream: &str) {
    api.expect(204, &Request::post(format!("/v1/stream/{stream}")).header("Stream-Closed", "true"));
}

#[test]
fn a_poll_tells_of_the_streams_in_the_order_of_the_list() {
    let (server, mut api) = server_with(&["a", "b", "c", "d"]);
    api.publish("a", "[1,2,3]");
    api.publish("b", "4");
    close(&mut api, "b");
    let entries = [
        &entry("d", "now"),
        &entry("none", "-1"),
        &entry("b", "-1"),
        "{\"stream\":\"a\",\"last\":2}",
        &entry("c", "00000000000000aa_0000000000000000"),
    ];
    let mut wire = Wire::connect(&server);
    // Who has the first turn is drawn by lot; where an answer stands is not.
    for _ in 0..10 {
        let answer = wire.ask(read_many("", &entries.join(",")));
        assert_eq!(answer.field("cache-control"), Some("no-store"));
        assert_eq!(answer.field("stream-up-to-date"), Some("true"));
        assert!(answer.field("stream-poll-interval").is_some());
        let frames = frames(&answer);
        let expected = [
            "subscribed d",
            "live d",
            "error none",
            "subscribed b",
            "message b",
            "live b",
            "closed b",
            "subscribed a",
            "message a",
            "message a",
            "live a",
            "reset c",
        ];
        assert_eq!(told(&frames), expected);
        let codes = [text(&frames[2], "code"), text(&frames[11], "reason")];
        assert_eq!(codes, ["stream_not_found", "deleted"]);
        assert_eq!(frames[7]["offset"], format!("{}1", &text(&frames[10], "offset")[..32]));
    }
    assert_eq!(followers(&mut api, "d", "long-poll"), 0);
}

#[test]
fn nothing_is_said_of_a_token_with_nothing_after_it() {
    let (server, mut api) = server_with(&["a", "b"]);
    let entries = [entry("a", &api.publish("a", "1")), entry("b", &api.publish("b", "[2,3]"))].join(",");
    let mut wire = Wire::connect(&server);
    let poll = wire.ask(read_many("", &entries));
    assert_eq!((poll.status, poll.text()), (200, "[]".to_owned()));
    let long_poll = wire.ask(read_many("?live=long-poll&timeout=0.05", &entries));
    assert_eq!((long_poll.status, long_poll.text()), (204, String::new()));
    for answer in [poll, long_poll] {
        assert_eq!(answer.field("stream-up-to-date"), Some("true"));
        assert_eq!(answer.field("cache-control"), Some("no-store"));
        assert!(answer.field("stream-poll-interval").is_some());
    }
    api.publish("b", "4");
    let frames = frames(&wire.ask(read_many("", &entries)));
    assert_eq!(told(&frames), ["message b", "live b"]);
    assert_eq!(frames[0]["data"], 4);
}

#[test]
fn a_long_poll_is_held_until_one_of_its_streams_has_news() {
    let (server, mut api) = server_with(&["a", "b", "c"]);
    let places = ["a", "b", "c"].map(|name| entry(name, &api.publish(name, "0")));
    let held = read_many("?live=long-poll&timeout=100", &places.join(","));
    let mut http2 = Http2::connect(&server);
    let mut narrow = Wire::connect(&server);
    let mut odd = Wire::connect(&server);
    narrow.send(&held);
    odd.send([OPTIONS, &held].concat());
    assert_eq!(odd.answer().status, 204);
    let over_http2 = http2.post("/v1/read?live=long-poll&timeout=100");
    http2.send(over_http2, format!("{{\"streams\":[{}]}}", places.join(",")).as_bytes());
    http2.end(over_http2);
    for name in ["a", "b", "c"] {
        eventually("all are held", || (followers(&mut api, name, "long-poll") == 3).then_some(()));
    }
    api.publish("b", "[1,2]");
    let (status, body) = http2.answer(over_http2);
    let answers = [narrow.answer(), odd.answer(), Answer { status, head: String::new(), body }];
    for answer in answers {
        let frames: Vec<Value> = serde_json::from_slice(&answer.body).expect("an answer is an array");
        assert_eq!(told(&frames), ["message b", "message b", "live b"], "{}", answer.status);
    }
    for name in ["a", "b", "c"] {
        assert_eq!(followers(&mut api, name, "long-poll"), 0);
    }
}

#[test]
fn a_long_poll_with_anything_to_say_is_answered_at_once() {
    let (server, mut api) = server_with(&["a", "b"]);
    let quiet = entry("a", &api.publish("a", "0"));
    close(&mut api, "b");
    let mut wire = Wire::connect(&server);
    let mut ask = |other: &str| {
        let request = read_many("?live=long-poll&timeout=100", &[&quiet, other].join(","));
        told(&frames(&wire.ask(request)))
    };
    assert_eq!(ask(&entry("none", "-1")), ["error none"]);
    assert_eq!(ask(&entry("b", "now")), ["subscribed b", "live b", "closed b"]);
    let end = text(&serde_json::from_str::<Value>(&quiet).expect("it is JSON"), "offset").to_owned();
    assert_eq!(ask(&entry("b", &end)), ["reset b"]);
}

#[test]
fn what_ends_one_stream_ends_no_other() {
    let (server, mut api) = server_with(&["a", "b", "c"]);
    let places = ["a", "b", "c"].map(|name| entry(name, &api.publish(name, "0")));
    let mut sse = Wire::connect(&server);
    sse.send(read_many("?live=sse", &[&places.join(","), &entry("none", "now")[..]].join(",")));
    let head = sse.head();
    assert_eq!((head.status, head.field("content-type")), (200, Some("text/event-stream")));
    assert_eq!(head.field("x-accel-buffering"), Some("no"));
    let begun = sse.events_until("\"live\",\"stream\":\"c\"");
    assert!(begun.starts_with("retry: 2000\ndata:{\"type\":\"subscribed\",\"stream\":\"a\""), "{begun}");
    assert_eq!(told(&events(&begun))[..4], ["subscribed a", "subscribed b", "subscribed c", "error none"]);
    assert_eq!(followers(&mut api, "c", "sse"), 1);
    let mut held = Wire::connect(&server);
    held.send(read_many("?live=long-poll&timeout=100", &places.join(",")));
    eventually("it is held", || (followers(&mut api, "c", "long-poll") == 1).then_some(()));
    api.delete("a");
    assert_eq!(told(&frames(&held.answer())), ["reset a"]);
    assert_eq!(told(&events(&sse.events_until("reset"))), ["reset a"]);
    held.send(read_many("?live=long-poll&timeout=100", &places[1..].join(",")));
    eventually("it is held", || (followers(&mut api, "c", "long-poll") == 1).then_some(()));
    close(&mut api, "b");
    assert_eq!(told(&frames(&held.answer())), ["closed b"]);
    assert_eq!(told(&events(&sse.events_until("closed"))), ["closed b"]);
    api.publish("c", "1");
    assert_eq!(told(&events(&sse.events_until("message"))), ["message c"]);
    api.delete("c");
    assert_eq!(told(&events(&sse.events_until("reset"))), ["reset c"]);
    // None is left.
    assert_eq!(sse.chunk(), b"");
    // The connection is as good as before.
    assert_eq!(told(&frames(&sse.ask(read_many("", &places[1])))), ["message b", "closed b"][1..]);
}

#[test]
fn each_offset_that_cant_be_continued_has_its_reason_and_stops_no_other() {
    let (server, mut api) = server_with(&["ahead", "good"]);
    let trimmed = api.create("trimmed", &[("Stream-Retention-Count", "1")]);
    api.publish("trimmed", "[1,2,3]");
    let ahead = api.publish("ahead", "1").replace("_0000000000000001", "_0000000000000002");
    let lost = entry("ahead", &ahead);
    let entries = [&entry("trimmed", &trimmed), &lost, &entry("good", "-1")].map(String::as_str).join(",");
    let mut wire = Wire::connect(&server);
    let over_poll = frames(&wire.ask(read_many("", &entries)));
    let over_long_poll = frames(&wire.ask(read_many("?live=long-poll", &entries)));
    wire.send(read_many("?live=sse", &entries));
    wire.head();
    let over_sse = events(&wire.events_until("live"));
    for frames in [over_poll, over_long_poll, over_sse] {
        assert_eq!(told(&frames), ["reset trimmed", "reset ahead", "subscribed good", "live good"]);
        assert_eq!([text(&frames[0], "reason"), text(&frames[1], "reason")], ["trimmed", "ahead"]);
        assert_eq!(text(&frames[0], "earliest")[17..], *"0000000000000002");
        assert_eq!(text(&frames[1], "tail")[17..], *"0000000000000001");
    }
    api.publish("good", "1");
    assert_eq!(told(&events(&wire.events_until("message"))), ["message good"]);
}

#[test]
fn a_frame_has_the_same_text_over_every_transport() {
    let (server, mut api) = server_with(&["a", "b"]);
    api.publish("a", "{\"x\":[1,\n\r\n 2],\"y\":\"é\\u00e9\"}");
    let mut http2 = Http2::connect(&server);
    let mut wire = Wire::connect(&server);
    let poll = wire.ask(read_many("", &entry("a", "-1"))).text();
    let message = poll.split("},{\"type\"").nth(1).expect("the second is the message");
    let mut socket = Wire::upgraded(&server, "/v1/stream/a?offset=-1");
    let over_socket = loop {
        if let (TEXT, text) = socket.frame()
            && text.starts_with(b"{\"type\":\"message\"")
        {
            break String::from_utf8(text).expect("a text is text");
        }
    };
    assert_eq!(format!("{{\"type\"{message}}}"), over_socket);
    wire.send(read_many("?live=sse", &entry("a", "-1")));
    wire.head();
    let over_sse = wire.events_until("live");
    // A line break between the parts of JSON is one between lines of an event.
    let lines = over_socket.replace("\r\n", "\n").replace('\n', "\ndata:");
    assert!(over_sse.contains(&format!("data:{}\n\n", lines.replace("data: ", "data:  "))), "{over_sse}");
    let stream = http2.post("/v1/read?live=sse");
    http2.send(stream, format!("{{\"streams\":[{}]}}", entry("a", "-1")).as_bytes());
    http2.end(stream);
    http2.data_until(stream, "\"live\"");
    let old = read_many("?live=sse", &entry("a", "-1")).replace("HTTP/1.1", "HTTP/1.0");
    let mut old_wire = Wire::connect(&server);
    old_wire.send(old);
    assert_eq!(old_wire.head().field("transfer-encoding"), None);
    api.delete("a");
    let over_old = String::from_utf8(old_wire.rest()).expect("events are text");
    assert!(over_old.starts_with(&over_sse[..over_sse.find("live").unwrap_or_default()]), "{over_old}");
}

#[test]
fn a_websocket_that_asks_for_a_sign_of_life_gets_one() {
    let (server, _) = server_with(&[]);
    let mut wire = Wire::upgraded(&server, "/v1/ws");
    wire.message("hello");
    for _ in 0..3 {
        wire.send_frame(TEXT, b"{\"type\":\"ping\"}");
        assert_eq!(wire.frame(), (TEXT, b"{\"type\":\"heartbeat\"}".to_vec()));
    }
}

#[test]
fn a_silent_event_stream_has_heartbeats() {
    let server = Server::builder().setting("--heartbeat", "1s").start();
    Api::new(server.address()).create("a", &[]);
    let mut narrow = Wire::connect(&server);
    let mut odd = Wire::connect(&server);
    narrow.send(read_many("?live=sse", &entry("a", "now")));
    odd.send([OPTIONS, &read_many("?live=sse", &entry("a", "now"))].concat());
    assert_eq!(odd.answer().status, 204);
    for wire in [&mut narrow, &mut odd] {
        assert_eq!(wire.head().status, 200);
        wire.events_until("live");
        assert_eq!(wire.chunk(), b": heartbeat\n\n");
    }
}

#[test]
fn an_open_follow_keeps_a_stream_and_its_end_is_told() {
    let (server, mut api) = server_with(&[]);
    api.create("ttl", &[("Stream-TTL", "1")]);
    api.create("other", &[]);
    let mut wire = Wire::connect(&server);
    wire.send(read_many("?live=sse", &[entry("ttl", "now"), entry("other", "now")].join(",")));
    assert_eq!(wire.head().status, 200);
    wire.events_until("\"live\",\"stream\":\"other\"");
    // What is over after one second without access would be gone after two.
    tidings_testkit::pause(std::time::Duration::from_millis(2_500));
    api.publish("ttl", "1");
    assert_eq!(told(&events(&wire.events_until("message"))), ["message ttl"]);
    drop(wire);
    let mut held = Wire::connect(&server);
    let place = entry("other", &api.publish("other", "1"));
    held.send(read_many("", &place));
    assert_eq!(held.answer().text(), "[]");
    eventually("nobody looks after it", || {
        (api.ask(&Request::new("HEAD", "/v1/stream/ttl")).expect("the server answers").status == 404)
            .then_some(())
    });
}
