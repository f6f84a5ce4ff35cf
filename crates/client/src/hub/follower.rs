//! One who follows a stream: where it stands, and what waits for it.
//!
//! Pure: takes what the session gives and what was read for it. Several followers of one stream stand at different places;
//! each gets every message after its own place once.

use crate::session::{Place, Session, Standpoint, Step, StreamEvent};
use crate::{FollowError, FollowEvent, FollowOptions, Message, Page, ReadError, Status};
use std::collections::VecDeque;
use std::task::Waker;
use tidings_model::{Offset, Reset, ResetReason, Start, StreamName};

/// Names a follower.
pub(crate) type FollowerId = u64;

/// One who follows a stream.
#[derive(Debug)]
pub(crate) struct Follower {
    pub(super) stream: StreamName,
    /// Behind what waits in the queue.
    pub(super) place: Place,
    pub(super) wait: bool,
    pub(super) mode: Mode,
    queue: VecDeque<FollowEvent>,
    /// Messages in the queue.
    queued: usize,
    buffer: usize,
    /// Whether it was told that it has everything.
    is_caught_up: bool,
    /// The place after what was taken from the queue.
    taken: Option<Offset>,
    /// What comes when the queue is empty, again and again.
    end: Option<FollowError>,
    pub(super) waker: Option<Waker>,
}

/// Where its messages come from.
#[derive(Debug)]
pub(super) enum Mode {
    /// Nowhere yet.
    New,
    /// From the session.
    Attached,
    /// From pages that are read for it alone, until it stands where the session does.
    Reading(Reading),
    /// It has ended.
    Ended,
}

/// How far the reading is.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// A page was asked for.
    pub(super) is_asked: bool,
    /// What the session has given since then; `None` when that is not all, or too much.
    overlap: Option<Vec<Message>>,
}

/// Whether a follower that has read a page goes on with what the session brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joins {
    /// It reads on, or has ended.
    Not,
    /// It stands where the session does.
    Session,
    /// The session does not follow its stream: it has to begin.
    First,
}

impl Follower {
    /// How many statuses wait, at most; of more, the newest are kept.
    const STATUSES_MAX: usize = 16;

    pub(super) fn new(stream: StreamName, options: &FollowOptions) -> Follower {
        Follower {
            stream,
            place: Place::new(options.start),
            wait: options.wait_for_stream,
            mode: Mode::New,
            queue: VecDeque::new(),
            queued: 0,
            buffer: options.buffer.max(1),
            is_caught_up: false,
            taken: None,
            end: None,
            waker: None,
        }
    }

    /// Goes on from another place; what was not taken is dropped.
    pub(super) fn resume_at(&mut self, offset: Offset) {
        self.queue.clear();
        self.queued = 0;
        self.place = Place::At(offset);
        self.taken = Some(offset);
        self.is_caught_up = false;
        self.end = None;
        self.mode = Mode::New;
    }

    /// The next event, or the end.
    pub(super) fn take(&mut self) -> Option<Result<FollowEvent, FollowError>> {
        let Some(event) = self.queue.pop_front() else { return self.end.clone().map(Err) };
        match &event {
            FollowEvent::Messages(messages) => {
                self.queued -= messages.len();
                self.taken = messages.last().map(|message| message.offset);
            }
            FollowEvent::Live { offset } | FollowEvent::Closed { offset } => self.taken = Some(*offset),
            FollowEvent::Skipped(skip) => self.taken = Some(skip.to),
            FollowEvent::Reset(_) | FollowEvent::Status(_) => {}
        }
        Some(Ok(event))
    }

    /// The place after what was taken.
    pub(super) fn offset(&self) -> Option<Offset> {
        if self.queued == 0 { self.taken.or(self.place.offset()) } else { self.taken }
    }

    /// As much waits as may.
    pub(super) fn is_full(&self) -> bool {
        self.buffer <= self.queued
    }

    /// So little waits that more may be read.
    pub(super) fn has_room(&self) -> bool {
        self.queued <= self.buffer / 2
    }

    pub(super) fn is_attached(&self) -> bool {
        matches!(self.mode, Mode::Attached)
    }

    pub(super) fn attach(&mut self) {
        self.mode = Mode::Attached;
    }

    /// From now on it reads by itself.
    pub(super) fn detach(&mut self) {
        self.is_caught_up = false;
        self.mode = Mode::Reading(Reading::default());
    }

    /// Joins a stream that the session follows already.
    pub(super) fn join(&mut self, session: &Session) {
        let is_caught_up = session.is_caught_up(&self.stream);
        match (self.place, session.place(&self.stream)) {
            (own, Some(there)) if own == there => self.attach(),
            // `now` is where the session stands, when it has everything.
            (Place::Asked(Start::Now), Some(there @ Place::At(_))) if is_caught_up => {
                self.place = there;
                self.attach();
            }
            _ => self.detach(),
        }
        if self.is_attached() && is_caught_up {
            self.on_up_to_date();
        }
    }

    /// A page is asked for: what the session gives meanwhile is kept, if it gives anything.
    pub(super) fn on_asked(&mut self, is_followed: bool) {
        let overlap = is_followed.then(Vec::new);
        self.mode = Mode::Reading(Reading { is_asked: true, overlap });
    }

    /// What the session says of its stream.
    pub(super) fn on_event(&mut self, event: &StreamEvent) {
        match &mut self.mode {
            Mode::New | Mode::Ended => return,
            Mode::Reading(reading) => {
                reading.on_event(event, self.buffer);
                return;
            }
            Mode::Attached => {}
        }
        match event {
            StreamEvent::Messages(messages) => self.on_messages(messages.clone()),
            StreamEvent::Live { offset } => match self.place.reach(*offset) {
                Ok(()) => self.on_up_to_date(),
                Err(_) => self.detach(),
            },
            StreamEvent::Skipped(skip) => match self.place.skip(*skip) {
                Ok(Some(missed)) => {
                    self.is_caught_up = false;
                    self.push(FollowEvent::Skipped(missed));
                }
                Ok(None) => {}
                Err(_) => self.detach(),
            },
            StreamEvent::Missing { after } => {
                self.place = Place::Asked(Start::Beginning);
                self.tell(&Status::WaitingForStream { after: *after });
            }
            StreamEvent::Reset(reset) => self.end_by_reset(*reset),
            StreamEvent::Closed { offset } => self.end_closed(*offset),
            StreamEvent::NotFound => self.end_by(FollowError::StreamNotFound),
            StreamEvent::Failed(failure) => self.end_by(FollowError::Failed(failure.clone())),
        }
    }

    /// The page that was asked for; `is_followed` says whether the session follows the stream.
    pub(super) fn on_page(&mut self, page: Page, is_followed: bool) -> Joins {
        let Mode::Reading(reading) = std::mem::replace(&mut self.mode, Mode::Reading(Reading::default()))
        else {
            return Joins::Not; // It has gone on from elsewhere meanwhile.
        };
        self.on_messages(page.messages);
        if self.place.reach(page.next).is_err() {
            // The server has gone back behind what it gave before: it is asked again, and says why.
            return Joins::Not;
        }
        match (page.closed && page.up_to_date, page.up_to_date, reading.overlap) {
            (true, ..) => {
                self.end_closed(page.next);
                Joins::Not
            }
            (_, true, _) if !is_followed => {
                self.attach();
                self.on_up_to_date();
                Joins::First
            }
            (_, true, Some(overlap)) => {
                self.attach();
                self.on_up_to_date();
                self.on_messages(overlap); // Detaches again when something lies between.
                Joins::Session
            }
            (..) => Joins::Not,
        }
    }

    /// The page could not be read. True when it is to be tried again.
    pub(super) fn on_read_error(&mut self, error: ReadError) -> bool {
        self.detach();
        match (error, self.place) {
            (ReadError::Reset(reset), _) => self.end_by_reset(reset),
            (ReadError::StreamNotFound, Place::At(_)) => {
                self.end_by_reset(Reset { reason: ResetReason::Deleted, earliest: None, tail: None });
            }
            (ReadError::StreamNotFound, Place::Asked(_)) if self.wait => {
                self.place = Place::Asked(Start::Beginning);
                return true;
            }
            (ReadError::StreamNotFound, Place::Asked(_)) => self.end_by(FollowError::StreamNotFound),
            (ReadError::Failed(failure), _) if failure.is_retryable() => return true,
            (ReadError::Failed(failure), _) => self.end_by(FollowError::Failed(failure)),
        }
        false
    }

    /// How the session is getting on.
    pub(super) fn tell(&mut self, status: &Status) {
        if matches!(self.mode, Mode::Ended) {
            return;
        }
        let is_status = |event: &FollowEvent| matches!(event, FollowEvent::Status(_));
        if Follower::STATUSES_MAX <= self.queue.iter().rev().take_while(|event| is_status(event)).count() {
            self.queue.pop_back();
        }
        if matches!(status, Status::Retrying { .. }) {
            self.is_caught_up = false;
        }
        self.push(FollowEvent::Status(status.clone()));
    }

    /// Over which transport its messages come, for one that joins.
    pub(super) fn on_standpoint(&mut self, standpoint: Standpoint) {
        if let Standpoint::Over(transport) = standpoint {
            self.push(FollowEvent::Status(Status::Connected { transport }));
        }
    }

    /// Gives those that are new.
    fn on_messages(&mut self, mut messages: Vec<Message>) {
        let mut place = self.place;
        let mut is_whole = true;
        messages.retain(|message| match place.take(message.offset) {
            Ok(step) => is_whole && step == Step::New,
            Err(_) => {
                is_whole = false;
                false
            }
        });
        if !is_whole {
            return self.detach(); // Nothing of it is given: it is read from the place where it stands.
        }
        self.place = place;
        if !messages.is_empty() {
            self.queued += messages.len();
            self.push(FollowEvent::Messages(messages));
        }
    }

    fn on_up_to_date(&mut self) {
        if let Some(offset) = self.place.offset()
            && !std::mem::replace(&mut self.is_caught_up, true)
        {
            self.push(FollowEvent::Live { offset });
        }
    }

    fn end_by_reset(&mut self, reset: Reset) {
        self.push(FollowEvent::Reset(reset));
        self.end_by(FollowError::Reset(reset));
    }

    fn end_closed(&mut self, offset: Offset) {
        self.push(FollowEvent::Closed { offset });
        self.end_by(FollowError::Closed);
    }

    fn end_by(&mut self, error: FollowError) {
        self.end = Some(error);
        self.mode = Mode::Ended;
        self.wake();
    }

    fn push(&mut self, event: FollowEvent) {
        self.queue.push_back(event);
        self.wake();
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Reading {
    /// Keeps what the session gives, as long as it is all, and not too much.
    fn on_event(&mut self, event: &StreamEvent, buffer: usize) {
        let Some(overlap) = &mut self.overlap else { return };
        match event {
            StreamEvent::Messages(messages) if overlap.len() + messages.len() <= buffer => {
                overlap.extend_from_slice(messages);
            }
            StreamEvent::Live { .. } => {}
            StreamEvent::Messages(_)
            | StreamEvent::Skipped(_)
            | StreamEvent::Missing { .. }
            | StreamEvent::Reset(_)
            | StreamEvent::Closed { .. }
            | StreamEvent::NotFound
            | StreamEvent::Failed(_) => self.overlap = None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::script::{name, offset, other_incarnation};
    use crate::{Data, Unreachable};
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};
    use tidings_model::Timestamp;

    fn message(index: u64) -> Message {
        let data = Data::Json(index.to_string().into());
        Message { offset: offset(index), time: Timestamp(index), data }
    }

    fn messages(after: u64, to: u64) -> Vec<Message> {
        (after + 1..=to).map(message).collect()
    }

    fn page(after: u64, to: u64, up_to_date: bool) -> Page {
        let (messages, next) = (messages(after, to), offset(to));
        Page { messages, next, up_to_date, closed: false, poll_interval: None, earliest: None }
    }

    fn follower(start: Start) -> Follower {
        Follower::new(name("a"), &FollowOptions { buffer: 10, ..FollowOptions::from(start) })
    }

    fn taken(follower: &mut Follower) -> Vec<u64> {
        let mut taken = Vec::new();
        while let Some(Ok(event)) = follower.take() {
            if let FollowEvent::Messages(messages) = event {
                taken.extend(messages.iter().map(|message| message.offset.index));
            }
        }
        taken
    }

    #[test]
    fn what_was_given_while_a_page_was_read_is_not_missed() {
        let mut follower = follower(Start::After(offset(2)));
        follower.detach();
        follower.on_asked(true);
        follower.on_event(&StreamEvent::Messages(messages(8, 11)));
        assert_eq!(follower.on_page(page(2, 9, true), true), Joins::Session);
        follower.on_event(&StreamEvent::Messages(messages(11, 12)));
        assert_eq!(taken(&mut follower), (3..=12).collect::<Vec<_>>());
        assert_eq!(follower.offset(), Some(offset(12)));
    }

    #[test]
    fn what_can_not_be_joined_is_read_again() {
        // The session was ahead of the page, or gave more meanwhile than may wait.
        for given in [messages(10, 11), messages(2, 40)] {
            let mut follower = follower(Start::After(offset(2)));
            follower.detach();
            follower.on_asked(true);
            follower.on_event(&StreamEvent::Messages(given));
            follower.on_page(page(2, 9, true), true);
            assert!(!follower.is_attached());
            assert_eq!(taken(&mut follower), (3..=9).collect::<Vec<_>>());
            follower.on_asked(true);
            assert_eq!(follower.on_page(page(9, 40, true), true), Joins::Session);
            assert_eq!(taken(&mut follower), (10..=40).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_first_one_takes_the_session_with_it() {
        let mut follower = follower(Start::Beginning);
        follower.detach();
        follower.on_asked(false);
        assert_eq!(follower.on_page(page(0, 3, false), false), Joins::Not);
        follower.on_asked(false);
        assert_eq!(follower.on_page(page(3, 5, true), false), Joins::First);
        assert_eq!(taken(&mut follower), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_follower_that_was_overtaken_reads_on_from_its_place() {
        let mut follower = follower(Start::After(offset(2)));
        follower.attach();
        follower.on_event(&StreamEvent::Messages(messages(5, 6)));
        assert!(!follower.is_attached());
        assert_eq!(follower.place, Place::At(offset(2)));
        follower.attach();
        follower.on_event(&StreamEvent::Live { offset: other_incarnation(2) });
        assert!(!follower.is_attached());
    }

    #[test]
    fn failures_that_pass_are_tried_again_and_others_end_it() {
        let mut follower = follower(Start::After(offset(2)));
        assert!(follower.on_read_error(ReadError::Failed(Unreachable::Ended.into())));
        assert!(!follower.on_read_error(ReadError::StreamNotFound));
        assert!(
            matches!(follower.take(), Some(Ok(FollowEvent::Reset(reset))) if reset.reason == ResetReason::Deleted)
        );
        for _ in 0..2 {
            assert!(matches!(follower.take(), Some(Err(FollowError::Reset(_)))));
        }
        follower.resume_at(offset(0));
        assert!(follower.take().is_none());
    }

    #[test]
    fn statuses_that_nobody_takes_are_few() {
        let mut follower = follower(Start::Now);
        for _ in 0..1_000 {
            follower.tell(&Status::Retrying {
                after: std::time::Duration::ZERO,
                failure: Unreachable::Ended.into(),
            });
        }
        assert_eq!(follower.queue.len(), Follower::STATUSES_MAX);
    }

    /// A session that gives messages, pages that are read, a user that is slow: in any order.
    #[test]
    fn each_message_is_given_once_in_order_however_it_comes() {
        for seed in 0..500 {
            let mut random = StdRng::seed_from_u64(seed);
            let (mut tail, mut given) = (5_u64, 3_u64); // Of the server, and of the session.
            let mut follower = follower(Start::Beginning);
            let mut all = Vec::new();
            let mut asked: Option<u64> = None;
            follower.detach();
            for _ in 0..300 {
                match random.random_range(0..8) {
                    0 => tail += random.random_range(0..5),
                    1 | 2 => {
                        let to = tail.min(given + random.random_range(0..4));
                        if given < to {
                            follower.on_event(&StreamEvent::Messages(messages(given, to)));
                        }
                        given = to;
                    }
                    3 | 4 => match (asked.take(), &follower.mode) {
                        (Some(from), Mode::Reading(_)) => {
                            let to = tail.min(from + random.random_range(0..6));
                            follower.on_page(page(from, to, to == tail), true);
                        }
                        (_, Mode::Reading(_)) => {
                            asked = Some(follower.place.offset().map_or(0, |place| place.index));
                            follower.on_asked(true);
                        }
                        _ => {}
                    },
                    5 if follower.is_full() => follower.detach(),
                    _ => all.extend(taken(&mut follower)),
                }
            }
            all.extend(taken(&mut follower));
            assert!(all.iter().copied().eq(1..=all.len() as u64), "seed {seed}: {all:?}");
            assert!(all.len() > 3, "seed {seed}: only {all:?}");
        }
    }
}
