//! What administrators are told of streams, followers and connections: gathered from all workers, over every transport.

use crate::http2::Http2;
use crate::requests::{FOLLOW, HELD_POLL, SSE, get};
use crate::wire::Wire;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tidings_testkit::{Api, Server, eventually};

/// So that questions go from one worker to another.
const WORKERS: &str = "3";

fn server() -> (Server, Api) {
    let server = Server::builder().argument("--workers").argument(WORKERS);
    let server = server.argument("--heartbeat").argument("60s").start();
    let mut api = Api::new(server.address());
    api.create("a", &[]);
    (server, api)
}

fn ask(server: &Server, path: &str) -> Value {
    let answer = Wire::connect(server).ask(get(&format!("/v1/admin/{path}")));
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    serde_json::from_slice(&answer.body).expect("an answer is JSON")
}

fn list<'a>(value: &'a Value, name: &str) -> &'a Vec<Value> {
    value[name].as_array().unwrap_or_else(|| panic!("no `{name}`: {value}"))
}

/// One follower over each transport, and one over HTTP/2.
fn followers(server: &Server) -> (Vec<Wire>, Http2) {
    let websocket = Wire::upgraded(server, FOLLOW);
    let (mut sse, mut held) = (Wire::connect(server), Wire::connect(server));
    sse.send(SSE);
    held.send(HELD_POLL);
    let mut http2 = Http2::connect(server);
    http2.get("/v1/stream/a?offset=now&live=sse");
    eventually("all four follow", || (ask(server, "followers?stream=a")["looked_at"] == 4).then_some(()));
    (vec![websocket, sse, held], http2)
}

#[test]
fn followers_of_all_workers_and_transports_are_told_with_their_lag() {
    let (server, _api) = server();
    let _open = followers(&server);
    let found = ask(&server, "followers?stream=a");
    assert_eq!(found["count"], json!({ "long-poll": 1, "sse": 2, "websocket": 1 }));
    let transports: Vec<_> = list(&found, "furthest").iter().map(|row| row["transport"].as_str()).collect();
    let known = ["long-poll", "sse", "websocket"].map(Some);
    assert!(known.iter().all(|transport| transports.contains(transport)), "{found}");
    assert!(list(&found, "furthest").iter().all(|row| row["lag"] == 0), "{found}");
    let stream = ask(&server, "stream?stream=a");
    assert_eq!(stream["followers"]["sse"], 2, "{stream}");
}

#[test]
fn who_does_not_read_is_the_furthest_behind() {
    let (server, mut api) = server();
    let mut stalled = Wire::upgraded(&server, FOLLOW);
    stalled.message("live");
    let filler = "x".repeat(64 << 10);
    for _ in 0..64 {
        api.publish("a", &format!("[\"{filler}\"]"));
    }
    let found = ask(&server, "followers?stream=a&limit=1");
    let [furthest] = &list(&found, "furthest")[..] else { panic!("{found}") };
    assert!(furthest["lag"].as_u64().is_some_and(|lag| 10 < lag), "{furthest}");
    assert!(furthest["queued_bytes"].as_u64().is_some_and(|bytes| 0 < bytes), "{furthest}");
    let behind = ask(&server, "connections?behind=true");
    assert!(list(&behind, "connections").iter().any(|row| row["id"] == furthest["id"]), "{behind}");
}

#[test]
fn every_connection_is_on_one_page_of_the_list() {
    let (server, _api) = server();
    let (open, _http2) = followers(&server);
    let idle: Vec<_> = (0..20).map(|_| Wire::upgraded(&server, "/v1/ws")).collect();
    let mut seen = BTreeSet::new();
    let (mut next, mut count) = (None::<String>, 0);
    loop {
        let after = next.map(|next| format!("&after={next}")).unwrap_or_default();
        let page = ask(&server, &format!("connections?limit=5{after}"));
        let rows = list(&page, "connections");
        assert!(rows.len() <= 5, "{page}");
        // The others are those that ask.
        let reading: Vec<_> = rows.iter().filter(|row| row["transport"] != Value::Null).collect();
        count += reading.len();
        seen.extend(reading.iter().filter_map(|row| row["id"].as_str()).map(str::to_owned));
        match page["next"].as_str() {
            None => break,
            Some(text) => next = Some(text.to_owned()),
        }
    }
    // Of HTTP/2 each request is one.
    assert_eq!(count, open.len() + 1 + idle.len());
    assert_eq!(count, seen.len(), "nobody is told twice");
    let workers: BTreeSet<_> = seen.iter().filter_map(|id| id.split('-').next()).collect();
    assert_eq!(workers.len(), 3, "{seen:?}");
}

#[test]
fn streams_are_listed_by_name_and_by_what_is_published() {
    let (server, mut api) = server();
    for name in ["b", "c/1", "c/2"] {
        api.create(name, &[("Stream-Retention-Count", "7")]);
    }
    for _ in 0..3 {
        api.publish("c/2", "[1,2,3]");
    }
    api.publish("b", "[\"a long one, with more bytes than all of the others have together\"]");
    let names = |value: &Value| -> Vec<String> {
        list(value, "streams").iter().map(|it| it["name"].as_str().expect("a name").to_owned()).collect()
    };
    let page = ask(&server, "streams?limit=2");
    assert_eq!((names(&page), &page["next"]), (vec!["a".into(), "b".into()], &json!("b")));
    assert_eq!(names(&ask(&server, "streams?after=b")), ["c/1", "c/2"]);
    assert_eq!(names(&ask(&server, "streams?order=messages")), ["c/2", "b"]);
    assert_eq!(names(&ask(&server, "streams?order=bytes")), ["b", "c/2"]);
    assert_eq!(names(&ask(&server, "streams?order=messages&prefix=b")), ["b"]);
    assert_eq!(names(&ask(&server, "streams?order=followers")), [""; 0]);
    let stream = ask(&server, "stream?stream=c/2");
    assert_eq!(stream["retention"], json!({ "age": null, "bytes": null, "count": 7 }));
    assert!(stream["rate"]["messages"].as_f64().is_some_and(|rate| 0.0 < rate && rate <= 0.9), "{stream}");
    let found = ask(&server, "server");
    assert_eq!((&found["streams"], &found["health"]), (&json!(4), &json!([])), "{found}");
    assert_eq!(list(&found, "workers").len(), 3, "{found}");
}

#[test]
fn what_is_asked_wrongly_is_refused() {
    let (server, _api) = server();
    let mut wire = Wire::connect(&server);
    for (path, code) in [
        ("stream", "invalid_parameter"),
        ("followers?stream=a&limit=0", "invalid_parameter"),
        ("followers?stream=none", "stream_not_found"),
        ("stream?stream=a%2F%2Fb", "invalid_name"),
        ("connections?after=x", "invalid_parameter"),
        ("streams?order=age", "invalid_parameter"),
    ] {
        let answer = wire.ask(get(&format!("/v1/admin/{path}")));
        let problem: Value = serde_json::from_slice(&answer.body).expect("a problem is JSON");
        assert_eq!(problem["code"], code, "{path}");
    }
    let page = ask(&server, "connections?after=99-0");
    assert_eq!(page, json!({ "connections": [], "next": null }), "workers that are not there have none");
}

#[test]
fn the_console_is_a_page_that_may_load_nothing_but_its_own() {
    let (server, _api) = server();
    let mut wire = Wire::connect(&server);
    let moved = wire.ask(get("/console"));
    assert_eq!(moved.status, 308);
    assert!(moved.head.contains("location: /console/\r\n") || moved.head.contains("Location: /console/\r\n"));
    let page = wire.ask(get("/console/"));
    assert_eq!(page.status, 200);
    assert!(page.head.contains("default-src 'none'; script-src 'self'"), "{}", page.head);
    assert!(!page.head.contains("unsafe"), "{}", page.head);
    let (text, mut files) = (page.text(), 0);
    for part in text.split(['"', '\'']).filter(|part| part.starts_with("./")) {
        let file = wire.ask(get(&part.replacen('.', "/console", 1)));
        assert_eq!(file.status, 200, "{part}");
        files += 1;
    }
    assert_eq!(files, 3, "script, style and icon: {text}");
    assert!(!text.contains("://"), "nothing is from elsewhere: {text}");
    let without = Server::builder().settings_file("console = false").start();
    assert_eq!(Wire::connect(&without).ask(get("/console/")).status, 404);
}
