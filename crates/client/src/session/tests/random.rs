//! Random networks: whatever is heard, in whatever order, each message is given once, in order.

use crate::backoff::Chance;
use crate::session::script::{Script, broken, hello, message, name, offset, page};
use crate::session::{Action, AttemptId, Event, Heard, StreamEvent};
use crate::{Timing, Transport, Unreachable, Via};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;
use std::time::Duration;
use tidings_model::{Start, StreamName};
use tidings_protocol::websocket::server_message::ServerMessage;

const STREAMS: [&str; 3] = ["a", "b", "c"];

/// A server of which every connection breaks, hangs or repeats itself sooner or later.
struct Network {
    random: StdRng,
    tails: BTreeMap<String, u64>,
    /// Attempts that brought or may bring something.
    open: Vec<Connection>,
}

struct Connection {
    transport: Transport,
    id: AttemptId,
    /// Where it stands in each stream.
    places: BTreeMap<String, u64>,
}

impl Network {
    fn new(seed: u64) -> Network {
        let tails = STREAMS.map(|stream| (stream.to_owned(), 5)).into();
        Network { random: StdRng::seed_from_u64(seed), tails, open: Vec::new() }
    }

    fn on_action(&mut self, script: &mut Script, action: Action) {
        match action {
            Action::Open { id, transport: Transport::WebSocket, .. } => {
                self.ask(Transport::WebSocket, id, &[]);
                if self.random.random_bool(0.7) {
                    script.hear(id, Heard::Frames(vec![hello(Duration::from_secs(25))]));
                }
            }
            Action::Open { id, transport, streams } => self.ask(transport, id, &streams),
            Action::Ask { id, streams } => {
                if let Some(transport) = script.session.transport(id) {
                    self.ask(transport, id, &streams);
                }
            }
            Action::Subscribe { id, stream, from } => {
                if let Some(open) = self.open.iter_mut().find(|open| open.id == id) {
                    open.places.insert(stream.to_string(), place(from));
                }
            }
            Action::Unsubscribe { id, stream } => {
                if let Some(open) = self.open.iter_mut().find(|open| open.id == id) {
                    open.places.remove(stream.as_str());
                    script.hear(id, Heard::Frames(vec![ServerMessage::Unsubscribed { stream }]));
                }
            }
            // What was closed may have sent something that is still on its way: it stays.
            Action::Ping { .. } | Action::Close { .. } => {}
        }
    }

    fn ask(&mut self, transport: Transport, id: AttemptId, streams: &[(StreamName, Start)]) {
        self.open.retain(|open| open.id != id);
        let places = streams.iter().map(|(stream, start)| (stream.to_string(), place(*start))).collect();
        self.open.push(Connection { transport, id, places });
    }

    /// Something happens on one of the connections.
    fn step(&mut self, script: &mut Script) {
        for tail in self.tails.values_mut() {
            *tail += u64::from(self.random.random_bool(0.3));
        }
        if self.open.is_empty() {
            return;
        }
        let at = self.random.random_range(0..self.open.len());
        let chance = self.random.random_range(0..20_u32);
        let Connection { transport, id, .. } = self.open[at];
        let heard = match (chance, transport) {
            (0, _) => broken(),
            (1, _) => Heard::Lost(Unreachable::Ended.into()),
            (2..=5, _) => return,
            (_, Transport::Poll | Transport::LongPoll) => page(self.frames(at)),
            (_, Transport::Sse | Transport::WebSocket) => Heard::Frames(self.frames(at)),
        };
        let is_over = matches!(heard, Heard::Lost(_) | Heard::Page(_));
        script.hear(id, heard);
        if is_over {
            self.open.retain(|open| open.id != id);
        }
    }

    /// Some of the next messages of each stream, and perhaps that these are all.
    fn frames(&mut self, at: usize) -> Vec<ServerMessage> {
        let mut frames = Vec::new();
        for (stream, place) in &mut self.open[at].places {
            let tail = self.tails[stream];
            let to = tail.min(*place + self.random.random_range(0..4_u64));
            frames.extend((*place + 1..=to).map(|index| message(stream, offset(index))));
            if to == tail {
                frames.push(ServerMessage::Live { stream: name(stream), offset: offset(to) });
            }
            *place = to;
        }
        frames
    }
}

fn place(start: Start) -> u64 {
    match start {
        Start::After(offset) => offset.index,
        Start::Beginning | Start::Now | Start::Last(_) => 0,
    }
}

/// Notes what is given; everything else that ends something is a mistake.
fn note(given: &mut BTreeMap<String, Vec<u64>>, event: Event) {
    let Event::Stream(stream, event) = event else { return };
    match event {
        StreamEvent::Messages(messages) => {
            let indexes = messages.iter().map(|message| message.offset.index);
            given.entry(stream.to_string()).or_default().extend(indexes);
        }
        StreamEvent::Live { .. } => {}
        StreamEvent::Skipped(_)
        | StreamEvent::Missing { .. }
        | StreamEvent::Reset(_)
        | StreamEvent::Closed { .. }
        | StreamEvent::NotFound
        | StreamEvent::Failed(_) => panic!("{event:?}"),
    }
}

fn is_in_order(given: &[u64]) -> bool {
    given.iter().copied().eq(1..=given.len() as u64)
}

#[test]
fn every_message_is_given_once_in_order_on_any_network() {
    let vias = [Via::Auto, Via::Poll { every: None }, Via::LongPoll, Via::Sse, Via::WebSocket];
    for (seed, via) in (0..40).flat_map(|seed| vias.map(|via| (seed, via))) {
        let mut script = Script::new(via, Timing::default(), Chance::new(seed));
        let mut network = Network::new(seed);
        let mut given = BTreeMap::new();
        for stream in STREAMS {
            script.session.on_want(name(stream), Start::Beginning, false);
        }
        for _ in 0..600 {
            let ms = network.random.random_range(0..400);
            script.pass(Duration::from_millis(ms));
            for action in script.actions() {
                network.on_action(&mut script, action);
            }
            network.step(&mut script);
            script.events().into_iter().for_each(|event| note(&mut given, event));
        }
        for (stream, given) in given {
            assert!(is_in_order(&given), "{via:?}, seed {seed}, {stream}: {given:?}");
            assert!(20 < given.len(), "{via:?}, seed {seed}, {stream}: only {}", given.len());
        }
    }
}

#[test]
fn streams_and_transports_may_change_at_any_time() {
    let vias = [Via::Auto, Via::Poll { every: None }, Via::LongPoll, Via::Sse, Via::WebSocket];
    for seed in 0..60 {
        let mut script = Script::new(Via::Auto, Timing::default(), Chance::new(seed));
        let mut network = Network::new(seed);
        let mut given: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for _ in 0..900 {
            let stream = STREAMS[network.random.random_range(0..STREAMS.len())];
            match network.random.random_range(0..60_u32) {
                0 => script.session.on_drop(&name(stream)),
                1..=3 => {
                    let place = given.get(stream).map_or(0, |given| given.len() as u64);
                    script.session.on_want(name(stream), Start::After(offset(place)), false);
                }
                4 => {
                    let via = vias[network.random.random_range(0..vias.len())];
                    script.session.on_via(via, script.now);
                }
                5 => script.session.on_wake(script.now),
                6 => script.session.on_pause(script.now),
                7 => script.session.on_resume(script.now),
                8 => script.session.on_hidden(),
                9 => script.session.on_shown(script.now),
                _ => {}
            }
            script.pass(Duration::from_millis(network.random.random_range(0..400)));
            for action in script.actions() {
                network.on_action(&mut script, action);
            }
            network.step(&mut script);
            script.events().into_iter().for_each(|event| note(&mut given, event));
        }
        for (stream, given) in given {
            assert!(is_in_order(&given), "seed {seed}, {stream}: {given:?}");
        }
    }
}
