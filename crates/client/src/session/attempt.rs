//! One try of one transport: how far it has come, and how long it may stay silent.

use super::{AttemptId, Place, Question};
use crate::{Timing, Transport};
use std::collections::HashMap;
use std::time::{Duration, Instant};
use tidings_model::{Offset, StreamName};

/// One try of one transport.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) id: AttemptId,
    pub(super) transport: Transport,
    /// What it was asked for, and how it stands to each.
    pub(super) listed: HashMap<StreamName, Standing>,
    /// When the first frame that speaks of a stream came: until then it is pending.
    pub(super) live: Option<Instant>,
    /// It still brings messages, but another is to take its place.
    pub(super) is_leaving: bool,
    /// A WebSocket that has said `hello`.
    pub(super) is_greeted: bool,
    /// When it was last dialled, greeted or asked.
    pub(super) asked: Instant,
    /// When it was last heard.
    pub(super) heard: Instant,
    pub(super) heartbeat: Duration,
    /// A poll or a long poll between an answer and the next question: when to ask.
    pub(super) rest_until: Option<Instant>,
    /// A WebSocket that was asked for a sign of life: how long that may take.
    pub(super) probe_until: Option<Instant>,
}

/// How an attempt stands to a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It was asked for, and has itself come to this place; `None` before it has named one.
    Reached(Option<Offset>),
    /// It was asked to leave the stream, and until it has, what it says of it is of the past.
    Left,
}

impl Attempt {
    /// How often something is heard of an idle server, where it does not say so itself.
    const HEARTBEAT: Duration = Duration::from_secs(25);

    pub(super) fn new(id: AttemptId, transport: Transport, now: Instant) -> Attempt {
        Attempt {
            id,
            transport,
            listed: HashMap::new(),
            live: None,
            is_leaving: false,
            is_greeted: false,
            asked: now,
            heard: now,
            heartbeat: Attempt::HEARTBEAT,
            rest_until: None,
            probe_until: None,
        }
    }

    /// Whether it brings messages and is to stay. Polls don't count: they never replace anything.
    pub(super) fn is_live(&self) -> bool {
        self.transport != Transport::Poll && self.live.is_some() && !self.is_leaving
    }

    /// Until when nothing else is tried beside it, while it is pending.
    pub(super) fn patience_ends(&self, timing: &Timing) -> Instant {
        self.asked
            + match self.transport {
                Transport::WebSocket => timing.sse_after,
                Transport::Poll | Transport::LongPoll | Transport::Sse => timing.long_poll_after,
            }
    }

    /// When it has been silent for too long. Before something of ours has come, other bytes don't count: a
    /// proxy may send them.
    pub(super) fn silence_ends(&self, timing: &Timing) -> Option<Instant> {
        if self.probe_until.is_some() {
            return self.probe_until;
        }
        if self.rest_until.is_some() {
            return None;
        }
        let is_waiting_for_places = self.is_greeted && self.listed.is_empty();
        Some(match self.transport {
            Transport::Poll => self.heard + timing.answer_max,
            Transport::LongPoll => self.heard + timing.hold + timing.hold_slack,
            Transport::Sse | Transport::WebSocket if self.live.is_some() || is_waiting_for_places => {
                self.heard + self.heartbeat.mul_f64(2.5)
            }
            Transport::Sse | Transport::WebSocket => self.asked + timing.dial_max,
        })
    }

    /// The first frame of a WebSocket; another one only tells the heartbeat.
    pub(super) fn on_hello(&mut self, heartbeat: Duration, now: Instant) {
        if !self.is_greeted {
            self.asked = now;
        }
        self.is_greeted = true;
        self.heartbeat = heartbeat.clamp(Duration::from_secs(1), Duration::from_hours(1));
    }

    /// It is asked for these streams, and no others.
    pub(super) fn on_asked(&mut self, question: &Question, now: Instant) {
        self.asked = now;
        self.heard = now;
        self.rest_until = None;
        let listed = |(stream, start): &(StreamName, _)| {
            (stream.clone(), Standing::Reached(Place::new(*start).offset()))
        };
        self.listed = question.iter().map(listed).collect();
    }

    /// Whether the stream is in its list, or was and is not left yet.
    pub(super) fn lists(&self, stream: &StreamName) -> bool {
        self.listed.contains_key(stream)
    }

    /// It has itself come to `offset`.
    pub(super) fn on_reached(&mut self, stream: &StreamName, offset: Offset) {
        self.listed.insert(stream.clone(), Standing::Reached(Some(offset)));
    }
}
