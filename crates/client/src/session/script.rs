//! The words in which tests of the session are written.

use super::{Action, AttemptId, Event, FramePage, Heard, Session, StreamEvent};
use crate::backoff::Chance;
use crate::{Failure, Timing, Unreachable, Via};
use bytes::Bytes;
use std::time::{Duration, Instant};
use tidings_model::{Incarnation, Offset, StreamName, Timestamp};
use tidings_protocol::envelope::EnvelopeData;
use tidings_protocol::websocket::server_message::{Hello, ServerMessage};

/// Some moment; made-up time begins there.
pub(crate) fn start_of_time() -> Instant {
    use std::sync::OnceLock;
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(|| tokio::time::Instant::now().into_std())
}

/// The place after `index` messages.
pub(crate) fn offset(index: u64) -> Offset {
    Offset { incarnation: Incarnation::of_disk(0xaaaa), index }
}

/// The same place of a stream that was made again.
pub(crate) fn other_incarnation(index: u64) -> Offset {
    Offset { incarnation: Incarnation::of_disk(0xbbbb), index }
}

/// A stream.
pub(crate) fn name(text: &str) -> StreamName {
    StreamName::parse(text).expect("a name")
}

/// The frame of the message before a place.
pub(crate) fn message(stream: &str, offset: Offset) -> ServerMessage {
    let data = EnvelopeData::Json(Bytes::from(offset.index.to_string()));
    ServerMessage::Message { stream: name(stream), offset, time: Timestamp(offset.index), data }
}

/// The first frame of a WebSocket.
pub(crate) fn hello(heartbeat: Duration) -> ServerMessage {
    ServerMessage::Hello(Hello { heartbeat, max_message_bytes: 1 << 20, max_streams: 1_000 })
}

/// A connection that broke.
pub(crate) fn broken() -> Heard {
    Heard::Lost(Failure::Unreachable(Unreachable::Broken("reset".into())))
}

/// The whole answer to a poll or a long poll, up to the tail.
pub(crate) fn page(frames: Vec<ServerMessage>) -> Heard {
    Heard::Page(FramePage { frames, up_to_date: true, poll_interval: None })
}

/// A session, its made-up clock, and what it has said.
pub(crate) struct Script {
    pub(crate) session: Session,
    pub(crate) now: Instant,
    events: Vec<Event>,
}

impl Script {
    /// A session without streams.
    pub(crate) fn new(via: Via, timing: Timing, chance: Chance) -> Script {
        let now = start_of_time();
        Script { session: Session::new(via, timing, chance, now), now, events: Vec::new() }
    }

    /// The actions since the last call.
    pub(crate) fn actions(&mut self) -> Vec<Action> {
        std::iter::from_fn(|| self.session.poll_action()).collect()
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
        }
        self.now = until;
        self.take_events();
    }

    fn take_events(&mut self) {
        self.events.extend(std::iter::from_fn(|| self.session.poll_event()));
    }

    /// The events since the last call.
    pub(crate) fn events(&mut self) -> Vec<Event> {
        self.take_events();
        std::mem::take(&mut self.events)
    }

    /// What happened in streams since the last call.
    pub(crate) fn stream_events(&mut self) -> Vec<(StreamName, StreamEvent)> {
        let of_stream = |event| match event {
            Event::Stream(stream, event) => Some((stream, event)),
            Event::Status(_) => None,
        };
        self.events().into_iter().filter_map(of_stream).collect()
    }
}
