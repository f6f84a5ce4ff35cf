//! SIGTERM, and who reads many streams.

use super::{entry, events, followers, server_with, told};
use crate::http2::Http2;
use crate::requests::{OPTIONS, read_many};
use crate::wire::Wire;
use tidings_testkit::eventually;

#[test]
fn event_streams_are_told_to_come_back_and_end() {
    let (mut server, api) = server_with(&["a", "b"]);
    drop(api);
    let entries = [entry("a", "now"), entry("b", "now")].join(",");
    let request = read_many("?live=sse", &entries);
    let mut narrow = Wire::connect(&server);
    narrow.send(&request);
    let mut odd = Wire::connect(&server);
    odd.send([OPTIONS, &request].concat());
    assert_eq!(odd.answer().status, 204);
    for wire in [&mut narrow, &mut odd] {
        assert_eq!(wire.head().status, 200);
        wire.events_until("\"live\",\"stream\":\"b\"");
    }
    let mut http2 = Http2::connect(&server);
    let stream = http2.post("/v1/read?live=sse");
    http2.send(stream, format!("{{\"streams\":[{entries}]}}").as_bytes());
    http2.end(stream);
    http2.data_until(stream, "\"live\",\"stream\":\"b\"");
    server.ask_to_end();
    let (_, all) = http2.answer(stream);
    let all = String::from_utf8(all).expect("events are text");
    let last = all.rsplit_once("retry: ").map(|(_, last)| format!("retry: {last}")).unwrap_or_default();
    for said in [narrow.events_until("drain"), odd.events_until("drain"), last] {
        let retry =
            said.lines().next().and_then(|line| line.strip_prefix("retry: ")).expect("it comes first");
        assert!(retry.parse::<u64>().expect("it is a number") < 10_000, "{said}");
        assert!(said.ends_with("data:{\"type\":\"drain\",\"within\":10}\n\n"), "{said}");
        assert_eq!(told(&events(&said)), ["drain "]);
    }
    for wire in [&mut narrow, &mut odd] {
        assert_eq!(wire.chunk(), b"");
        wire.expect_end();
    }
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn held_polls_are_answered() {
    let (mut server, mut api) = server_with(&["a", "b"]);
    let places = ["a", "b"].map(|name| entry(name, &api.publish(name, "0"))).join(",");
    let request = read_many("?live=long-poll&timeout=100", &places);
    let mut narrow = Wire::connect(&server);
    narrow.send(&request);
    let mut odd = Wire::connect(&server);
    odd.send([OPTIONS, &request].concat());
    assert_eq!(odd.answer().status, 204);
    eventually("both are held", || (followers(&mut api, "b", "long-poll") == 2).then_some(()));
    drop(api);
    server.ask_to_end();
    for wire in [&mut narrow, &mut odd] {
        let answer = wire.answer();
        assert_eq!((answer.status, answer.field("stream-up-to-date")), (204, Some("true")));
        wire.expect_end();
    }
    assert_eq!(server.wait().code(), Some(0));
}
