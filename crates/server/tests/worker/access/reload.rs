//! Rules that are reloaded hold for those who follow already: whoever has lost the right ends, and nobody else.

use super::admin::{ask, json_of};
use super::tokens::{FULL_KEY, SECRET, hash, with_claims};
use crate::wire::Wire;
use serde_json::{Value, json};
use std::path::Path;
use tidings_testkit::{Server, Socket, Upgrade, eventually};

/// Who may read what: anybody, the key, and whoever has a token.
fn rules(folder: &Path, anybody: &[&str], key: &[&str], token: &[&str]) -> String {
    let secret = folder.join("secret").display().to_string();
    let hash = hash(FULL_KEY);
    format!(
        r#"
        token_secret_file = {secret:?}
        token_audience = "tidings"
        [[rights]]
        to = "anybody"
        read = {anybody:?}
        [[rights]]
        to = "token"
        read = {token:?}
        [[keys]]
        name = "full"
        hash = "sha256:{hash}"
        read = {key:?}
        publish = ["**"]
        create = ["**"]
        list = ["**"]
        "#
    )
}

struct Place {
    server: Server,
    folder: tempfile::TempDir,
}

impl Place {
    /// A server with the streams `a` and `b`.
    fn new() -> Place {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        std::fs::write(folder.path().join("secret"), SECRET).expect("a temporary file can be written");
        let text = rules(folder.path(), &["a", "b"], &["a", "b"], &["a", "b"]);
        let place = Place { server: Server::builder().settings_file(&text).start(), folder };
        for stream in ["a", "b"] {
            let line = format!("PUT /v1/stream/{stream}");
            let field = format!("{}Content-Type: application/json\r\n", field(FULL_KEY));
            assert_eq!(ask(&place.server, &line, &field, "1").status, 201);
        }
        place
    }

    fn reload(&self, anybody: &[&str], key: &[&str], token: &[&str]) {
        self.server.write_settings(&rules(self.folder.path(), anybody, key, token));
        let told = self.server.reload();
        assert!(told.contains("the settings were reloaded"), "{told}");
    }

    fn publish(&self, stream: &str, value: &Value) {
        let field = format!("{}Content-Type: application/json\r\n", field(FULL_KEY));
        let answer = ask(&self.server, &format!("POST /v1/stream/{stream}"), &field, &value.to_string());
        assert!(answer.status < 300, "{}", answer.text());
    }

    /// SSE that has begun.
    fn events(&self, stream: &str, field: &str) -> Wire {
        let mut wire = Wire::connect(&self.server);
        let target = format!("/v1/stream/{stream}?offset=now&live=sse");
        wire.send(format!("GET {target} HTTP/1.1\r\nHost: t\r\n{field}\r\n"));
        wire.take_until(b"upToDate");
        wire
    }

    fn long_poll(&self, stream: &str, field: &str) -> Wire {
        let mut wire = Wire::connect(&self.server);
        let target = format!("/v1/stream/{stream}?offset=now&live=long-poll&timeout=60");
        wire.send(format!("GET {target} HTTP/1.1\r\nHost: t\r\n{field}\r\n"));
        wire
    }

    /// Where the stream ends: who is held has to know.
    fn tail(&self, stream: &str) -> String {
        let answer = ask(&self.server, &format!("GET /v1/stream/{stream}"), &field(FULL_KEY), "");
        answer.field("stream-next-offset").expect("a poll names an offset").to_owned()
    }

    fn many(&self, streams: &[&str], live: &str) -> Wire {
        let mut wire = Wire::connect(&self.server);
        let at_tail = |stream: &&str| json!({ "stream": stream, "offset": self.tail(stream) });
        let streams: Vec<Value> = streams.iter().map(at_tail).collect();
        let body = json!({ "streams": streams }).to_string();
        let length = body.len();
        let head =
            format!("POST /v1/read?live={live}&timeout=60 HTTP/1.1\r\nHost: t\r\nContent-Length: {length}");
        wire.send(format!("{head}\r\n\r\n{body}"));
        wire
    }

    /// Waits until so many follow over that transport, over both streams.
    fn expect_followers(&self, transport: &str, count: u64) {
        eventually("all follow", || {
            let list = json_of(&ask(&self.server, "GET /v1/streams", &field(FULL_KEY), ""));
            let streams = list["streams"].as_array().expect("a list");
            let all: u64 = streams.iter().filter_map(|stream| stream["followers"][transport].as_u64()).sum();
            (all == count).then_some(())
        });
    }
}

fn field(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

/// A token that grants nothing of these by itself.
fn bearer() -> String {
    field(&with_claims(&json!({ "sub": "ann" })))
}

#[test]
fn a_key_that_has_lost_a_right_ends_and_nobody_else() {
    let place = Place::new();
    let mut by_key = place.events("b", &field(FULL_KEY));
    let mut held = place.long_poll("b", &field(FULL_KEY));
    let mut others =
        [place.events("a", &field(FULL_KEY)), place.events("a", ""), place.events("a", &bearer())];
    place.expect_followers("long-poll", 1);
    // What is anybody's is the key's too.
    place.reload(&["a"], &["a"], &["a", "b"]);
    assert_eq!(held.answer().status, 204);
    by_key.take_until(b"may not be read any more");
    let [of_key, of_anybody, by_token] = &mut others;
    // What anybody may do is a part of what a token grants: who has one shows it again.
    by_token.take_until(b"come back with your token");
    let mut by_token = place.events("b", &bearer());
    place.reload(&["a"], &["a", "c"], &["a", "b"]);
    place.publish("a", &json!("still"));
    place.publish("b", &json!("still"));
    for wire in [of_key, of_anybody, &mut by_token] {
        wire.take_until(b"\"still\"");
    }
}

#[test]
fn what_is_not_for_everybody_any_more_ends_on_each_transport() {
    let place = Place::new();
    let mut held = [place.long_poll("b", ""), place.many(&["a", "b"], "long-poll")];
    let mut events = [place.events("b", ""), place.many(&["a", "b"], "sse")];
    let opened = Socket::open_with(place.server.address(), "/v1/ws", "tidings.v1", &[]);
    let Ok(Upgrade::Open(mut socket)) = opened else { panic!("{opened:?}") };
    assert_eq!(socket.expect_json()["type"], "hello");
    for stream in ["a", "b"] {
        let subscribe = json!({ "type": "subscribe", "stream": stream, "offset": "now" });
        socket.send_text(&subscribe.to_string()).expect("the server reads");
        assert_eq!(socket.expect_json()["type"], "subscribed");
        assert_eq!(socket.expect_json()["type"], "live");
    }
    place.expect_followers("long-poll", 3);
    place.expect_followers("sse", 3);
    place.reload(&["a"], &["a", "b"], &[]);
    for wire in &mut held {
        let answer = wire.answer();
        // As if its time were up, and without anything that was published since.
        assert!(answer.status == 204 || !answer.text().contains("message"), "{}", answer.text());
    }
    for wire in &mut events {
        wire.take_until(b"may not be read any more");
    }
    let told = socket.expect_json();
    assert_eq!((&told["type"], &told["stream"]), (&json!("error"), &json!("b")), "{told}");
    // The rest of the connection goes on.
    place.publish("b", &json!("secret"));
    place.publish("a", &json!("open"));
    let told = socket.expect_json();
    assert_eq!((&told["type"], &told["stream"]), (&json!("message"), &json!("a")), "{told}");
}
