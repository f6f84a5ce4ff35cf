//! What a session makes of frames.

use super::attempt::Standing;
use super::{AttemptId, Event, FramePage, Place, Session, Step, StreamEvent};
use crate::{Failure, Message, Refusal, Transport, Via};
use std::time::Duration;
use tidings_model::{Offset, Reset, ResetReason, Skip, Start, StreamName};
use tidings_protocol::ErrorCode;
use tidings_protocol::websocket::server_message::ServerMessage;

/// What a frame says makes no sense after those before: the attempt is lost by it.
pub(super) struct AttemptLost;

/// What a frame says of a stream.
enum Said {
    Subscribed(Offset),
    Message(Message),
    Live(Offset),
    Skipped(Skip),
    Reset(Reset),
    Closed(Offset),
    Refused(Refusal),
}

/// Whether a frame says something of a stream; the others speak of the connection or the server.
fn speaks_of_streams(frame: &ServerMessage) -> bool {
    !matches!(
        frame,
        ServerMessage::Hello(_)
            | ServerMessage::Heartbeat
            | ServerMessage::Return { .. }
            | ServerMessage::Drain { .. }
            | ServerMessage::Unknown
    )
}

impl Session {
    /// Bytes came: whoever sends them is alive.
    pub(super) fn on_life(&mut self, id: AttemptId) {
        let now = self.now;
        self.heard = now;
        let attempt = self.attempt(id);
        attempt.heard = now;
        if attempt.probe_until.take().is_some() {
            attempt.is_leaving = false;
            self.is_turn_due = true;
            self.on_proof(id);
        }
    }

    pub(super) fn on_frames(&mut self, id: AttemptId, frames: Vec<ServerMessage>) -> Result<(), AttemptLost> {
        for frame in frames {
            self.on_frame(id, frame)?;
        }
        Ok(())
    }

    fn on_frame(&mut self, id: AttemptId, frame: ServerMessage) -> Result<(), AttemptLost> {
        self.has_spoken = true;
        self.is_turn_due |= !self.is_one_more_message(id, &frame);
        match frame {
            ServerMessage::Hello(hello) => {
                let now = self.now;
                self.attempt(id).on_hello(hello.heartbeat, now);
                Ok(())
            }
            ServerMessage::Return { within } => {
                self.return_window = within;
                Ok(())
            }
            ServerMessage::Drain { within } => {
                self.on_drain(id, within);
                Ok(())
            }
            ServerMessage::Subscribed { stream, offset } => {
                self.on_said(id, &stream, Said::Subscribed(offset))
            }
            ServerMessage::Message { stream, offset, time, data } => {
                self.on_said(id, &stream, Said::Message(Message { offset, time, data: data.into() }))
            }
            ServerMessage::Live { stream, offset } => self.on_said(id, &stream, Said::Live(offset)),
            ServerMessage::Skipped { stream, skip } => self.on_said(id, &stream, Said::Skipped(skip)),
            ServerMessage::Reset { stream, reset } => self.on_said(id, &stream, Said::Reset(reset)),
            ServerMessage::Closed { stream, offset } => self.on_said(id, &stream, Said::Closed(offset)),
            ServerMessage::Unsubscribed { stream } => {
                self.on_left(id, &stream);
                Ok(())
            }
            ServerMessage::Error {
                id: None,
                stream: Some(stream),
                code,
                message,
                retryable,
                retry_after,
            } => {
                let Ok(stream) = StreamName::parse(&stream) else { return Ok(()) };
                if ErrorCode::parse(&code) == Some(ErrorCode::NotSubscribed) {
                    self.on_left(id, &stream);
                    return Ok(());
                }
                let refusal = Refusal { status: 0, code, detail: message, retryable, retry_after };
                self.on_said(id, &stream, Said::Refused(refusal))
            }
            // Of a publish, of no stream, or of the future.
            ServerMessage::Error { .. }
            | ServerMessage::Published { .. }
            | ServerMessage::Heartbeat
            | ServerMessage::Renew { .. }
            | ServerMessage::Unknown => Ok(()),
        }
    }

    /// After one more message of a stream whose place is known there is nothing to do but to wait for the next.
    fn is_one_more_message(&mut self, id: AttemptId, frame: &ServerMessage) -> bool {
        let ServerMessage::Message { stream, .. } = frame else { return false };
        self.attempt(id).live.is_some() && matches!(self.place(stream), Some(Place::At(_)))
    }

    /// It has left a stream as it was asked to.
    fn on_left(&mut self, id: AttemptId, stream: &StreamName) {
        let listed = &mut self.attempt(id).listed;
        if listed.get(stream) == Some(&Standing::Left) {
            listed.remove(stream);
        }
    }

    fn on_said(&mut self, id: AttemptId, stream: &StreamName, said: Said) -> Result<(), AttemptLost> {
        let now = self.now;
        let attempt = self.attempt(id);
        let Some(Standing::Reached(reached)) = attempt.listed.get(stream).copied() else {
            return Ok(()); // All that was sent before it left the stream is of the past.
        };
        if attempt.live.is_none() {
            self.on_proof(id);
        }
        if let Said::Refused(refusal) = said {
            self.on_refused(id, stream, reached, refusal);
            return Ok(());
        }
        let Some(followed) = self.streams.get_mut(stream) else { return Ok(()) };
        followed.troubles = 0;
        followed.retry_at = followed.retry_at.filter(|at| now < *at);
        match said {
            Said::Subscribed(offset) => self.on_reached(id, stream, offset),
            Said::Message(message) => self.on_message(id, stream, message),
            Said::Live(offset) => {
                self.on_reached(id, stream, offset)?;
                self.on_up_to_date(stream);
                Ok(())
            }
            Said::Skipped(skip) => self.on_skipped(id, stream, skip),
            Said::Reset(reset) => {
                self.on_reset(id, stream, reached, reset);
                Ok(())
            }
            Said::Closed(offset) => {
                self.on_reached(id, stream, offset)?;
                self.attempt(id).listed.remove(stream);
                self.let_go(stream);
                self.tell(stream, StreamEvent::Closed { offset });
                Ok(())
            }
            Said::Refused(_) => Ok(()),
        }
    }

    /// It brings something of ours: those that are no better have done their part.
    pub(super) fn on_proof(&mut self, id: AttemptId) {
        let (via, now) = (self.via, self.now);
        let attempt = self.attempt(id);
        let transport = attempt.transport;
        if attempt.is_leaving || transport == Transport::Poll {
            return;
        }
        attempt.live = attempt.live.or(Some(now));
        self.close_where(|it| it.id != id && (it.transport <= transport || !via.allows(it.transport)));
        self.tell_connected();
    }

    /// Everything before `offset` was sent.
    fn on_reached(&mut self, id: AttemptId, stream: &StreamName, offset: Offset) -> Result<(), AttemptLost> {
        let Some(followed) = self.streams.get_mut(stream) else { return Ok(()) };
        if followed.place.reach(offset).is_err() {
            return Err(self.on_gap(id));
        }
        self.attempt(id).on_reached(stream, offset);
        Ok(())
    }

    /// Gives a message, if it is new.
    fn on_message(
        &mut self,
        id: AttemptId,
        stream: &StreamName,
        message: Message,
    ) -> Result<(), AttemptLost> {
        let Some(followed) = self.streams.get_mut(stream) else { return Ok(()) };
        let offset = message.offset;
        match followed.place.take(offset) {
            Err(_) => return Err(self.on_gap(id)),
            Ok(Step::Old) => {}
            Ok(Step::New) => {
                self.backoff.on_success();
                self.give(stream, message);
            }
        }
        self.attempt(id).on_reached(stream, offset);
        Ok(())
    }

    /// Messages of one stream that come together are given together.
    fn give(&mut self, stream: &StreamName, message: Message) {
        match self.events.back_mut() {
            Some(Event::Stream(last, StreamEvent::Messages(messages))) if last == stream => {
                messages.push(message);
            }
            _ => self.tell(stream, StreamEvent::Messages(vec![message])),
        }
    }

    fn on_up_to_date(&mut self, stream: &StreamName) {
        if let Some(offset) = self.streams.get_mut(stream).and_then(super::Stream::on_up_to_date) {
            self.tell(stream, StreamEvent::Live { offset });
        }
    }

    /// What was skipped and nobody else brought meanwhile is told. What another attempt brings of it later is old.
    fn on_skipped(&mut self, id: AttemptId, stream: &StreamName, skip: Skip) -> Result<(), AttemptLost> {
        let Some(followed) = self.streams.get_mut(stream) else { return Ok(()) };
        let Ok(missed) = followed.place.skip(skip) else { return Err(self.on_gap(id)) };
        if let Some(skip) = missed {
            followed.told = None;
            self.tell(stream, StreamEvent::Skipped(skip));
        }
        self.attempt(id).on_reached(stream, skip.to);
        Ok(())
    }

    fn on_reset(&mut self, id: AttemptId, stream: &StreamName, reached: Option<Offset>, reset: Reset) {
        self.attempt(id).listed.remove(stream);
        if let Some(followed) = self.streams.get_mut(stream) {
            followed.polled_at = None;
        }
        // Else it speaks of a place that others have gone on from meanwhile: it is asked again from there.
        if self.streams.get(stream).is_some_and(|followed| followed.place.is_at(reached)) {
            self.let_go(stream);
            self.tell(stream, StreamEvent::Reset(reset));
        }
    }

    /// There is no such stream, or it is not to be had, for now or for ever.
    fn on_refused(&mut self, id: AttemptId, stream: &StreamName, reached: Option<Offset>, refusal: Refusal) {
        let Some(followed) = self.streams.get(stream) else { return };
        let is_missing = ErrorCode::parse(&refusal.code) == Some(ErrorCode::StreamNotFound);
        if is_missing && followed.place.offset().is_some() {
            let gone = Reset { reason: ResetReason::Deleted, earliest: None, tail: None };
            return self.on_reset(id, stream, reached, gone);
        }
        let retry_after = refusal.retry_after;
        let is_final = if is_missing { !followed.wait } else { !refusal.retryable };
        self.attempt(id).listed.remove(stream);
        if is_final {
            self.let_go(stream);
            let end =
                if is_missing { StreamEvent::NotFound } else { StreamEvent::Failed(Failure::from(refusal)) };
            return self.tell(stream, end);
        }
        let after = self.ask_later(stream, retry_after);
        if is_missing {
            // Whatever is published from now on comes after the beginning.
            if let Some(followed) = self.streams.get_mut(stream) {
                followed.place = Place::Asked(Start::Beginning);
            }
            self.tell(stream, StreamEvent::Missing { after });
        }
    }

    /// Notes that a stream is in trouble; when it is asked for again.
    fn ask_later(&mut self, stream: &StreamName, retry_after: Option<Duration>) -> Duration {
        let Some(followed) = self.streams.get_mut(stream) else { return Duration::ZERO };
        let doubled = self.timing.backoff_base.saturating_mul(1 << followed.troubles.min(16));
        let wait = match retry_after {
            Some(wait) => self.chance.at_least(wait),
            None => self.chance.within(doubled.min(self.timing.missing_max)),
        };
        followed.troubles += 1;
        followed.polled_at = None;
        followed.retry_at = Some(self.now + wait);
        wait
    }

    fn on_drain(&mut self, id: AttemptId, within: Duration) {
        self.attempt(id).is_leaving = true;
        let wait = self.chance.within(within);
        self.wait_for(wait);
    }

    /// The whole answer to a poll or a long poll.
    pub(super) fn on_page(&mut self, id: AttemptId, page: FramePage) {
        let is_empty = !page.frames.iter().any(speaks_of_streams);
        self.has_spoken = true;
        self.is_turn_due = true;
        if self.on_frames(id, page.frames).is_err() {
            return;
        }
        self.backoff.on_success();
        let now = self.now;
        let attempt = self.attempt(id);
        attempt.live = attempt.live.or(Some(now));
        if attempt.is_leaving {
            return self.close_where(|attempt| attempt.id == id);
        }
        self.on_page_end(id, page.up_to_date);
        if matches!(self.via, Via::Poll { .. }) {
            self.close_where(|attempt| attempt.id != id);
        }
        let held_min = self.timing.held_min;
        let attempt = self.attempt(id);
        let rest = match attempt.transport {
            Transport::Poll if page.up_to_date => self.poll_interval(page.poll_interval),
            // It was not held, for whatever reason: asked again at once it would be a storm. A server that has no room to
            // hold anything says how often it may be asked.
            Transport::LongPoll if is_empty && now < attempt.asked + held_min => {
                held_min.max(page.poll_interval.unwrap_or_default())
            }
            Transport::Poll | Transport::LongPoll | Transport::Sse | Transport::WebSocket => Duration::ZERO,
        };
        self.attempt(id).rest_until = Some(now + rest);
    }

    /// What the end of a page says of each stream that was asked for.
    fn on_page_end(&mut self, id: AttemptId, up_to_date: bool) {
        let attempt = self.attempts.iter().find(|attempt| attempt.id == id).expect("the caller looked");
        let mut live = Vec::new();
        for followed in self.streams.iter_mut().filter(|followed| attempt.lists(&followed.name)) {
            followed.troubles = 0;
            if !up_to_date {
                followed.told = followed.told.filter(|told| followed.place == Place::At(*told));
            } else if let Some(offset) = followed.on_up_to_date() {
                live.push((followed.name.clone(), offset));
            }
        }
        for (stream, offset) in live {
            self.tell(&stream, StreamEvent::Live { offset });
        }
    }

    /// How long until the next poll, after one that had everything.
    fn poll_interval(&self, advice: Option<Duration>) -> Duration {
        let by_user = match self.via {
            Via::Poll { every: Some(every) } => Some(every),
            Via::Auto | Via::Poll { every: None } | Via::LongPoll | Via::Sse | Via::WebSocket => {
                self.timing.poll_interval
            }
        };
        let mut interval = by_user.or(advice).unwrap_or(self.timing.poll_interval_default);
        if self.attempts.iter().any(|it| it.transport != Transport::Poll && !it.is_leaving) {
            interval = interval.min(self.timing.bridge_interval);
        }
        if self.is_hidden {
            interval = interval.max(self.timing.hidden_poll_interval);
        }
        interval.max(crate::Timing::POLL_INTERVAL_MIN)
    }

    /// What came does not go on from the place: asked again from there, the server either goes on or says why it can't.
    fn on_gap(&mut self, id: AttemptId) -> AttemptLost {
        self.on_gap_in(id);
        AttemptLost
    }
}
