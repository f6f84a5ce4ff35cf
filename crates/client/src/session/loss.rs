//! What a session does when an attempt fails: for good, for a while, or for that transport only.

use super::attempt::Attempt;
use super::{Action, AttemptId, Event, Session, StreamEvent};
use crate::{Failure, Malformed, Status, Transport, Unreachable, Via};

/// The kinds of failure that make a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// No whole answer came.
    Unreachable,
    /// Nothing came for too long.
    Silent,
    /// The server asks for patience.
    Busy,
    /// The server, or something before it, said no, and asking again does not help.
    Refused,
    /// What answered is not ours.
    Malformed,
    /// What came does not follow on what came before.
    Gap,
}

impl Kind {
    fn of(failure: &Failure) -> Kind {
        match failure {
            Failure::Unreachable(Unreachable::Silent(_)) => Kind::Silent,
            Failure::Unreachable(Unreachable::TooLarge { .. }) => Kind::Refused,
            Failure::Unreachable(_) => Kind::Unreachable,
            Failure::Refused(refusal) if refusal.retryable => Kind::Busy,
            Failure::Refused(_) => Kind::Refused,
            Failure::Malformed(_) => Kind::Malformed,
        }
    }
}

impl Session {
    /// An attempt has failed.
    pub(super) fn on_failure(&mut self, id: AttemptId, failure: Failure) {
        let kind = Kind::of(&failure);
        self.on_lost(id, kind, failure);
    }

    /// An attempt has brought what does not follow on what came before.
    pub(super) fn on_gap_in(&mut self, id: AttemptId) {
        let what = "it sent messages that don't follow on those before".to_owned();
        self.actions.push_back(Action::Close { id });
        self.on_lost(id, Kind::Gap, Malformed(what).into());
    }

    fn on_lost(&mut self, id: AttemptId, kind: Kind, failure: Failure) {
        let at = self.attempts.iter().position(|attempt| attempt.id == id);
        let lost = self.attempts.remove(at.expect("the caller has looked it up"));
        self.is_turn_due = true;
        if self.via == Via::Auto {
            self.judge(&lost, kind);
        }
        if self.is_hopeless(kind) {
            return self.fail(failure);
        }
        if self.attempts.iter().any(Attempt::is_live) {
            return; // It was a candidate, or has been replaced: nobody waits for it.
        }
        if lost.live.is_some() {
            self.forget_live();
        }
        if let Some(wait) = failure.retry_after() {
            let wait = self.chance.at_least(wait);
            self.wait_for(wait);
        } else if !lost.is_leaving && self.wait_until <= self.now {
            // Several that fail together wait together.
            let wait = self.backoff.next_wait_in_crowd(&mut self.chance, self.return_window);
            self.wait_for(wait);
        }
        self.connected = None;
        let after = self.wait_until.saturating_duration_since(self.now);
        self.events.push_back(Event::Status(Status::Retrying { after, failure }));
    }

    /// Whether asking again does not help, and nothing else is there to try.
    fn is_hopeless(&self, kind: Kind) -> bool {
        // Who has spoken the protocol before will do so again: a page that came between is of a proxy or a
        // captive portal.
        let is_final = kind == Kind::Refused || (kind == Kind::Malformed && !self.has_spoken);
        is_final
            && self.attempts.is_empty()
            && (self.via != Via::Auto || !Transport::ALL.iter().any(|transport| self.is_open(*transport)))
    }

    /// What the end of an attempt says about its transport.
    fn judge(&mut self, lost: &Attempt, kind: Kind) {
        let (transport, now) = (lost.transport, self.now);
        if transport == Transport::Poll {
            match kind {
                Kind::Unreachable | Kind::Silent => self.bars.on_server_away(self.heard),
                Kind::Refused => self.bar(transport),
                Kind::Malformed if !self.has_spoken => self.bar(transport),
                Kind::Malformed | Kind::Busy | Kind::Gap => {}
            }
            return;
        }
        let life = lost.live.map(|since| now.saturating_duration_since(since));
        if life.is_some_and(|life| self.timing.short_life <= life) {
            self.bars.forget(transport);
            self.backoff.on_success();
        } else if matches!(kind, Kind::Refused | Kind::Malformed) || (kind == Kind::Silent && life.is_none())
        {
            // Something on the way keeps this transport from working; others may pass.
            self.bar(transport);
        } else if !lost.is_leaving && kind != Kind::Busy {
            let spread = self.chance.draw();
            self.bars.add_short_life(transport, &self.timing, now, spread);
        }
    }

    fn bar(&mut self, transport: Transport) {
        let spread = self.chance.draw();
        self.bars.add(transport, &self.timing, self.now, spread);
    }

    /// All streams fail.
    fn fail(&mut self, failure: Failure) {
        self.bars.clear();
        let streams: Vec<_> = self.streams.iter().map(|stream| stream.name.clone()).collect();
        for stream in streams {
            self.let_go(&stream);
            self.tell(&stream, StreamEvent::Failed(failure.clone()));
        }
        self.connected = None;
        self.failure = Some(failure);
    }
}
