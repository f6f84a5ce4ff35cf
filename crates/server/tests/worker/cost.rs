//! What TLS and HTTP/2 cost beside plain text: processor time of the server for each delivery and each poll, memory of an idle follower.
//!
//! CI runs it small, to see that it runs. `TIDINGS_COST=1000` is the number of followers for figures; see docs/benchmarks.md.

use crate::http2::Http2;
use crate::http2_socket::Socket;
use crate::memory::allow_descriptors;
use crate::process::{anonymous_bytes, processor_ns};
use crate::requests::FOLLOW;
use crate::wire::Wire;
use rustls::ClientConfig;
use std::sync::Arc;
use tidings_testkit::{Api, Server};

/// Followers where nobody says how many.
const FOLLOWERS: usize = 8;
/// Followers on one connection of HTTP/2.
const STREAMS: usize = 100;
/// Published one by one; the first ones are not counted.
const MESSAGES: usize = 20;
const UNCOUNTED: usize = 2;
/// For each follower.
const POLLS: usize = 20;

const POLL_AT_THE_TAIL: &str = "/v1/stream/a?offset=now";

/// Followers of one kind.
enum Crowd {
    Http1(Vec<Wire>),
    Http2(Vec<(Http2, Vec<Socket>)>),
}

/// How a crowd connects.
#[derive(Clone, Copy)]
struct Way<'w> {
    server: &'w Server,
    config: Option<&'w Arc<ClientConfig>>,
    is_http2: bool,
}

impl Way<'_> {
    fn wire(self) -> Wire {
        self.config
            .map_or_else(|| Wire::connect(self.server), |config| Wire::secured_with(self.server, config))
    }

    fn follow(self, count: usize) -> Crowd {
        if !self.is_http2 {
            let follow = || {
                let mut wire = self.wire().upgrade(FOLLOW);
                wire.message("live");
                wire
            };
            return Crowd::Http1(std::iter::repeat_with(follow).take(count).collect());
        }
        let connect = |at: usize| {
            let mut http2 = Http2::over(self.wire());
            let open = |_| {
                let socket = Socket::open(&mut http2, FOLLOW);
                socket.message(&mut http2, "live");
                socket
            };
            let sockets: Vec<_> = (at..count.min(at + STREAMS)).map(open).collect();
            (http2, sockets)
        };
        Crowd::Http2((0..count).step_by(STREAMS).map(connect).collect())
    }

    fn poll(self, count: usize) {
        if self.is_http2 {
            let mut http2 = Http2::over(self.wire());
            for _ in 0..count {
                let stream = http2.get(POLL_AT_THE_TAIL);
                http2.answer(stream);
            }
        } else {
            let mut wire = self.wire();
            for _ in 0..count {
                wire.ask(crate::requests::get(POLL_AT_THE_TAIL));
            }
        }
    }
}

impl Crowd {
    fn hear(&mut self) {
        match self {
            Crowd::Http1(wires) => wires.iter_mut().for_each(|wire| drop(wire.message("message"))),
            Crowd::Http2(connections) => {
                for (http2, sockets) in connections {
                    for socket in sockets {
                        socket.message(http2, "message");
                    }
                }
            }
        }
    }
}

fn per(nanoseconds: u64, count: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let each = nanoseconds as f64 / 1_000.0 / count as f64;
    each
}

#[test]
fn what_tls_and_http2_cost() {
    let told = std::env::var("TIDINGS_COST").ok().and_then(|count| count.parse().ok());
    let followers = told.unwrap_or(FOLLOWERS);
    allow_descriptors(4 * followers as u64 + 100);
    for (is_secured, is_http2) in [(false, false), (true, false), (false, true), (true, true)] {
        let server = Server::builder().setting("--heartbeat", "60s").secured().start();
        let mut api = Api::new(server.address());
        api.create("a", &[("Stream-Durability", "memory")]);
        let config = server.authority().client_config(None);
        let way = Way { server: &server, config: is_secured.then_some(&config), is_http2 };
        let _first = way.follow(followers.div_ceil(4));
        let before = anonymous_bytes(&server);
        let mut crowd = way.follow(followers);
        let bytes = anonymous_bytes(&server).saturating_sub(before) / followers;
        let mut began = 0;
        for number in 0..MESSAGES {
            if number == UNCOUNTED {
                began = processor_ns(&server);
            }
            api.publish("a", &format!("[{{\"number\":{number}}}]"));
            crowd.hear();
        }
        let delivery_us =
            per(processor_ns(&server) - began, (MESSAGES - UNCOUNTED) * (followers + followers.div_ceil(4)));
        let began = processor_ns(&server);
        way.poll(POLLS * followers);
        let poll_us = per(processor_ns(&server) - began, POLLS * followers);
        eprintln!(
            "{} {}: {delivery_us:.2} µs a delivery, {poll_us:.2} µs a poll, {bytes} bytes an idle follower",
            if is_http2 { "HTTP/2" } else { "HTTP/1.1" },
            if is_secured { "over TLS" } else { "in plain text" },
        );
    }
}
