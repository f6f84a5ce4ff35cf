//! Publishes: messages and bytes, by address, subject and stream, over each way to publish. One that is larger than its bucket passes, and
//! leaves a debt that no slow machine makes up for.

use super::{ONE, OTHER, builder, names_the_limit, refused_by};
use crate::http2::Http2;
use crate::requests::{publish, publish_chunked, put, upgrade};
use crate::wire::{TEXT, Wire};
use serde_json::json;
use tidings_testkit::Server;

fn server(limits: &str) -> Server {
    let server = builder(limits).start();
    for stream in ["a", "b"] {
        assert_eq!(Wire::connect(&server).ask(put(stream)).status, 201);
    }
    server
}

/// Two messages; 600 of them are ten minutes at one a second.
fn many() -> String {
    format!("[{}1]", "1,".repeat(599))
}

#[test]
fn an_address_publishes_so_many_messages_a_second_over_whatever_it_has() {
    const LIMIT: &str = "publish_rate_per_address";
    let server = server("publish_rate_per_address = 1");
    let mut wire = Wire::connect_from(&server, ONE);
    assert_eq!(wire.ask(publish("a", &many())).status, 204);
    for request in [publish("b", "1"), publish("b", &many()), publish_chunked("b", "11")] {
        let wait = refused_by(&wire.ask(request), LIMIT, 1, "address");
        assert!((300..=1_200).contains(&wait), "{wait}");
    }
    // On both workers, and over each transport.
    for _ in 0..4 {
        let refused = Wire::connect_from(&server, ONE).ask(publish("b", "1"));
        refused_by(&refused, LIMIT, 1, "address");
    }
    let mut socket = Wire::connect_from(&server, ONE);
    assert_eq!(socket.ask(upgrade("/v1/ws")).status, 101);
    socket.send_frame(
        TEXT,
        json!({ "type": "publish", "id": "7", "stream": "b", "data": 1 }).to_string().as_bytes(),
    );
    let refusal = socket.message("error");
    names_the_limit(&refusal, LIMIT, 1, "address");
    assert_eq!(refusal["id"], "7");
    assert!(300 < refusal["retry_after"].as_u64().unwrap_or_default(), "{refusal}");
    let mut http2 = Http2::over(Wire::connect_from(&server, ONE));
    let post = http2.post("/v1/stream/b");
    http2.send(post, b"1");
    http2.end(post);
    assert_eq!(http2.status(post), 429);
    // What was refused is not there, and another address goes on.
    let read = Wire::connect_from(&server, ONE).ask(crate::requests::get("/v1/stream/b?offset=-1"));
    assert_eq!(read.text(), "[]");
    assert_eq!(Wire::connect_from(&server, OTHER).ask(publish("b", "1")).status, 204);
}

#[test]
fn bytes_are_limited_too() {
    let server = server("publish_byte_rate_per_address = 10");
    let body = format!("\"{}\"", "x".repeat(10_000));
    assert_eq!(Wire::connect_from(&server, ONE).ask(publish("a", &body)).status, 204);
    let refused = Wire::connect_from(&server, ONE).ask(publish("a", "1"));
    let wait = refused_by(&refused, "publish_byte_rate_per_address", 10, "address");
    assert!((500..=1_000).contains(&wait), "{wait}");
    assert_eq!(Wire::connect_from(&server, OTHER).ask(publish("a", "1")).status, 204);
}

#[test]
fn a_stream_takes_so_much_from_everybody_together() {
    let server = server("publish_rate_per_stream = 1");
    assert_eq!(Wire::connect_from(&server, ONE).ask(publish("a", &many())).status, 204);
    for address in [ONE, OTHER, "127.0.0.1"] {
        let refused = Wire::connect_from(&server, address).ask(publish("a", "1"));
        refused_by(&refused, "publish_rate_per_stream", 1, "stream");
        assert_eq!(Wire::connect_from(&server, address).ask(publish("b", "1")).status, 204);
    }
}
