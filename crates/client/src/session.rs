//! A follow without I/O: which transport to use, when to try again, what to give to the user.
//!
//! Takes what the transports hear and `now`; is asked for actions, events and the time of its next turn.
//! Knows no socket, timer, clock or task.
//!
//! ```text
//!                    Action                     Heard
//!   poll_action() ─────────────► transports ─────────────► on_heard(id, heard, now)
//!   poll_timeout() ────────────► a timer ────────────────► on_time(now)
//!   poll_event() ──────────────► the user
//! ```
//!
//! Several attempts may run at once: a plain read while a WebSocket is dialled, SSE beside a slow WebSocket,
//! a better transport beside the one that works. All of them may bring messages, and [`Place`] gives each
//! message once. An attempt that proves itself ends those that are no better.

mod action;
mod attempt;
mod ladder;
mod loss;
mod place;
#[cfg(test)]
pub(crate) mod script;
#[cfg(test)]
mod tests;
mod turn;

pub(crate) use action::{Action, AttemptId, Heard};
pub(crate) use attempt::HOLD;

use crate::backoff::Backoff;
use crate::{
    Failure, FollowError, FollowEvent, FollowOptions, Malformed, Message, Page, Status, Transport, Via,
};
use attempt::{Attempt, Phase};
use ladder::Ladder;
use place::Place;
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use tidings_model::{Offset, Reset, Skip};

/// The state of one follow.
#[derive(Debug)]
pub(crate) struct Session {
    options: FollowOptions,
    place: Place,
    /// Whether the user was told that everything stored was given, and nothing has happened to it since.
    is_caught_up: bool,
    ladder: Ladder,
    attempts: Vec<Attempt>,
    next_id: u64,
    backoff: Backoff,
    /// Nothing new is tried before.
    pause_until: Instant,
    /// When anything was last heard of the server.
    heard: Instant,
    /// The time of the last turn.
    now: Instant,
    /// Something has changed since then: the next turn is due at once.
    is_turn_due: bool,
    /// The transport that the user was told of.
    connected: Option<Transport>,
    /// Whether anything was ever heard that is the protocol.
    has_spoken: bool,
    /// `ETag` of the last poll, for the place where it ended.
    etag: Option<(Offset, String)>,
    actions: VecDeque<Action>,
    events: VecDeque<FollowEvent>,
    end: Option<FollowError>,
}

impl Session {
    /// How long between two polls when neither user nor server says.
    pub(crate) const POLL_INTERVAL: Duration = Duration::from_secs(2);

    /// How long between two polls at least, whoever asks for less.
    pub(crate) const POLL_INTERVAL_MIN: Duration = Duration::from_millis(10);

    /// How long between two polls, at most, that bridge the time until a live transport works.
    pub(crate) const BRIDGE_INTERVAL_MAX: Duration = Duration::from_secs(1);

    /// How long between two looks for a stream that does not exist yet, at most.
    pub(crate) const WAIT_FOR_STREAM_MAX: Duration = Duration::from_secs(2);

    /// A long poll that is answered sooner without news was not held: the next one waits for so long.
    pub(crate) const HELD_MIN: Duration = Duration::from_secs(1);

    /// A follow that begins with its first turn. `seed` decides all that is random.
    pub(crate) fn new(options: FollowOptions, seed: u64, now: Instant) -> Session {
        Session {
            options,
            place: Place::new(options.start),
            is_caught_up: false,
            ladder: Ladder::new(options.via),
            attempts: Vec::new(),
            next_id: 0,
            backoff: Backoff::new(seed),
            pause_until: now,
            heard: now,
            now,
            is_turn_due: true,
            connected: None,
            has_spoken: false,
            etag: None,
            actions: VecDeque::new(),
            events: VecDeque::new(),
            end: None,
        }
    }

    /// Goes on after a reset, or anywhere else, from `offset`.
    pub(crate) fn resume_at(&mut self, offset: Offset, now: Instant) {
        self.close_all();
        self.events.clear();
        self.place = Place::At(offset);
        self.is_caught_up = false;
        self.end = None;
        self.backoff.on_success();
        self.pause_until = now;
        self.now = now;
        self.is_turn_due = true;
    }

    /// A transport has heard something.
    pub(crate) fn on_heard(&mut self, id: AttemptId, heard: Heard, now: Instant) {
        let Some(attempt) = self.attempts.iter_mut().find(|attempt| attempt.id == id) else {
            return; // Given up meanwhile.
        };
        if !matches!(heard, Heard::Lost(_)) {
            attempt.heard = now;
            self.heard = now;
        }
        self.on_heard_of(id, heard, now);
        self.take_turn(now);
    }

    /// Time has passed.
    pub(crate) fn on_time(&mut self, now: Instant) {
        self.take_turn(now);
    }

    /// The machine has slept: whatever was connected may be dead without a sign, so a new connection is made
    /// beside it.
    pub(crate) fn on_wake(&mut self, now: Instant) {
        for attempt in &mut self.attempts {
            attempt.is_leaving = true;
        }
        self.backoff.on_success();
        self.pause_until = now;
        self.take_turn(now);
    }

    /// The next thing to do.
    pub(crate) fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// The next event for the user.
    pub(crate) fn poll_event(&mut self) -> Option<FollowEvent> {
        self.events.pop_front()
    }

    /// Why there will be no more events, once there are none.
    pub(crate) fn end(&self) -> Option<&FollowError> {
        self.end.as_ref()
    }

    /// The place after the last message that was given; `None` before the first answer.
    pub(crate) fn offset(&self) -> Option<Offset> {
        match self.place {
            Place::Asked(_) => None,
            Place::At(offset) => Some(offset),
        }
    }

    fn on_heard_of(&mut self, id: AttemptId, heard: Heard, now: Instant) {
        match heard {
            Heard::Bytes => {}
            Heard::Hello { heartbeat } => self.on_hello(id, heartbeat, now),
            Heard::Messages(messages) => {
                self.on_live(id, now);
                self.on_messages(id, messages, now);
            }
            Heard::At { offset, up_to_date } => {
                self.on_live(id, now);
                if self.on_reached(id, offset, now) && up_to_date {
                    self.on_up_to_date(offset);
                }
            }
            Heard::Skipped(skip) => {
                self.on_live(id, now);
                self.on_skipped(id, skip, now);
            }
            Heard::Page(page) => self.on_page(id, page, now),
            Heard::Retry(window) => {
                self.on_live(id, now);
                self.backoff.on_window(window);
            }
            Heard::Drain { within } => self.on_drain(id, within, now),
            Heard::Reset(reset) => self.on_reset(id, reset),
            Heard::Closed { offset } => {
                if self.on_reached(id, offset, now) {
                    self.end_closed(offset);
                }
            }
            Heard::Missing => self.on_missing(id, now),
            Heard::Lost(failure) => self.on_lost(id, failure, now),
        }
    }

    fn on_hello(&mut self, id: AttemptId, heartbeat: Duration, now: Instant) {
        self.attempt(id).on_hello(heartbeat, now);
    }

    /// Something of ours came through a live transport: those that are no better have done their part.
    fn on_live(&mut self, id: AttemptId, now: Instant) {
        let attempt = self.attempt(id);
        let transport = attempt.transport;
        if transport == Transport::Poll || attempt.is_leaving {
            return;
        }
        attempt.on_live(now);
        self.close_where(|other| other.id != id && other.transport <= transport);
        self.tell_connected(transport);
    }

    /// Gives what is new. False when the messages don't go on from the place; the attempt is then lost.
    fn on_messages(&mut self, id: AttemptId, messages: Vec<Message>, now: Instant) -> bool {
        let Some(last) = messages.last().map(|message| message.offset) else { return true };
        let Ok(new) = self.place.take(messages) else {
            self.on_discontinuity(id, now);
            return false;
        };
        self.attempt(id).on_reached(last);
        if !new.is_empty() {
            self.backoff.on_success();
            self.events.push_back(FollowEvent::Messages(new));
        }
        true
    }

    /// Everything before `offset` was sent. False when something is missing; the attempt is then lost.
    fn on_reached(&mut self, id: AttemptId, offset: Offset, now: Instant) -> bool {
        if self.place.reach(offset).is_err() {
            self.on_discontinuity(id, now);
            return false;
        }
        self.attempt(id).on_reached(offset);
        true
    }

    /// What was skipped and nobody else brought meanwhile is told. What another attempt brings of it later is old.
    fn on_skipped(&mut self, id: AttemptId, skip: Skip, now: Instant) {
        let Ok(missed) = self.place.skip(skip) else {
            return self.on_discontinuity(id, now);
        };
        self.attempt(id).on_reached(skip.to);
        if let Some(skip) = missed {
            self.is_caught_up = false;
            self.events.push_back(FollowEvent::Skipped(skip));
        }
    }

    fn on_discontinuity(&mut self, id: AttemptId, now: Instant) {
        let what = "it sent messages that don't follow on those before".to_owned();
        // Asked again from the place, the server either goes on or says why it can't.
        self.on_lost_for_a_while(id, Failure::Malformed(Malformed(what)), now);
    }

    fn on_up_to_date(&mut self, offset: Offset) {
        if !self.is_caught_up && self.place == Place::At(offset) {
            self.is_caught_up = true;
            self.events.push_back(FollowEvent::Live { offset });
        }
    }

    fn on_page(&mut self, id: AttemptId, page: Page, now: Instant) {
        let is_empty = page.messages.is_empty();
        let next = page.next;
        if !self.on_messages(id, page.messages, now) || !self.on_reached(id, next, now) {
            return;
        }
        // A tag stands for one URL: that of an empty page is the one that will be asked again.
        self.etag = page.etag.filter(|_| is_empty).map(|etag| (next, etag));
        if page.closed && page.up_to_date {
            return self.end_closed(next);
        }
        if page.up_to_date {
            self.on_up_to_date(next);
        } else {
            self.is_caught_up = false;
        }
        self.backoff.on_success();
        let attempt = self.attempt(id);
        if attempt.is_leaving {
            return self.close_where(|attempt| attempt.id == id);
        }
        let (transport, asked) = (attempt.transport, attempt.asked);
        let rest = match transport {
            Transport::Poll if page.up_to_date => self.poll_interval(page.poll_interval),
            // It was not held, for whatever reason: asked again at once it would be a storm.
            Transport::LongPoll if is_empty && now < asked + Session::HELD_MIN => Session::HELD_MIN,
            Transport::Poll | Transport::LongPoll | Transport::Sse | Transport::WebSocket => Duration::ZERO,
        };
        self.attempt(id).phase = Phase::Resting { until: now + rest };
        if transport == Transport::Poll {
            self.tell_connected(transport);
        }
    }

    /// How long until the next poll, after one that had everything.
    fn poll_interval(&self, advice: Option<Duration>) -> Duration {
        if let Via::Poll { every: Some(every) } = self.options.via {
            return every.max(Session::POLL_INTERVAL_MIN);
        }
        let interval = advice.unwrap_or(Session::POLL_INTERVAL).max(Session::POLL_INTERVAL_MIN);
        let is_bridge = self.attempts.iter().any(|attempt| attempt.transport != Transport::Poll);
        if is_bridge { interval.min(Session::BRIDGE_INTERVAL_MAX) } else { interval }
    }

    fn on_drain(&mut self, id: AttemptId, within: Duration, now: Instant) {
        self.attempt(id).is_leaving = true;
        let wait = self.backoff.within(within);
        self.pause(wait, now);
    }

    fn on_reset(&mut self, id: AttemptId, reset: Reset) {
        let reached = self.attempt(id).reached;
        if self.place.is_at(reached) {
            self.finish(FollowEvent::Reset(reset), FollowError::Reset(reset));
        } else {
            // It speaks of a place that others have gone on from meanwhile.
            self.close_where(|attempt| attempt.id == id);
        }
    }

    fn end_closed(&mut self, offset: Offset) {
        self.finish(FollowEvent::Closed { offset }, FollowError::Closed);
    }

    fn finish(&mut self, event: FollowEvent, end: FollowError) {
        self.close_all();
        self.events.push_back(event);
        self.end = Some(end);
    }

    fn fail(&mut self, error: FollowError) {
        self.close_all();
        self.end = Some(error);
    }

    fn tell_connected(&mut self, transport: Transport) {
        self.has_spoken = true;
        if self.connected != Some(transport) {
            self.connected = Some(transport);
            self.events.push_back(FollowEvent::Status(Status::Connected { transport }));
        }
    }

    fn pause(&mut self, wait: Duration, now: Instant) {
        self.pause_until = self.pause_until.max(now + wait);
    }

    fn close_all(&mut self) {
        self.close_where(|_| true);
        self.connected = None;
    }

    fn close_where(&mut self, is_done: impl Fn(&Attempt) -> bool) {
        for attempt in self.attempts.extract_if(.., |attempt| is_done(attempt)) {
            self.actions.push_back(Action::Close { id: attempt.id });
        }
    }

    fn attempt(&mut self, id: AttemptId) -> &mut Attempt {
        self.attempts.iter_mut().find(|attempt| attempt.id == id).expect("the caller has looked it up")
    }
}
