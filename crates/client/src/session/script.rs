//! The words in which tests of the session are written.

use super::{Action, AttemptId, Heard, Session};
use crate::{Data, Failure, FollowEvent, FollowOptions, Message, Page, Transport, Unreachable, Via};
use bytes::Bytes;
use std::time::{Duration, Instant};
use tidings_model::{Incarnation, Offset, Start, Timestamp};

/// Some moment; made-up time begins there.
pub(crate) fn start_of_time() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// The place after `index` messages.
pub(crate) fn offset(index: u64) -> Offset {
    Offset { incarnation: Incarnation::of_disk(0xabc), index }
}

/// The same place of a stream that was made again.
pub(crate) fn other_incarnation(index: u64) -> Offset {
    Offset { incarnation: Incarnation::of_disk(0xdef), index }
}

/// The message before the place `index`.
pub(crate) fn message(index: u64) -> Message {
    let json = Bytes::from(index.to_string());
    Message { offset: offset(index), time: Timestamp(index), data: Data::Json(json) }
}

/// The messages between two places.
pub(crate) fn messages(after: u64, to: u64) -> Heard {
    Heard::Messages((after + 1..=to).map(message).collect())
}

/// A page of the messages between two places, up to the tail.
pub(crate) fn page(after: u64, to: u64) -> Heard {
    Heard::Page(last_page(after, to))
}

/// The same page, for tests that change something in it.
pub(crate) fn last_page(after: u64, to: u64) -> Page {
    Page {
        messages: (after + 1..=to).map(message).collect(),
        next: offset(to),
        up_to_date: true,
        closed: false,
        poll_interval: None,
        earliest: None,
        etag: None,
    }
}

/// The server is there, and has nothing before this place that was not sent.
pub(crate) fn live(index: u64) -> Heard {
    Heard::At { offset: offset(index), up_to_date: true }
}

/// The first frame of a WebSocket.
pub(crate) fn hello() -> Heard {
    Heard::Hello { heartbeat: Duration::from_secs(25) }
}

/// A connection that broke.
pub(crate) fn broken() -> Heard {
    Heard::Lost(Failure::Unreachable(Unreachable::Broken("reset".into())))
}

/// A session, its made-up clock, and what it has said.
pub(crate) struct Script {
    pub(crate) session: Session,
    pub(crate) now: Instant,
    begin: Instant,
    events: Vec<FollowEvent>,
}

impl Script {
    /// A follow that has had its first turn.
    pub(crate) fn begin(via: Via, start: Start) -> Script {
        Script::with(FollowOptions { via, start, wait_for_stream: false }, 7)
    }

    /// The same with all that can be said.
    pub(crate) fn with(options: FollowOptions, seed: u64) -> Script {
        let now = start_of_time();
        let mut session = Session::new(options, seed, now);
        session.on_time(now);
        Script { session, now, begin: now, events: Vec::new() }
    }

    /// How long it has lasted.
    pub(crate) fn elapsed(&self) -> Duration {
        self.now - self.begin
    }

    /// The actions since the last call.
    pub(crate) fn actions(&mut self) -> Vec<Action> {
        std::iter::from_fn(|| self.session.poll_action()).collect()
    }

    /// The attempts that were started since the last call, by transport; everything else is dropped.
    pub(crate) fn started(&mut self) -> Vec<(Transport, AttemptId)> {
        self.actions().iter().filter_map(started).collect()
    }

    /// The one attempt that was started since the last call.
    pub(crate) fn started_one(&mut self, transport: Transport) -> AttemptId {
        match self.started()[..] {
            [(only, id)] if only == transport => id,
            ref other => panic!("not one {transport}: {other:?}"),
        }
    }

    /// Something is heard.
    pub(crate) fn hear(&mut self, id: AttemptId, heard: Heard) {
        self.session.on_heard(id, heard, self.now);
        self.take_events();
    }

    /// Time passes, turn by turn, as a driver would let it pass.
    pub(crate) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        let mut turns = 0;
        while let Some(due) = self.session.poll_timeout().filter(|due| *due <= until) {
            turns += 1;
            assert!(turns < 1_000, "the session does not rest");
            self.now = self.now.max(due);
            self.session.on_time(self.now);
            self.take_events();
        }
        self.now = until;
        self.session.on_time(until);
        self.take_events();
    }

    /// Time passes until an attempt starts; at most `limit`.
    pub(crate) fn pass_until_start(&mut self, limit: Duration) -> (Transport, AttemptId) {
        let end = self.now + limit;
        loop {
            if let Some(one) = self.started().into_iter().next() {
                return one;
            }
            let due = self.session.poll_timeout().filter(|due| *due <= end);
            self.now = due.unwrap_or_else(|| panic!("nothing starts within {limit:?}")).max(self.now);
            self.session.on_time(self.now);
            self.take_events();
        }
    }

    fn take_events(&mut self) {
        self.events.extend(std::iter::from_fn(|| self.session.poll_event()));
    }

    /// The events since the last call, without statuses.
    pub(crate) fn events(&mut self) -> Vec<FollowEvent> {
        let events = std::mem::take(&mut self.events);
        events.into_iter().filter(|event| !matches!(event, FollowEvent::Status(_))).collect()
    }

    /// The events since the last call.
    pub(crate) fn all_events(&mut self) -> Vec<FollowEvent> {
        std::mem::take(&mut self.events)
    }

    /// The places after the messages that were given since the last call.
    pub(crate) fn given(&mut self) -> Vec<u64> {
        let events = self.all_events().into_iter();
        events
            .flat_map(|event| match event {
                FollowEvent::Messages(messages) => messages,
                FollowEvent::Live { .. }
                | FollowEvent::Skipped(_)
                | FollowEvent::Reset(_)
                | FollowEvent::Closed { .. }
                | FollowEvent::Status(_) => Vec::new(),
            })
            .map(|message| message.offset.index)
            .collect()
    }
}

fn started(action: &Action) -> Option<(Transport, AttemptId)> {
    match action {
        Action::Poll { id, .. } => Some((Transport::Poll, *id)),
        Action::LongPoll { id, .. } => Some((Transport::LongPoll, *id)),
        Action::Sse { id, .. } => Some((Transport::Sse, *id)),
        Action::WebSocket { id } => Some((Transport::WebSocket, *id)),
        Action::Subscribe { .. } | Action::Close { .. } => None,
    }
}
