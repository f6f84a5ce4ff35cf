//! What a session does when an attempt fails: for good, for a while, or for that transport only.

use super::attempt::Attempt;
use super::ladder::Ladder;
use super::{Action, AttemptId, Place, Session};
use crate::{Failure, FollowError, FollowEvent, Status, Transport, Unreachable};
use std::time::{Duration, Instant};
use tidings_model::{Reset, ResetReason, Start};

impl Session {
    /// An attempt has failed.
    pub(super) fn on_lost(&mut self, id: AttemptId, failure: Failure, now: Instant) {
        let transport = self.attempt(id).transport;
        // Who has spoken the protocol before will do so again: a page that came between is of a proxy or a
        // captive portal.
        let is_foreign = self.has_spoken && matches!(failure, Failure::Malformed(_));
        if failure.is_retryable() || is_foreign || self.ladder.can_do_without(transport) {
            self.on_lost_for_a_while(id, failure, now);
        } else {
            self.fail(FollowError::Failed(failure));
        }
    }

    /// An attempt has failed in a way that may pass: try again, later and later.
    pub(super) fn on_lost_for_a_while(&mut self, id: AttemptId, failure: Failure, now: Instant) {
        let lost = self.take_attempt(id);
        self.judge_life(&lost, &failure, now);
        if self.attempts.iter().any(Attempt::is_live) {
            return; // It was a candidate, or has been replaced: nobody waits for it.
        }
        self.connected = None;
        self.is_caught_up = false;
        // Several attempts that fail together wait together.
        let is_waiting = now < self.pause_until && failure.retry_after().is_none();
        if !lost.is_leaving && !is_waiting {
            let wait = match failure.retry_after() {
                Some(wait) => self.backoff.at_least(wait),
                None => self.backoff.next_wait(),
            };
            self.pause(wait, now);
        }
        let after = self.pause_until.saturating_duration_since(now);
        self.events.push_back(FollowEvent::Status(Status::Retrying { after, failure }));
    }

    /// What the end of an attempt says about its transport.
    fn judge_life(&mut self, lost: &Attempt, failure: &Failure, now: Instant) {
        if lost.transport == Transport::Poll {
            if matches!(failure, Failure::Unreachable(_)) {
                self.ladder.on_server_away(self.heard);
            }
            return;
        }
        if Self::is_long(lost.life(now)) {
            self.ladder.on_long_life(lost.transport);
            self.backoff.on_success();
        } else if Self::is_swallowed(lost, failure) || !failure.is_retryable() {
            // Something on the way keeps this transport from working; others may pass.
            let spread = self.spread();
            self.ladder.on_blocked(lost.transport, now, spread);
        } else if !lost.is_leaving && failure.retry_after().is_none() {
            let spread = self.spread();
            self.ladder.on_short_life(lost.transport, now, spread);
        }
    }

    fn is_long(life: Duration) -> bool {
        Ladder::SHORT_LIFE <= life
    }

    /// Connected, perhaps, but nothing of ours ever came through.
    fn is_swallowed(lost: &Attempt, failure: &Failure) -> bool {
        lost.patience_ends().is_some() && matches!(failure, Failure::Unreachable(Unreachable::Silent(_)))
    }

    /// There is no such stream.
    pub(super) fn on_missing(&mut self, id: AttemptId, now: Instant) {
        match self.place {
            Place::At(_) => {
                let reset = Reset { reason: ResetReason::Deleted, earliest: None, tail: None };
                self.finish(FollowEvent::Reset(reset), FollowError::Reset(reset));
            }
            Place::Asked(_) if self.options.wait_for_stream => {
                self.close_where(|attempt| attempt.id == id);
                // Whatever is published from now on comes after the beginning of the follow.
                self.place = Place::Asked(Start::Beginning);
                let after = self.backoff.next_wait().min(Session::WAIT_FOR_STREAM_MAX);
                self.pause(after, now);
                self.events.push_back(FollowEvent::Status(Status::WaitingForStream { after }));
            }
            Place::Asked(_) => self.fail(FollowError::StreamNotFound),
        }
    }

    /// From 0 to 1, at random.
    fn spread(&mut self) -> f64 {
        self.backoff.within(Duration::from_secs(1)).as_secs_f64()
    }

    fn take_attempt(&mut self, id: AttemptId) -> Attempt {
        let at = self.attempts.iter().position(|attempt| attempt.id == id);
        self.actions.push_back(Action::Close { id });
        self.attempts.swap_remove(at.expect("the caller has looked it up"))
    }
}
