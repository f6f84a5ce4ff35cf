//! One try of one transport: how far it has come, and how long it may stay silent.

use super::AttemptId;
use crate::Transport;
use std::time::{Duration, Instant};
use tidings_model::{Offset, Start};

/// How long a long poll asks to be held. Under the 30 seconds after which many proxies cut an idle request.
pub(crate) const HOLD: Duration = Duration::from_secs(25);

/// One try of one transport.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) id: AttemptId,
    pub(super) transport: Transport,
    pub(super) phase: Phase,
    /// It still brings messages, but a new one is to take its place.
    pub(super) is_leaving: bool,
    /// The place that it has itself come to.
    pub(super) reached: Option<Offset>,
    /// When it was last asked something.
    pub(super) asked: Instant,
    /// When it was last heard.
    pub(super) heard: Instant,
    /// When it first brought something of ours.
    live_since: Option<Instant>,
    heartbeat: Duration,
}

/// How far an attempt has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Asked; nothing of ours has arrived.
    Pending,
    /// A WebSocket that follows nothing yet.
    Greeted,
    /// A WebSocket that has asked for the stream.
    Subscribing,
    /// Brings messages.
    Live,
    /// A poll or a long poll, between an answer and the next question.
    Resting {
        /// When to ask.
        until: Instant,
    },
}

impl Attempt {
    /// How often something is heard of an idle server, where it does not say so itself.
    pub(super) const HEARTBEAT: Duration = Duration::from_secs(25);

    /// How long an answer may take to begin, or stop in the middle.
    const ANSWER_SILENCE_MAX: Duration = Duration::from_secs(15);

    /// How long a connection may take until something of ours arrives.
    const DIAL_MAX: Duration = Duration::from_secs(10);

    /// How much later than asked a held answer may come.
    const HOLD_SLACK: Duration = Duration::from_secs(10);

    pub(super) fn new(id: AttemptId, transport: Transport, now: Instant) -> Attempt {
        Attempt {
            id,
            transport,
            phase: Phase::Pending,
            is_leaving: false,
            reached: None,
            asked: now,
            heard: now,
            live_since: None,
            heartbeat: Attempt::HEARTBEAT,
        }
    }

    /// Whether it brings messages and is to stay. Polls don't count: they never replace anything.
    pub(super) fn is_live(&self) -> bool {
        let is_resting_long_poll =
            self.transport == Transport::LongPoll && matches!(self.phase, Phase::Resting { .. });
        !self.is_leaving && (self.phase == Phase::Live || is_resting_long_poll)
    }

    /// Until when nothing else is tried beside it.
    pub(super) fn patience_ends(&self) -> Option<Instant> {
        let patience = match (self.transport, self.phase) {
            (Transport::WebSocket, Phase::Pending | Phase::Greeted | Phase::Subscribing) => {
                Duration::from_millis(2_500)
            }
            (Transport::Sse, Phase::Pending) => Duration::from_secs(3),
            _ => return None,
        };
        Some(self.asked + patience)
    }

    /// How long it may stay silent.
    pub(super) fn silence_max(&self) -> Option<Duration> {
        match (self.transport, self.phase) {
            (_, Phase::Resting { .. }) => None,
            (Transport::Poll, _) => Some(Attempt::ANSWER_SILENCE_MAX),
            (Transport::LongPoll, _) => Some(HOLD + Attempt::HOLD_SLACK),
            (Transport::Sse | Transport::WebSocket, Phase::Pending | Phase::Subscribing) => {
                Some(Attempt::DIAL_MAX)
            }
            (Transport::Sse | Transport::WebSocket, _) => Some(self.heartbeat.mul_f32(2.5)),
        }
    }

    /// When it has been silent for too long. Before something of ours has come, other bytes don't count: a
    /// proxy may send them.
    pub(super) fn silence_ends(&self) -> Option<Instant> {
        let is_dialled = matches!(self.transport, Transport::Sse | Transport::WebSocket);
        let since = match self.phase {
            Phase::Pending | Phase::Subscribing if is_dialled => self.asked,
            Phase::Pending | Phase::Subscribing | Phase::Greeted | Phase::Live | Phase::Resting { .. } => {
                self.heard
            }
        };
        self.silence_max().map(|silence| since + silence)
    }

    /// When to ask the next time.
    pub(super) fn rest_ends(&self) -> Option<Instant> {
        match self.phase {
            Phase::Resting { until } => Some(until),
            Phase::Pending | Phase::Greeted | Phase::Subscribing | Phase::Live => None,
        }
    }

    /// The first frame of a WebSocket; another one says nothing.
    pub(super) fn on_hello(&mut self, heartbeat: Duration, now: Instant) {
        if self.phase == Phase::Pending {
            self.phase = Phase::Greeted;
            self.asked = now;
        }
        self.heartbeat = heartbeat.clamp(Duration::from_secs(1), Duration::from_hours(1));
    }

    /// It is asked for what comes after `from`.
    pub(super) fn on_asked(&mut self, from: Start, now: Instant) {
        self.asked = now;
        self.heard = now;
        self.reached = reached_by(from);
        self.phase = match self.phase {
            Phase::Greeted => Phase::Subscribing,
            Phase::Pending | Phase::Subscribing => self.phase,
            Phase::Live => Phase::Live,
            Phase::Resting { .. } if self.transport == Transport::LongPoll => Phase::Live,
            Phase::Resting { .. } => Phase::Pending,
        };
    }

    /// Something of ours has come through it.
    pub(super) fn on_live(&mut self, now: Instant) {
        self.phase = Phase::Live;
        self.live_since = self.live_since.or(Some(now));
    }

    /// How long it has worked.
    pub(super) fn life(&self, now: Instant) -> Duration {
        self.live_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// It has itself come to `offset`.
    pub(super) fn on_reached(&mut self, offset: Offset) {
        self.reached = Some(offset);
    }
}

/// The place of a reader that begins at `from`.
fn reached_by(from: Start) -> Option<Offset> {
    match from {
        Start::After(offset) => Some(offset),
        Start::Beginning | Start::Now | Start::Last(_) => None,
    }
}
