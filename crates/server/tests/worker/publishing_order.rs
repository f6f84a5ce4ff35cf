//! Publishes of one connection keep their order, whoever commits them.

use crate::wire::{TEXT, Wire};
use serde_json::Value;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use tidings_testkit::{Api, Server};

/// A `memory` stream is committed by the worker, a `disk` stream by the commit thread, which is at work on and off: so the
/// messages of one connection go both ways.
#[test]
fn messages_to_memory_and_disk_keep_their_order() {
    const MESSAGES: u64 = 10_000;
    let server = Server::start();
    let mut api = Api::new(server.address());
    api.create("memory", &[("Stream-Durability", "memory")]);
    api.create("disk", &[]);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut api = Api::new(server.address());
            while !stop.load(Ordering::Relaxed) {
                api.publish("disk", "\"busy\"");
            }
        });
        let mut wire = Wire::upgraded(&server, "/v1/ws");
        wire.message("hello");
        for id in 0..MESSAGES {
            // Runs of both kinds, so that some meet an idle commit thread and some a busy one.
            let stream = if id % 11 == 0 { "disk" } else { "memory" };
            let text = format!(r#"{{"type":"publish","id":"{id}","stream":"{stream}","data":{id}}}"#);
            wire.send_frame(TEXT, text.as_bytes());
        }
        let published: Vec<Value> = (0..MESSAGES).map(|_| wire.message("published")).collect();
        stop.store(true, Ordering::Relaxed);
        let mut of_memory: Vec<&Value> =
            published.iter().filter(|frame| frame["stream"] == "memory").collect();
        of_memory.sort_by_key(|frame| number(&frame["id"]));
        let offsets: Vec<&str> =
            of_memory.iter().map(|frame| frame["offset"].as_str().expect("it has one")).collect();
        assert!(offsets.is_sorted(), "an earlier message of one connection stands before a later one");
        assert_eq!(offsets.len() as u64, (0..MESSAGES).filter(|id| id % 11 != 0).count() as u64);
    });
}

fn number(id: &Value) -> u64 {
    id.as_str().and_then(|id| id.parse().ok()).expect("ids are numbers")
}
