//! A hundred streams over each transport while others publish: nothing lost, doubled or reordered, wherever it is changed.

use serde_json::Value;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use tidings_testkit::{
    Api, Deadline, FollowError, ManyFollower, Producer, Random, Server, Start, Transport, eventually,
};

const STREAMS: usize = 100;
const MESSAGES: usize = 40;

fn name(index: usize) -> String {
    format!("many/{index}")
}

/// What one reader has received: the number that each stream must go on with.
#[derive(Default)]
struct Received {
    next: HashMap<String, usize>,
    count: usize,
}

impl Received {
    fn take(&mut self, frame: &Value) {
        match frame["type"].as_str() {
            Some("message") => {
                let stream = frame["stream"].as_str().expect("a message has a stream").to_owned();
                let next = self.next.entry(stream).or_default();
                assert_eq!(frame["data"], *next, "{frame}");
                *next += 1;
                self.count += 1;
            }
            Some("hello" | "subscribed" | "live" | "heartbeat") => {}
            _ => panic!("{frame}"),
        }
    }

    fn is_done(&self) -> bool {
        self.count == STREAMS * MESSAGES
    }
}

/// Publishes all messages of every stream, a few at a time, in a random order of the streams.
fn publish_all(address: SocketAddr, published: &AtomicUsize) {
    let mut random = Random::seeded(1);
    let mut left: Vec<_> =
        (0..STREAMS).map(|index| (0, Producer::new(address, &name(index), "load"))).collect();
    while !left.is_empty() {
        let at = random.below(left.len());
        let (next, producer) = &mut left[at];
        let end = MESSAGES.min(*next + 1 + random.below(10));
        let batch: Vec<String> = (*next..end).map(|number| number.to_string()).collect();
        producer.publish(&format!("[{}]", batch.join(",")));
        published.fetch_add(end - *next, Ordering::SeqCst);
        *next = end;
        if end == MESSAGES {
            left.swap_remove(at);
        }
    }
}

fn server_with_streams() -> (Server, Vec<(String, Start)>) {
    let server = Server::start();
    let mut api = Api::new(server.address());
    let places = (0..STREAMS).map(|index| {
        let begin = api.create(&name(index), &[]);
        (name(index), Start::after(&begin))
    });
    let places = places.collect();
    (server, places)
}

/// Over one transport, from the beginning to the end.
fn all_over(transport: Transport) {
    let (server, places) = server_with_streams();
    let mut follower = ManyFollower::open(transport, server.address(), &places).expect("the server accepts");
    let mut received = Received::default();
    std::thread::scope(|scope| {
        scope.spawn(|| publish_all(server.address(), &AtomicUsize::new(0)));
        while !received.is_done() {
            let frame = follower.next(Deadline::patient()).expect("the connection holds");
            received.take(&frame.expect("something comes in time"));
        }
    });
}

#[test]
fn a_hundred_streams_over_poll() {
    all_over(Transport::Poll);
}

#[test]
fn a_hundred_streams_over_long_poll() {
    all_over(Transport::LongPoll);
}

#[test]
fn a_hundred_streams_over_sse() {
    all_over(Transport::Sse);
}

#[test]
fn a_hundred_streams_over_websocket() {
    all_over(Transport::WebSocket);
}

/// After any frame it leaves, and goes on over any transport by the offsets that it has.
fn switch_at_random(address: SocketAddr, mut places: Vec<(String, Start)>, received: &mut Received) -> usize {
    let mut random = Random::seeded(2);
    let mut switches = 0;
    while !received.is_done() {
        let transport = Transport::ALL[random.below(Transport::ALL.len())];
        let frames_max = 1 + random.below(300);
        match follow(address, transport, frames_max, &mut places, received) {
            Ok(()) => switches += 1,
            Err(error) => assert!(error.is_passing(), "{transport}: {error}"),
        }
    }
    switches
}

fn follow(
    address: SocketAddr,
    transport: Transport,
    frames_max: usize,
    places: &mut Vec<(String, Start)>,
    received: &mut Received,
) -> Result<(), FollowError> {
    let mut follower = ManyFollower::open(transport, address, places)?;
    let deadline = Deadline::after(std::time::Duration::from_millis(500));
    for _ in 0..frames_max {
        let Some(frame) = follower.next(deadline)? else { break };
        received.take(&frame);
        follower.places().clone_into(places);
        if received.is_done() {
            break;
        }
    }
    Ok(())
}

#[test]
fn switching_at_any_message_and_three_kills_lose_and_double_nothing() {
    let (mut server, places) = server_with_streams();
    let address = server.address();
    let mut received = Received::default();
    let published = AtomicUsize::new(0);
    let switches = std::thread::scope(|scope| {
        let reader = scope.spawn(|| switch_at_random(address, places, &mut received));
        scope.spawn(|| publish_all(address, &published));
        for kill in 1..=3 {
            eventually("the load goes on", || {
                (kill * STREAMS * MESSAGES / 4 <= published.load(Ordering::SeqCst)).then_some(())
            });
            server.kill_9();
            server.restart();
        }
        reader.join().expect("the reader ends well")
    });
    assert!(received.is_done() && 10 < switches, "{switches} switches");
}
