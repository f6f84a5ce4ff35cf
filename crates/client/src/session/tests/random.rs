//! Random networks: whatever is heard, in whatever order, each message is given once, in order.

use crate::session::script::{Script, broken, hello, live, messages, page};
use crate::session::{Action, AttemptId, Heard};
use crate::{FollowEvent, FollowOptions, Transport, Unreachable, Via};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::time::Duration;
use tidings_model::Start;

/// A server of which every connection breaks, hangs or repeats itself sooner or later.
struct Network {
    random: StdRng,
    tail: u64,
    /// Attempts that brought or may bring something, and where each stands.
    open: Vec<(Transport, AttemptId, u64)>,
}

impl Network {
    fn on_action(&mut self, script: &mut Script, action: &Action) {
        let place = |from: &Start| match from {
            Start::After(offset) => offset.index,
            Start::Beginning | Start::Now | Start::Last(_) => 0,
        };
        match action {
            Action::Poll { id, from, .. } => self.ask(Transport::Poll, *id, place(from)),
            Action::LongPoll { id, from } => self.ask(Transport::LongPoll, *id, place(from)),
            Action::Sse { id, from } => self.ask(Transport::Sse, *id, place(from)),
            Action::WebSocket { id } => {
                if self.random.random_bool(0.7) {
                    script.hear(*id, hello());
                }
            }
            Action::Subscribe { id, from } => self.ask(Transport::WebSocket, *id, place(from)),
            // What was closed may have sent something that is still on its way: it stays.
            Action::Close { .. } => {}
        }
    }

    fn ask(&mut self, transport: Transport, id: AttemptId, from: u64) {
        self.open.retain(|(_, other, _)| *other != id);
        self.open.push((transport, id, from));
    }

    /// Something happens on one of the connections.
    fn step(&mut self, script: &mut Script) {
        self.tail += u64::from(self.random.random_bool(0.3));
        if self.open.is_empty() {
            return;
        }
        let at = self.random.random_range(0..self.open.len());
        let (transport, id, from) = self.open[at];
        let to = self.tail.min(from + self.random.random_range(0..4_u64));
        let heard = match (self.random.random_range(0..20_u32), transport) {
            (0, _) => broken(),
            (1, _) => Heard::lost(Unreachable::Ended),
            (2..=5, _) => return,
            (_, Transport::Poll | Transport::LongPoll) => page(from, to),
            (6..=10, _) if from == self.tail => live(from),
            (_, _) => messages(from, to),
        };
        let is_over = matches!(heard, Heard::Lost(_) | Heard::Page(_));
        script.hear(id, heard);
        if is_over {
            self.open.swap_remove(at);
        } else {
            self.open[at].2 = to;
        }
    }
}

#[test]
fn every_message_is_given_once_in_order_on_any_network() {
    let vias = [Via::Auto, Via::Poll { every: None }, Via::LongPoll, Via::Sse, Via::WebSocket];
    for (seed, via) in (0..40).flat_map(|seed| vias.map(|via| (seed, via))) {
        let options = FollowOptions { via, start: Start::Beginning, wait_for_stream: false };
        let mut script = Script::with(options, seed);
        let mut network = Network { random: StdRng::seed_from_u64(seed), tail: 5, open: Vec::new() };
        let mut given = Vec::new();
        for _ in 0..600 {
            for action in script.actions() {
                network.on_action(&mut script, &action);
            }
            network.step(&mut script);
            let ms = network.random.random_range(0..400);
            script.pass(Duration::from_millis(ms));
            for event in script.all_events() {
                match event {
                    FollowEvent::Messages(messages) => {
                        given.extend(messages.iter().map(|message| message.offset.index));
                    }
                    FollowEvent::Live { .. } | FollowEvent::Status(_) => {}
                    FollowEvent::Skipped(_) | FollowEvent::Reset(_) | FollowEvent::Closed { .. } => {
                        panic!("{event:?}")
                    }
                }
            }
        }
        let expected: Vec<u64> = (1..=given.len() as u64).collect();
        assert_eq!(given, expected, "{via:?}, seed {seed}");
        assert!(20 < given.len(), "{via:?}, seed {seed}: only {}", given.len());
    }
}
