//! A turn of a session: gives up who is silent, and starts what should be running and is not.

use super::attempt::{Attempt, Phase};
use super::{Action, AttemptId, Place, Session};
use crate::{Failure, Transport, Unreachable, Via};
use std::time::Instant;
use tidings_model::Start;

impl Session {
    /// When the next turn is due, if nothing is heard before.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        if self.end.is_some() {
            return None;
        }
        if self.is_turn_due {
            return Some(self.now);
        }
        let of_attempts = self.attempts.iter().flat_map(|attempt| {
            [attempt.silence_ends(), attempt.patience_ends(), attempt.rest_ends()].into_iter().flatten()
        });
        // What was due before `now` has been done in that turn, or waits for one of the others.
        of_attempts
            .chain([self.pause_until])
            .chain(self.ladder.next_open(self.now))
            .filter(|at| self.now < *at)
            .min()
    }

    pub(super) fn take_turn(&mut self, now: Instant) {
        self.now = now;
        self.is_turn_due = false;
        if self.end.is_some() {
            return;
        }
        self.give_up_silent(now);
        if self.end.is_some() || now < self.pause_until {
            return;
        }
        self.ask_rested(now);
        self.walk_down(now);
        self.keep_polling(now);
    }

    fn give_up_silent(&mut self, now: Instant) {
        let is_silent = |attempt: &&Attempt| attempt.silence_ends().is_some_and(|ends| ends <= now);
        while let Some(silent) = self.attempts.iter().find(is_silent) {
            let silence = silent.silence_max().unwrap_or_default();
            self.on_lost(silent.id, Failure::Unreachable(Unreachable::Silent(silence)), now);
        }
    }

    /// Polls and long polls ask again after each answer.
    fn ask_rested(&mut self, now: Instant) {
        let is_rested = |attempt: &&Attempt| attempt.rest_ends().is_some_and(|ends| ends <= now);
        while let Some(rested) = self.attempts.iter().find(is_rested) {
            self.ask(rested.id, now);
        }
    }

    /// Starts the best transport that may be tried; where that is slow to show something, the next one beside
    /// it.
    fn walk_down(&mut self, now: Instant) {
        for transport in self.ladder.open(now) {
            let running = self.attempts.iter().find(|it| it.transport == transport && !it.is_leaving);
            match running.map(|attempt| (attempt.id, attempt.phase, attempt.patience_ends())) {
                Some((id, Phase::Greeted, _)) if self.is_place_known_for(transport) => {
                    return self.ask(id, now);
                }
                Some((_, _, Some(patience_ends))) if patience_ends <= now => {}
                None if transport == Transport::WebSocket || self.is_place_known_for(transport) => {
                    return self.start(transport, now);
                }
                Some(_) | None => return,
            }
        }
    }

    /// Polls while nothing live works, and where only a plain answer can say what offset `now` is.
    fn keep_polling(&mut self, now: Instant) {
        let is_wanted = match self.options.via {
            Via::Auto | Via::Poll { .. } => true,
            Via::LongPoll => matches!(self.place, Place::Asked(_)),
            Via::Sse | Via::WebSocket => false,
        };
        if !is_wanted || self.attempts.iter().any(Attempt::is_live) {
            return;
        }
        if !self.attempts.iter().any(|it| it.transport == Transport::Poll && !it.is_leaving) {
            self.start(Transport::Poll, now);
        }
    }

    /// Whether a live transport may begin. SSE and WebSocket say at once what offset `now` is; a held request
    /// does not, so that what is published after a break would be missed. And of several transports
    /// only one may turn `now` into an offset.
    fn is_place_known_for(&self, transport: Transport) -> bool {
        match (self.place, self.options.via, transport) {
            (Place::At(_), _, _)
            | (Place::Asked(_), Via::Sse, Transport::Sse)
            | (Place::Asked(_), Via::WebSocket, Transport::WebSocket) => true,
            (Place::Asked(_), _, _) => false,
        }
    }

    fn start(&mut self, transport: Transport, now: Instant) {
        let id = AttemptId(self.next_id);
        self.next_id += 1;
        self.attempts.push(Attempt::new(id, transport, now));
        match transport {
            Transport::WebSocket => self.actions.push_back(Action::WebSocket { id }),
            Transport::Poll | Transport::Sse => self.ask(id, now),
            Transport::LongPoll => {
                self.ask(id, now);
                // A plain read was answered, and the first answer may take as long as it is held: taken on
                // trust.
                self.on_live(id, now);
            }
        }
    }

    /// Asks for what comes after the place.
    fn ask(&mut self, id: AttemptId, now: Instant) {
        let from = self.place.start();
        let attempt = self.attempt(id);
        attempt.on_asked(from, now);
        let action = match attempt.transport {
            Transport::Poll => Action::Poll { id, from, etag: self.etag_for(from) },
            Transport::LongPoll => Action::LongPoll { id, from },
            Transport::Sse => Action::Sse { id, from },
            Transport::WebSocket => Action::Subscribe { id, from },
        };
        self.actions.push_back(action);
    }

    fn etag_for(&self, from: Start) -> Option<String> {
        let (offset, etag) = self.etag.as_ref()?;
        (from == Start::After(*offset)).then(|| etag.clone())
    }
}
