//! The session of a client without I/O: which transport to use for its streams, when to try again, what to give to the
//! user.
//!
//! Takes what the transports hear and `now`; is asked for actions, events and the time of its next turn.
//! Knows no socket, timer, clock or task. Its rules, and the cases that it shares with the TypeScript client, are in
//! `conformance/session`.
//!
//! ```text
//!                    Action                     Heard
//!   poll_action() ─────────────► transports ─────────────► on_heard(id, heard, now)
//!   poll_timeout() ────────────► a timer ────────────────► on_time(now)
//!   poll_event() ──────────────► the user ───────────────► on_want(stream, …), on_drop(stream)
//! ```
//!
//! Several attempts may run at once: a plain read while a WebSocket is dialled, SSE beside a slow WebSocket,
//! a better transport beside the one that works. All of them may bring messages, and [`Place`] gives each
//! message once. An attempt that proves itself ends those that are no better.

mod action;
mod attempt;
mod bars;
#[cfg(test)]
mod cases;
mod frames;
mod loss;
mod place;
#[cfg(test)]
pub(crate) mod script;
mod stream;
#[cfg(test)]
mod tests;
mod turn;

pub(crate) use action::{Action, AttemptId, Event, FramePage, Heard, Question, StreamEvent};
pub(crate) use place::{Place, Step};

use crate::backoff::{Backoff, Chance};
use crate::{Failure, Status, Timing, Transport, Via};
use attempt::{Attempt, Standing};
use bars::Bars;
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use stream::{Stream, Streams};
use tidings_model::{Start, StreamName};

/// The state of a session: any number of streams over as few connections as it can.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and any of them may go together"
)]
pub(crate) struct Session {
    via: Via,
    timing: Timing,
    chance: Chance,
    streams: Streams,
    bars: Bars,
    attempts: Vec<Attempt>,
    last_id: u64,
    /// The time of the last call.
    now: Instant,
    /// The time of the last turn.
    turned: Instant,
    /// Something has changed since the last turn: the next one is due at once.
    is_turn_due: bool,
    /// When anything was last heard of the server.
    heard: Instant,
    /// Whether anything was ever heard that is the protocol.
    has_spoken: bool,
    backoff: Backoff,
    /// Within which time followers shall come back that are lost, as the server has said last; zero where it has not.
    return_window: Duration,
    /// Nothing is opened before.
    wait_until: Instant,
    /// When the next stream in trouble is asked for again, as it was at the end of the last turn.
    next_retry: Option<Instant>,
    is_hidden: bool,
    is_paused: bool,
    /// Why all streams have failed, until one is wanted again.
    failure: Option<Failure>,
    /// The transport that the user was told of.
    connected: Option<Transport>,
    actions: VecDeque<Action>,
    events: VecDeque<Event>,
}

/// Where a session stands as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standpoint {
    /// No stream is followed.
    #[default]
    Idle,
    /// Nothing has brought anything yet.
    Connecting,
    /// The connection was lost, and is tried again later.
    Waiting,
    /// Messages come over this transport.
    Over(Transport),
    /// The server won't, and asking again does not help.
    Failed,
}

impl Session {
    /// A session without streams.
    pub(crate) fn new(via: Via, timing: Timing, chance: Chance, now: Instant) -> Session {
        Session {
            via,
            backoff: Backoff::new(timing.backoff_base, timing.backoff_cap),
            timing,
            chance,
            streams: Streams::default(),
            bars: Bars::default(),
            attempts: Vec::new(),
            last_id: 0,
            now,
            turned: now,
            is_turn_due: false,
            heard: now,
            has_spoken: false,
            return_window: Duration::ZERO,
            wait_until: now,
            next_retry: None,
            is_hidden: false,
            is_paused: false,
            failure: None,
            connected: None,
            actions: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// A stream is wanted; if it is followed already, from another place.
    pub(crate) fn on_want(&mut self, stream: StreamName, start: Start, wait: bool) {
        self.let_go(&stream);
        self.failure = None;
        self.is_turn_due = true;
        self.streams.insert(Stream::new(stream, start, wait));
    }

    /// A stream is not wanted any more.
    pub(crate) fn on_drop(&mut self, stream: &StreamName) {
        self.let_go(stream);
        self.is_turn_due = true;
    }

    /// A transport has heard something.
    pub(crate) fn on_heard(&mut self, id: AttemptId, heard: Heard, now: Instant) {
        self.now = now;
        if self.find(id).is_none() {
            return; // Given up meanwhile.
        }
        match heard {
            Heard::Lost(failure) => self.on_failure(id, failure),
            Heard::Bytes => self.on_life(id),
            Heard::Frames(frames) => {
                self.on_life(id);
                let _lost_on_the_way = self.on_frames(id, frames);
            }
            Heard::Page(page) => {
                self.on_life(id);
                self.on_page(id, page);
            }
        }
        if self.is_turn_due {
            self.take_turn();
        }
    }

    /// Time has passed.
    pub(crate) fn on_time(&mut self, now: Instant) {
        self.now = now;
        self.take_turn();
    }

    /// The machine has slept, or the network has come back: whatever was connected may be dead without a sign, so a new
    /// connection is made beside it.
    pub(crate) fn on_wake(&mut self, now: Instant) {
        self.now = now;
        self.wait_until = now;
        self.is_turn_due = true;
        self.bars.end_all();
        self.close_where(|attempt| !attempt.is_live() && !attempt.is_leaving);
        for attempt in self.attempts.iter_mut().filter(|attempt| attempt.is_live()) {
            attempt.is_leaving = true;
            if attempt.transport == Transport::WebSocket {
                attempt.probe_until = Some(now + self.timing.probe);
                self.actions.push_back(Action::Ping { id: attempt.id });
            }
        }
    }

    /// Nobody looks any more.
    pub(crate) fn on_hidden(&mut self) {
        self.is_hidden = true;
        self.is_turn_due = true;
    }

    /// Somebody looks again.
    pub(crate) fn on_shown(&mut self, now: Instant) {
        self.is_hidden = false;
        self.on_wake(now);
    }

    /// Everything is closed until it is resumed.
    pub(crate) fn on_pause(&mut self, now: Instant) {
        self.begin_anew(now);
        self.is_paused = true;
        self.forget_live();
    }

    /// It begins anew from the places, without a wait.
    pub(crate) fn on_resume(&mut self, now: Instant) {
        self.begin_anew(now);
        self.is_paused = false;
    }

    /// From now on over this, while messages flow.
    pub(crate) fn on_via(&mut self, via: Via, now: Instant) {
        self.begin_anew(now);
        self.via = via;
        self.bars.clear();
        // One that rests between two questions has nothing more to bring.
        self.close_where(|attempt| !via.allows(attempt.transport) && attempt.rest_until.is_some());
        for attempt in self.attempts.iter_mut().filter(|attempt| !via.allows(attempt.transport)) {
            attempt.is_leaving = true;
        }
    }

    /// The next thing to do.
    pub(crate) fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// The next event for the user.
    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Where the session stands as a whole.
    pub(crate) fn standpoint(&self) -> Standpoint {
        let working = self.attempts.iter().filter(|attempt| attempt.live.is_some());
        match working.map(|attempt| attempt.transport).max() {
            _ if self.failure.is_some() => Standpoint::Failed,
            _ if self.streams.is_empty() => Standpoint::Idle,
            Some(best) => Standpoint::Over(best),
            None if self.attempts.is_empty() && self.now < self.wait_until => Standpoint::Waiting,
            None => Standpoint::Connecting,
        }
    }

    /// The place of a stream that is followed.
    pub(crate) fn place(&self, stream: &StreamName) -> Option<Place> {
        Some(self.streams.get(stream)?.place)
    }

    /// The WebSocket that brings messages.
    pub(crate) fn live_websocket(&self) -> Option<AttemptId> {
        let is_it = |attempt: &&Attempt| attempt.is_live() && attempt.transport == Transport::WebSocket;
        self.attempts.iter().find(is_it).map(|attempt| attempt.id)
    }

    /// The transport of an attempt that runs.
    pub(crate) fn transport(&self, id: AttemptId) -> Option<Transport> {
        self.attempts.iter().find(|attempt| attempt.id == id).map(|attempt| attempt.transport)
    }

    /// Whether the stream is followed and everything stored was given.
    pub(crate) fn is_caught_up(&self, stream: &StreamName) -> bool {
        self.streams.get(stream).is_some_and(|stream| stream.told.is_some())
    }

    /// From here on it may have fallen behind in every stream.
    fn forget_live(&mut self) {
        self.streams.iter_mut().for_each(|stream| stream.told = None);
    }

    fn begin_anew(&mut self, now: Instant) {
        self.now = now;
        self.wait_until = now;
        self.is_turn_due = true;
    }

    /// Forgets a stream, and leaves it on every WebSocket that follows it.
    fn let_go(&mut self, stream: &StreamName) -> Option<Stream> {
        for attempt in &mut self.attempts {
            if attempt.transport != Transport::WebSocket {
                attempt.listed.remove(stream);
            } else if let Some(standing @ Standing::Reached(_)) = attempt.listed.get_mut(stream) {
                *standing = Standing::Left;
                self.actions.push_back(Action::Unsubscribe { id: attempt.id, stream: stream.clone() });
            }
        }
        self.streams.remove(stream)
    }

    fn tell(&mut self, stream: &StreamName, event: StreamEvent) {
        self.events.push_back(Event::Stream(stream.clone(), event));
    }

    /// Tells the user of a transport that has come to bring the messages.
    fn tell_connected(&mut self) {
        if let Standpoint::Over(transport) = self.standpoint()
            && self.connected != Some(transport)
        {
            self.connected = Some(transport);
            self.events.push_back(Event::Status(Status::Connected { transport }));
        }
    }

    fn wait_for(&mut self, wait: Duration) {
        self.wait_until = self.wait_until.max(self.now + wait);
    }

    fn close_where(&mut self, is_done: impl Fn(&Attempt) -> bool) {
        for attempt in self.attempts.extract_if(.., |attempt| is_done(attempt)) {
            self.actions.push_back(Action::Close { id: attempt.id });
        }
    }

    fn find(&mut self, id: AttemptId) -> Option<&mut Attempt> {
        self.attempts.iter_mut().find(|attempt| attempt.id == id)
    }

    fn attempt(&mut self, id: AttemptId) -> &mut Attempt {
        self.find(id).expect("the caller has looked it up")
    }
}
