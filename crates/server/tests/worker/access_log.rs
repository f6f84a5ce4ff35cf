//! One line in the log for each connection, at its end, where that is asked for: for programs, and without anything secret.

use crate::http2::Http2;
use crate::requests::{FOLLOW, OPTIONS, get, publish};
use crate::wire::Wire;
use serde_json::Value;
use tidings_testkit::{Api, Server, eventually};

/// The lines of connections that have ended, as objects.
fn lines(server: &Server) -> Vec<Value> {
    let printed = server.printed();
    // What goes to standard output is for people.
    let lines = printed.lines().filter(|line| line.starts_with('{'));
    let lines = lines.map(|line| serde_json::from_str(line).expect("every line is JSON"));
    lines.filter(|line: &Value| line["message"] == "a connection has ended").collect()
}

/// The line of a connection by what it did.
#[track_caller]
fn line_of(server: &Server, transport: &str, requests: u64) -> Value {
    eventually("a line", || {
        lines(server).into_iter().find(|line| line["transport"] == transport && line["requests"] == requests)
    })
}

#[test]
fn a_connection_is_told_in_one_line_when_it_ends() {
    let server = Server::builder().setting("--log-format", "json").setting("--access-log", "true").start();
    let mut api = Api::new(server.address());
    api.create("secret", &[]);
    api.create("a", &[]);

    let mut websocket = Wire::upgraded(&server, FOLLOW);
    websocket.message("live");
    api.publish("a", "[1,2]");
    // Both: a peer that goes with something unread breaks its connection off.
    websocket.message("message");
    websocket.message("message");
    drop(websocket);
    let line = line_of(&server, "websocket", 1);
    assert_eq!((line["address"].as_str(), line["subject"].as_str()), (Some("127.0.0.1"), Some("")));
    assert_eq!((line["streams"].as_u64(), line["messages"].as_u64()), (Some(1), Some(2)), "{line}");
    assert_eq!(line["end"], "peer");
    assert!(line["sent_bytes"].as_u64() > Some(100) && line["received_bytes"].as_u64() > Some(50), "{line}");

    // Hyper answers the first one; both are of one connection.
    let mut wire = Wire::connect(&server);
    assert_eq!(wire.ask(OPTIONS).status, 204);
    assert_eq!(wire.ask(get("/v1/stream/secret?offset=-1&token=hidden")).status, 200);
    drop(wire);
    let line = line_of(&server, "", 2);
    assert_eq!(line["streams"], 0, "{line}");

    let mut http2 = Http2::connect(&server);
    let poll = http2.get("/v1/stream/a?offset=-1");
    assert_eq!(http2.answer(poll).0, 200);
    drop(http2);
    let line = line_of(&server, "poll", 1);
    assert_eq!(line["messages"], 2, "{line}");
    assert_eq!(Wire::connect(&server).ask(publish("a", "[3]")).status, 204);
    for secret in ["hidden", "secret", "offset"] {
        let is_told = server.printed().lines().any(|line| line.starts_with('{') && line.contains(secret));
        assert!(!is_told, "{secret} is in the log");
    }
}

#[test]
fn nothing_is_told_of_connections_unless_asked_for() {
    let server = Server::builder().setting("--log-format", "json").start();
    drop(Wire::connect(&server).ask(get("/health/live")));
    // It was attended to when another one is answered.
    assert_eq!(Wire::connect(&server).ask(get("/health/live")).status, 200);
    assert!(lines(&server).is_empty());
}
