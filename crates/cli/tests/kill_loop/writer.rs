//! Who writes: one thing after another over one connection, until the server is killed; then the unanswered one first.

use crate::action::{Action, Identity, Publish};
use crate::place::Place;
use crate::streams::Streams;
use crate::truth::Truth;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tidings_testkit::{Api, Random, Request, Response, pause};

const BATCH_MAX: usize = 3;
/// Between two requests, so that all writers together write several megabytes a second, but not all that the disk takes.
const BREATH_MAX: Duration = Duration::from_millis(5);

/// Whether an answer may say that it was done before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    First,
    Again,
}

/// One writer and what it remembers.
pub(crate) struct Writer {
    index: usize,
    random: Random,
    /// Asked for, and not answered.
    under_way: Option<Action>,
    /// The next sequence of its producer, by stream.
    sequences: HashMap<usize, u64>,
    /// The last publish that was acknowledged, by stream, of its producer and of its keys.
    last: HashMap<(usize, bool), Publish>,
    messages_count: u64,
    keys_count: u64,
    stored_count: u64,
    /// How often a publish without an answer turned out to be stored.
    found_count: u64,
    /// How often an acknowledged one was asked for again.
    repeated_count: u64,
}

impl Writer {
    pub(crate) fn new(index: usize, seed: u64) -> Writer {
        Writer {
            index,
            random: Random::seeded(seed.wrapping_add(1 + index as u64)),
            under_way: None,
            sequences: HashMap::new(),
            last: HashMap::new(),
            messages_count: 0,
            keys_count: 0,
            stored_count: 0,
            found_count: 0,
            repeated_count: 0,
        }
    }

    pub(crate) fn under_way(&self) -> Option<&Action> {
        self.under_way.as_ref()
    }

    pub(crate) fn stored_count(&self) -> u64 {
        self.stored_count
    }

    pub(crate) fn report(&self) -> String {
        format!(
            "writer {}: {} publishes, {} of them found after a kill, {} asked for again",
            self.index, self.stored_count, self.found_count, self.repeated_count
        )
    }

    /// Writes until the connection is lost, which may only happen by the kill.
    pub(crate) fn write_until_killed(&mut self, address: SocketAddr, streams: &Streams, killed: &AtomicBool) {
        let mut api = Api::new(address);
        loop {
            let outcome = match self.random.below(10) {
                0 => self.look(&mut api, streams),
                1 if self.under_way.is_none() => self.repeat(&mut api, streams),
                _ => self.change(&mut api, streams),
            };
            if let Err(error) = outcome {
                assert!(killed.load(Ordering::SeqCst), "the connection was lost before the kill: {error}");
                return;
            }
            pause(self.random.duration(Duration::ZERO, BREATH_MAX));
        }
    }

    /// Brings to an end what is under way.
    pub(crate) fn settle(&mut self, address: SocketAddr, streams: &Streams) {
        if self.under_way.is_some() {
            self.change(&mut Api::new(address), streams).unwrap();
        }
    }

    /// Asks again for the last publishes to all streams.
    pub(crate) fn repeat_all(&mut self, address: SocketAddr, streams: &Streams) {
        let mut api = Api::new(address);
        for publish in self.last.clone().into_values() {
            self.ask(&mut api, streams, Action::Publish(publish), Asked::Again).unwrap();
        }
    }

    /// Asks where a stream begins and ends.
    fn look(&mut self, api: &mut Api, streams: &Streams) -> io::Result<()> {
        let stream = streams.at(self.random.below(Streams::SHARED));
        let answer = api.ask(&Request::new("HEAD", stream.path()))?;
        assert_eq!(answer.status, 200, "{}", stream.name);
        let [earliest, tail] =
            ["stream-earliest-offset", "stream-next-offset"].map(|name| Place::of(&answer, name));
        stream.truth().on_told(&earliest, &tail);
        Ok(())
    }

    fn change(&mut self, api: &mut Api, streams: &Streams) -> io::Result<()> {
        match self.under_way.take() {
            Some(action) => self.ask(api, streams, action, Asked::Again),
            None => {
                let action = self.choose(streams);
                self.ask(api, streams, action, Asked::First)
            }
        }
    }

    fn ask(&mut self, api: &mut Api, streams: &Streams, action: Action, asked: Asked) -> io::Result<()> {
        let request = action.request(streams);
        self.under_way = Some(action.clone());
        let answer = api.ask(&request)?;
        self.under_way = None;
        let mut truth = streams.at(action.stream()).truth();
        match action {
            Action::Create { .. } => {
                assert!(answer.status == 201 || asked == Asked::Again && answer.status == 200, "{answer:?}");
                truth.on_created(&Place::of(&answer, "stream-next-offset"));
            }
            Action::Delete { stream } => {
                let is_there = truth.incarnation.is_some();
                let was_there = is_there && answer.status == 204;
                assert!(was_there || asked == Asked::Again && answer.status == 404, "{answer:?}");
                truth.on_deleted();
                self.forget(stream);
            }
            Action::Publish(publish) => self.on_published(publish, asked, &answer, &mut truth),
        }
        Ok(())
    }

    fn on_published(&mut self, mut publish: Publish, asked: Asked, answer: &Response, truth: &mut Truth) {
        let is_duplicate = answer.header("stream-duplicate") == Some("true");
        let status = if is_duplicate { 204 } else { publish.identity.stored_status() };
        assert_eq!(answer.status, status, "{publish:?}: {}", answer.text());
        assert!(!is_duplicate || asked == Asked::Again, "said to be a duplicate: {publish:?}");
        assert!(is_duplicate || !truth.knows(publish.numbers[0]), "stored again: {publish:?}");
        let end = Place::of(answer, "stream-next-offset");
        truth.on_stored(&publish.numbers, &end);
        match publish.end.replace(end.index) {
            Some(before) => {
                assert_eq!(end.index, before, "another offset than before: {publish:?}");
                self.repeated_count += 1;
            }
            None => {
                self.stored_count += 1;
                self.found_count += u64::from(is_duplicate);
            }
        }
        self.last.insert((publish.stream, publish.identity.is_key()), publish);
    }

    /// What to do next, when nothing is under way.
    fn choose(&mut self, streams: &Streams) -> Action {
        let own = Streams::own(self.index);
        let stream = Some(self.random.below(Streams::SHARED + 2)).filter(|it| *it < Streams::SHARED);
        let stream = stream.unwrap_or(own);
        if streams.at(stream).truth().incarnation.is_none() {
            Action::Create { stream }
        } else if stream == own && self.random.below(20) == 0 {
            Action::Delete { stream }
        } else {
            Action::Publish(self.new_publish(stream))
        }
    }

    /// Asks again for a publish that was acknowledged, perhaps by a process that was killed since.
    fn repeat(&mut self, api: &mut Api, streams: &Streams) -> io::Result<()> {
        let which = (self.random.below(Streams::SHARED), self.random.below(2) == 0);
        let Some(publish) = self.last.get(&which).cloned() else { return Ok(()) };
        self.ask(api, streams, Action::Publish(publish), Asked::Again)
    }

    fn new_publish(&mut self, stream: usize) -> Publish {
        let numbers = (0..=self.random.below(BATCH_MAX)).map(|_| self.new_number()).collect();
        let identity = if self.random.below(8) == 0 {
            self.keys_count += 1;
            Identity::Key(format!("{}-{}", self.index, self.keys_count))
        } else {
            let next = self.sequences.entry(stream).or_default();
            *next += 1;
            Identity::Producer { id: format!("writer-{}", self.index), seq: *next - 1 }
        };
        Publish { stream, identity, numbers, end: None }
    }

    /// A number that no other message of any writer has.
    fn new_number(&mut self) -> u64 {
        self.messages_count += 1;
        (self.index as u64) << 32 | self.messages_count
    }

    fn forget(&mut self, stream: usize) {
        self.sequences.remove(&stream);
        self.last.retain(|(of, _), _| *of != stream);
    }
}
