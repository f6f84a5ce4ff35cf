//! A turn of a session: gives up who is silent, and starts what should be running and is not.

use super::attempt::{Attempt, Standing};
use super::stream::Stream;
use super::{Action, AttemptId, Place, Question, Session};
use crate::{Failure, Transport, Unreachable, Via};
use std::time::Instant;

impl Session {
    /// When the next turn is due, if nothing is heard before.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        if self.is_turn_due {
            return Some(self.now);
        }
        if self.is_paused || self.streams.is_empty() {
            return None;
        }
        let of_attempts = self.attempts.iter().flat_map(|attempt| {
            let patience = attempt.live.is_none().then(|| attempt.patience_ends(&self.timing));
            [attempt.silence_ends(&self.timing), patience, attempt.rest_until].into_iter().flatten()
        });
        // What was due before the last turn has been done in it, or waits for one of the others. (Not: before `now`.
        // Not everything that is heard is followed by a turn.)
        of_attempts
            .chain([self.wait_until])
            .chain(self.bars.ends())
            .chain(self.streams.iter().filter_map(|stream| stream.retry_at))
            .filter(|at| self.turned < *at)
            .min()
    }

    pub(super) fn take_turn(&mut self) {
        self.is_turn_due = false;
        self.turned = self.now;
        if self.is_paused || self.streams.is_empty() {
            self.connected = None;
            return self.close_where(|_| true);
        }
        self.give_up_silent();
        self.follow_changes();
        self.keep_polling();
        self.walk_down();
        self.tell_connected();
    }

    fn give_up_silent(&mut self) {
        let now = self.now;
        let is_silent = |attempt: &&Attempt, session: &Session| {
            attempt.silence_ends(&session.timing).is_some_and(|ends| ends <= now)
        };
        while let Some(silent) = self.attempts.iter().find(|attempt| is_silent(attempt, self)) {
            let id = silent.id;
            let silence = now.saturating_duration_since(silent.heard);
            self.actions.push_back(Action::Close { id });
            self.on_failure(id, Failure::Unreachable(Unreachable::Silent(silence)));
        }
    }

    /// What is followed is made what is wanted.
    fn follow_changes(&mut self) {
        let ids: Vec<AttemptId> = self.attempts.iter().map(|attempt| attempt.id).collect();
        for id in ids {
            let Some(attempt) = self.find(id) else { continue };
            match attempt.transport {
                _ if attempt.is_leaving => {}
                Transport::WebSocket if attempt.is_greeted => self.subscribe(id),
                Transport::Sse => self.renew_sse(id),
                Transport::LongPoll => self.renew_long_poll(id),
                Transport::WebSocket | Transport::Poll => {}
            }
        }
    }

    /// Subscribes a WebSocket to each stream as soon as it may ask for it.
    fn subscribe(&mut self, id: AttemptId) {
        let now = self.now;
        let attempt = self.attempts.iter().find(|attempt| attempt.id == id).expect("the caller looked");
        let wanted = |stream: &&Stream| {
            !attempt.lists(&stream.name) && stream.is_due(now) && self.may_ask(stream, Some(id))
        };
        let wanted: Vec<_> =
            self.streams.iter().filter(wanted).map(|stream| (stream.name.clone(), stream.place)).collect();
        let attempt = self.attempts.iter_mut().find(|attempt| attempt.id == id).expect("the caller looked");
        for (stream, place) in wanted {
            if attempt.listed.is_empty() {
                attempt.asked = now;
                attempt.heard = now;
            }
            attempt.listed.insert(stream.clone(), Standing::Reached(place.offset()));
            self.actions.push_back(Action::Subscribe { id, stream, from: place.start() });
        }
    }

    /// The list of an event stream can't be changed: a new one is opened beside it.
    fn renew_sse(&mut self, id: AttemptId) {
        let attempt = self.attempts.iter().find(|attempt| attempt.id == id).expect("the caller looked");
        let is_short = self.listed().any(|stream| !attempt.lists(&stream.name));
        if attempt.listed.is_empty() || (is_short && attempt.live.is_none()) {
            self.close_where(|attempt| attempt.id == id);
        } else if is_short {
            self.attempt(id).is_leaving = true;
        }
    }

    /// A long poll is asked again when it has rested, or when there is more to ask for.
    fn renew_long_poll(&mut self, id: AttemptId) {
        let attempt = self.attempts.iter().find(|attempt| attempt.id == id).expect("the caller looked");
        let list: Vec<&Stream> = self.listed().filter(|stream| self.may_ask(stream, Some(id))).collect();
        let is_short = list.iter().any(|stream| !attempt.lists(&stream.name));
        let is_rested = attempt.rest_until.is_some_and(|until| until <= self.now);
        if list.is_empty() || self.timing.streams_max < list.len() {
            self.close_where(|attempt| attempt.id == id);
        } else if is_short || is_rested {
            let question = question(list);
            self.ask(id, question);
        }
    }

    /// Polls while nothing live works, and for streams that are in trouble.
    fn keep_polling(&mut self) {
        let poll = self.attempts.iter().find(|it| it.transport == Transport::Poll && !it.is_leaving);
        let polled: Vec<&Stream> = self.streams.iter().filter(|stream| self.is_polled(stream)).collect();
        let is_nobody_polled = polled.is_empty();
        let poll_id = poll.map(|poll| poll.id);
        let is_due = |stream: &&Stream| stream.is_due(self.now) && self.may_ask(stream, poll_id);
        let mut due: Vec<&Stream> = polled.into_iter().filter(is_due).collect();
        if self.timing.streams_max < due.len() {
            // One question holds only so many: the next one takes those that have waited longest.
            due.sort_by_key(|stream| stream.polled_at);
            due.truncate(self.timing.streams_max);
        }
        let Some(poll) = poll else {
            if !due.is_empty() && self.wait_until <= self.now {
                let question = question(due);
                self.open(Transport::Poll, question);
            }
            return;
        };
        let Some(rest_until) = poll.rest_until else { return }; // It is under way.
        let id = poll.id;
        if is_nobody_polled {
            self.close_where(|attempt| attempt.id == id);
        } else if due.iter().any(|stream| rest_until <= self.now || stream.polled_at.is_none()) {
            let question = question(due);
            self.ask(id, question);
        }
    }

    fn is_polled(&self, stream: &Stream) -> bool {
        let is_followed = |attempt: &Attempt| {
            attempt.is_live() && (attempt.transport == Transport::WebSocket || attempt.lists(&stream.name))
        };
        let is_asked_for = stream.troubles != 0 && self.via != Via::WebSocket;
        (is_asked_for || self.is_open(Transport::Poll)) && !self.attempts.iter().any(is_followed)
    }

    /// Starts the best transport that may be tried; where that is slow to show something, the next one beside
    /// it.
    fn walk_down(&mut self) {
        if self.now < self.wait_until {
            return;
        }
        for transport in [Transport::WebSocket, Transport::Sse, Transport::LongPoll] {
            if !self.is_open(transport) {
                continue;
            }
            let running = self.attempts.iter().find(|it| it.transport == transport && !it.is_leaving);
            if running.is_some_and(|it| it.live.is_none() && it.patience_ends(&self.timing) <= self.now) {
                continue;
            }
            let is_running = running.is_some();
            if transport == Transport::WebSocket {
                if !is_running {
                    self.open(transport, Vec::new());
                }
                return;
            }
            let list: Vec<&Stream> = self.listed().collect();
            if self.timing.streams_max < list.len() {
                continue;
            }
            let may_open = !list.is_empty() && list.iter().all(|stream| self.may_ask(stream, None));
            if !is_running && may_open {
                let question = question(list);
                self.open(transport, question);
            }
            return;
        }
    }

    pub(super) fn is_open(&self, transport: Transport) -> bool {
        self.via.allows(transport) && !self.bars.is_barred(transport, self.now, self.is_hidden)
    }

    /// The streams that SSE and long polls follow.
    fn listed(&self) -> impl Iterator<Item = &Stream> {
        self.streams.iter().filter(|stream| stream.troubles == 0)
    }

    /// Whether this attempt may ask for the stream: of several, only one may turn `now` into an offset.
    fn may_ask(&self, stream: &Stream, id: Option<AttemptId>) -> bool {
        let is_asked_by =
            |other: &Attempt| Some(other.id) != id && !other.is_leaving && other.lists(&stream.name);
        matches!(stream.place, Place::At(_)) || !self.attempts.iter().any(is_asked_by)
    }

    fn open(&mut self, transport: Transport, streams: Question) {
        self.last_id += 1;
        let id = AttemptId(self.last_id);
        self.attempts.push(Attempt::new(id, transport, self.now));
        self.note(id, &streams);
        self.actions.push_back(Action::Open { id, transport, streams });
        if transport == Transport::LongPoll {
            // Taken on trust: a plain read was answered, and its first answer may take as long as it is held.
            self.on_proof(id);
        }
    }

    fn ask(&mut self, id: AttemptId, streams: Question) {
        self.note(id, &streams);
        self.actions.push_back(Action::Ask { id, streams });
    }

    /// Notes what an attempt is asked for.
    fn note(&mut self, id: AttemptId, question: &Question) {
        let now = self.now;
        let attempt = self.attempt(id);
        attempt.on_asked(question, now);
        if attempt.transport == Transport::Poll {
            for (stream, _) in question {
                if let Some(stream) = self.streams.get_mut(stream) {
                    stream.polled_at = Some(now);
                }
            }
        }
    }
}

/// Asks for streams, each from its place.
fn question(streams: Vec<&Stream>) -> Question {
    streams.into_iter().map(|stream| (stream.name.clone(), stream.place.start())).collect()
}
