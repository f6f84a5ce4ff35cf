//! Traces as a collector gets them: a real one, as small as can be.

use crate::requests::FOLLOW;
use crate::wire::Wire;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, sync_channel};
use tidings_testkit::{Api, PATIENCE, Request, Server, eventually};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

/// Takes what is sent to it, and hands it on.
fn collector() -> (String, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = format!("http://{}", listener.local_addr().expect("it has an address"));
    let (sender, bodies) = sync_channel(16);
    std::thread::spawn(move || {
        for socket in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(socket);
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).is_ok_and(|bytes| bytes != 0) {}
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
            let mut body = vec![0; length.and_then(|length| length.parse().ok()).unwrap_or(0)];
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
            let is_whole = reader.read_exact(&mut body).is_ok() && reader.get_mut().write_all(answer).is_ok();
            if !is_whole || !head.starts_with("POST /v1/traces HTTP/1.1\r\n") {
                return;
            }
            let body = serde_json::from_slice(&body).expect("it is JSON");
            if sender.send(body).is_err() {
                return;
            }
        }
    });
    (address, bodies)
}

fn spans(bodies: &Receiver<Value>, count: usize) -> Vec<Value> {
    let mut spans = Vec::new();
    while spans.len() < count {
        let body = bodies.recv_timeout(PATIENCE).expect("spans come");
        let resource = &body["resourceSpans"][0];
        assert_eq!(resource["resource"]["attributes"][0]["value"]["stringValue"], "tidings");
        spans.extend(resource["scopeSpans"][0]["spans"].as_array().expect("a list of spans").clone());
    }
    spans
}

fn publish(traceparent: Option<&str>) -> Request {
    let request = Request::post("/v1/stream/a").json("1");
    traceparent.into_iter().fold(request, |request, value| request.header("traceparent", value))
}

#[test]
fn a_publish_is_traced_through_commit_and_fan_out_in_the_trace_of_its_sender() {
    let (address, bodies) = collector();
    let server = Server::builder()
        .setting("--otlp-endpoint", address)
        .setting("--otlp-one-of", "0")
        .setting("--workers", "1")
        .start();
    let mut api = Api::new(server.address());
    api.create("a", &[]);
    let mut follower = Wire::upgraded(&server, FOLLOW);
    follower.message("live");
    api.expect(204, &publish(None));
    api.expect(204, &publish(Some(&format!("00-{TRACE}-{PARENT}-00"))));
    api.expect(204, &publish(Some(&format!("00-{TRACE}-{PARENT}-01"))));
    let spans = spans(&bodies, 3);
    assert_eq!(spans.len(), 3, "only one of the three was sampled: {spans:?}");
    let named = |name: &str| spans.iter().find(|span| span["name"] == name).expect("each part is there");
    let (publish, commit, fan_out) = (named("publish"), named("commit"), named("fan-out"));
    assert_eq!((publish["traceId"].as_str(), publish["parentSpanId"].as_str()), (Some(TRACE), Some(PARENT)));
    assert_eq!(publish["attributes"][1]["value"]["stringValue"], "a");
    let time = |span: &Value, end: &str| -> u64 {
        span[end].as_str().and_then(|text| text.parse().ok()).expect("a time is a number as text")
    };
    let (began, ended) = ("startTimeUnixNano", "endTimeUnixNano");
    for part in [commit, fan_out] {
        assert_eq!((&part["traceId"], &part["parentSpanId"]), (&publish["traceId"], &publish["spanId"]));
        assert!(time(publish, began) <= time(part, began), "{spans:?}");
    }
    assert!(time(commit, began) < time(commit, ended), "a sync takes time");
    assert!(time(commit, ended) <= time(fan_out, began), "{spans:?}");
}

#[test]
fn a_collector_that_is_away_costs_spans_and_nothing_else() {
    let nobody = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port is free");
    let server = Server::builder()
        .setting("--otlp-endpoint", format!("http://{nobody}"))
        .setting("--otlp-one-of", "1")
        .start();
    let mut api = Api::new(server.address());
    api.create("a", &[]);
    for _ in 0..10 {
        api.expect(204, &publish(None));
    }
    eventually("lost spans are counted", || {
        let page = api.expect(200, &Request::get("/metrics")).text();
        page.contains("\ntidings_spans_lost_total 20\n").then_some(())
    });
}
