//! Number 13: one connection, 50 streams, all resumed.

use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::SocketAddr;
use tidings_testkit::{Api, Connection, Deadline, Request, Server, Socket, Transport};

const STREAMS: usize = 50;
const ROUNDS: u64 = 4;

/// Each round: one connection follows all streams from where it left off, gets what is new, and is lost by a kill of the server.
pub(crate) fn one_connection_fifty_streams(transport: Transport) {
    let mut server = Server::start();
    let address = server.address();
    let names: Vec<String> = (0..STREAMS).map(|index| format!("many/{index}")).collect();
    let mut places = HashMap::new();
    for name in &names {
        let begin = Api::new(address).create(name, &[]);
        places.insert(name.clone(), Place { offset: begin, next: 0 });
    }
    let read: fn(SocketAddr, &mut HashMap<String, Place>, u64) =
        if transport == Transport::Poll { poll_all } else { subscribe_all };
    for round in 0..ROUNDS {
        let mut api = Api::new(address);
        for name in &names {
            api.publish(name, &format!("[{},{}]", 2 * round, 2 * round + 1));
        }
        read(address, &mut places, 2 * (round + 1));
        server.kill_9();
        server.restart();
    }
}

/// Where the reader of one stream stands, and which number it expects.
struct Place {
    offset: String,
    next: u64,
}

impl Place {
    fn on_message(&mut self, offset: &str, data: &Value) {
        assert_eq!(data.as_u64(), Some(self.next));
        self.next += 1;
        offset.clone_into(&mut self.offset);
    }
}

/// One question after the other over one connection.
fn poll_all(address: SocketAddr, places: &mut HashMap<String, Place>, end: u64) {
    let mut connection = Connection::open(address).unwrap();
    for (name, place) in places {
        let target = format!("/v1/stream/{name}?offset={}&envelope=true", place.offset);
        let answer = connection.ask(&Request::get(target), Deadline::patient()).unwrap();
        let page: Value = serde_json::from_slice(&answer.body).unwrap();
        for message in page.as_array().unwrap() {
            place.on_message(message["offset"].as_str().unwrap(), &message["data"]);
        }
        assert_eq!(place.next, end, "{name}");
    }
}

/// One subscription after the other over one connection, whose frames then come in any order of the streams.
fn subscribe_all(address: SocketAddr, places: &mut HashMap<String, Place>, end: u64) {
    let mut socket = Socket::expect(address, "/v1/ws");
    for (name, place) in places.iter() {
        let subscribe = json!({"type": "subscribe", "stream": name, "offset": place.offset});
        socket.send_text(&subscribe.to_string()).unwrap();
    }
    let mut live = 0;
    while live < places.len() {
        let frame = socket.expect_json();
        match frame["type"].as_str().unwrap() {
            "hello" | "subscribed" | "heartbeat" => {}
            "live" => live += 1,
            "message" => {
                let place = places.get_mut(frame["stream"].as_str().unwrap()).unwrap();
                place.on_message(frame["offset"].as_str().unwrap(), &frame["data"]);
            }
            _ => panic!("{frame}"),
        }
    }
    assert!(places.values().all(|place| place.next == end));
}
