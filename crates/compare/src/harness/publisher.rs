//! Publishes: at fixed moments, whatever became of the messages before, or one after the other.
//!
//! Takes bytes and the time, says what to send. Does not know sockets.
//!
//! Over a WebSocket all messages go over one connection, each when it is due, and are stored in that order. By POST each stream has one of
//! a few connections; on each, a message waits until the one before it is answered, since two requests could be stored in either order.

use super::answer::{AnswerReader, Part, room};
use super::dialect::{Dialect, Publish, PublishWay, Reply};
use super::durations::Durations;
use super::payload::{MESSAGE_BYTES_MIN, Marked};
use super::tally::{Tally, Window};
use anyhow::Context as _;
use rand::rngs::SmallRng;
use rand::{Rng as _, RngExt as _};
use std::collections::VecDeque;
use std::sync::Arc;
use tidings_protocol::websocket::frame::{Fin, FrameHeader, Opcode, write_frame};
use tidings_protocol::websocket::handshake::ClientKey;
use tidings_protocol::websocket::{FrameRules, Role};

/// Messages that are sent or due and not acknowledged. Where there are more, publishing was the bottleneck.
pub(super) const IN_FLIGHT_MAX: usize = 4_096;

/// The most connections of a publisher that posts.
pub(super) const LINES_MAX: usize = 64;

/// When messages are due.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pace {
    /// Message `k` at `start_ns + k / per_s`, as long as that is before `end_ns`.
    Fixed { start_ns: u64, end_ns: u64, per_s: f64 },
    /// Each when the one before is acknowledged, until that moment.
    OneByOne { end_ns: u64 },
}

/// What is published, and where.
#[derive(Debug)]
pub(super) struct Course {
    pub(super) dialect: Arc<dyn Dialect>,
    pub(super) by: PublishWay,
    pub(super) streams: Arc<[String]>,
    pub(super) run: u16,
    pub(super) message_bytes: usize,
    /// Whether a message that may have been stored is sent again when a connection was lost.
    pub(super) repeats: bool,
}

#[derive(Debug)]
pub(super) struct Publisher {
    course: Course,
    lines: Vec<Line>,
    pace: Option<Pace>,
    /// How many messages were due so far.
    due: u64,
    acknowledged: u64,
    /// Likewise, of each stream.
    stored: Vec<u64>,
    /// Those of the measured time.
    acknowledged_measured: u64,
    in_flight: usize,
    hit_bound: bool,
    pub(super) round_trip: Durations,
    pub(super) sent_bytes: u64,
    pub(super) received_bytes: u64,
    payload: Vec<u8>,
    text: Vec<u8>,
}

/// One connection.
#[derive(Debug)]
struct Line {
    answers: AnswerReader,
    input: Vec<u8>,
    key: Option<ClientKey>,
    is_open: bool,
    /// Sent and not acknowledged, the oldest first.
    unanswered: VecDeque<Pending>,
    /// Due and not sent.
    waiting: VecDeque<Pending>,
}

#[derive(Clone, Copy, Debug)]
struct Pending {
    number: u64,
    due_ns: u64,
    sent_ns: u64,
}

/// What a publisher is given when something happens to it.
pub(super) struct Turn<'a> {
    pub(super) tally: &'a mut Tally,
    pub(super) random: &'a mut SmallRng,
    pub(super) now_ns: u64,
    /// What is to be sent is appended here.
    pub(super) out: &'a mut Vec<u8>,
}

impl Publisher {
    pub(super) fn new(course: Course) -> anyhow::Result<Publisher> {
        anyhow::ensure!(
            MESSAGE_BYTES_MIN <= course.message_bytes,
            "a message has at least {MESSAGE_BYTES_MIN} bytes"
        );
        let lines = match course.by {
            PublishWay::WebSocket => 1,
            PublishWay::Post => course.streams.len().clamp(1, LINES_MAX),
        };
        Ok(Publisher {
            lines: (0..lines).map(|_| Line::new()).collect(),
            stored: vec![0; course.streams.len()],
            course,
            pace: None,
            due: 0,
            acknowledged: 0,
            acknowledged_measured: 0,
            in_flight: 0,
            hit_bound: false,
            round_trip: Durations::new()?,
            sent_bytes: 0,
            received_bytes: 0,
            payload: Vec::new(),
            text: Vec::new(),
        })
    }

    /// Whether it goes on when the server has been away.
    pub(super) fn repeats(&self) -> bool {
        self.course.repeats
    }

    /// How many connections it has.
    pub(super) fn lines(&self) -> usize {
        self.lines.len()
    }

    /// Whether all of them can be published over.
    pub(super) fn is_open(&self) -> bool {
        self.lines.iter().all(|line| line.is_open)
    }

    pub(super) fn begin(&mut self, pace: Pace) {
        self.pace = Some(pace);
    }

    /// When its next message is due; `None` where none is to come, or only when something is answered.
    pub(super) fn next_due_ns(&self, now_ns: u64) -> Option<u64> {
        match self.pace? {
            pace @ Pace::Fixed { .. } => pace.due_ns(self.due).filter(|_| self.in_flight < IN_FLIGHT_MAX),
            Pace::OneByOne { end_ns } => (self.in_flight == 0 && now_ns < end_ns).then_some(now_ns),
        }
    }

    /// How many messages have been due.
    pub(super) fn due_count(&self) -> u64 {
        self.due
    }

    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// How many messages of each stream were acknowledged: only these can be lost.
    pub(super) fn stored(&self) -> &[u64] {
        &self.stored
    }

    pub(super) fn acknowledged_measured(&self) -> u64 {
        self.acknowledged_measured
    }

    /// Counts anew from here.
    pub(super) fn forget(&mut self) {
        self.acknowledged = 0;
        self.round_trip.clear();
        self.sent_bytes = 0;
        self.received_bytes = 0;
    }

    /// Whether nothing is due any more, and all is acknowledged.
    pub(super) fn is_done(&self, now_ns: u64) -> bool {
        self.in_flight == 0 && self.next_due_ns(now_ns).is_none()
    }

    /// Whether messages had to wait because too many were not acknowledged.
    pub(super) fn hit_bound(&self) -> bool {
        self.hit_bound
    }

    /// Takes the next message that is due. Returns over which connection what is appended goes.
    pub(super) fn on_due(&mut self, turn: &mut Turn<'_>) -> Option<usize> {
        self.note_bound(turn.now_ns);
        let due_ns = self.next_due_ns(turn.now_ns).filter(|due_ns| *due_ns <= turn.now_ns)?;
        // How late it is *taken* is the harness's. If it waits then, for a server that is away or does not answer, that is the server's, and
        // is a part of its latency.
        turn.tally.on_due(turn.now_ns, due_ns);
        let pending = Pending { number: self.due, due_ns, sent_ns: turn.now_ns };
        self.due += 1;
        self.in_flight += 1;
        let stream = pending.number % self.course.streams.len() as u64;
        let at = usize::try_from(stream).unwrap_or(0) % self.lines.len();
        self.lines[at].waiting.push_back(pending);
        self.send_waiting(at, turn);
        Some(at)
    }

    /// Notes when a message that is due has to wait for the answers to others.
    fn note_bound(&mut self, now_ns: u64) {
        let next = self.pace.and_then(|pace| pace.due_ns(self.due));
        self.hit_bound |= self.in_flight == IN_FLIGHT_MAX && next.is_some_and(|due_ns| due_ns <= now_ns);
    }

    fn send_waiting(&mut self, at: usize, turn: &mut Turn<'_>) {
        loop {
            let line = &mut self.lines[at];
            let must_wait = self.course.by == PublishWay::Post && !line.unanswered.is_empty();
            if !line.is_open || must_wait {
                return;
            }
            let Some(mut pending) = line.waiting.pop_front() else { return };
            pending.sent_ns = turn.now_ns;
            self.write(pending, turn);
            self.lines[at].unanswered.push_back(pending);
            if !self.course.dialect.acknowledges(self.course.by) {
                self.on_acknowledged(at, turn);
            }
        }
    }

    fn write(&mut self, pending: Pending, turn: &mut Turn<'_>) {
        let streams = self.course.streams.len() as u64;
        let stream = pending.number % streams;
        let marked = Marked {
            run: self.course.run,
            stream: u32::try_from(stream).unwrap_or(u32::MAX),
            number: pending.number / streams,
            due_ns: pending.due_ns,
        };
        self.payload.clear();
        marked.write(self.course.message_bytes, &mut self.payload);
        let publish = Publish {
            stream: &self.course.streams[marked.stream as usize],
            id: pending.number,
            may_repeat: self.course.repeats,
            payload: &self.payload,
        };
        match self.course.by {
            PublishWay::Post => self.course.dialect.publish(self.course.by, &publish, turn.out),
            PublishWay::WebSocket => {
                self.text.clear();
                self.course.dialect.publish(self.course.by, &publish, &mut self.text);
                write_frame(turn.out, Opcode::Text, Fin::Last, Some(turn.random.random()), &self.text);
            }
        }
    }

    /// The oldest message of that connection is stored.
    fn on_acknowledged(&mut self, at: usize, turn: &mut Turn<'_>) {
        let Some(pending) = self.lines[at].unanswered.pop_front() else { return };
        self.in_flight -= 1;
        self.acknowledged += 1;
        self.stored[usize::try_from(pending.number % self.course.streams.len() as u64).unwrap_or(0)] += 1;
        self.acknowledged_measured += u64::from(turn.tally.is_measured(pending.due_ns));
        self.round_trip.record_ns(turn.now_ns - pending.sent_ns);
    }

    /// That connection is open.
    pub(super) fn on_connected(&mut self, at: usize, turn: &mut Turn<'_>) {
        let line = &mut self.lines[at];
        line.answers = AnswerReader::new();
        line.input.clear();
        if self.course.by == PublishWay::Post {
            line.is_open = true;
            self.send_waiting(at, turn);
            return;
        }
        let mut nonce = [0; ClientKey::NONCE_BYTES];
        turn.random.fill_bytes(&mut nonce);
        let key = ClientKey::new(nonce);
        self.course.dialect.open_publisher(&self.course.streams[0], &key.fields(), turn.out);
        line.key = Some(key);
    }

    /// That connection ended. What may not be stored is sent again over the next, where that is allowed.
    pub(super) fn on_lost(&mut self, at: usize) -> anyhow::Result<()> {
        let line = &mut self.lines[at];
        line.is_open = false;
        anyhow::ensure!(
            self.course.repeats || line.unanswered.is_empty(),
            "the server closed the connection over which messages are published"
        );
        while let Some(pending) = line.unanswered.pop_back() {
            line.waiting.push_front(pending);
        }
        Ok(())
    }

    /// Bytes came over that connection.
    pub(super) fn on_bytes(&mut self, at: usize, bytes: &[u8], turn: &mut Turn<'_>) -> anyhow::Result<()> {
        let mut input = std::mem::take(&mut self.lines[at].input);
        input.extend_from_slice(bytes);
        let left = self.take(at, &input, turn)?;
        anyhow::ensure!(left <= super::follower::INPUT_BYTES_MAX, "an answer to the publisher is too long");
        input.drain(..input.len() - left);
        self.lines[at].input = input;
        self.send_waiting(at, turn);
        Ok(())
    }

    fn take(&mut self, at: usize, input: &[u8], turn: &mut Turn<'_>) -> anyhow::Result<usize> {
        let mut rest = input;
        loop {
            let mut fields = room();
            let part = self.lines[at].answers.next_part(&mut rest, &mut fields)?;
            match part {
                None => return Ok(rest.len()),
                Some(Part::Head(head)) => match self.course.by {
                    PublishWay::Post => {
                        let is_stored = (200..300).contains(&head.status);
                        anyhow::ensure!(is_stored, "a publish was refused with status {}", head.status);
                    }
                    PublishWay::WebSocket => {
                        let key = self.lines[at].key.take().context("an upgrade that nobody asked for")?;
                        key.verify(head.status, head.fields)
                            .context("opening a WebSocket to publish over")?;
                        self.lines[at].is_open = true;
                    }
                },
                Some(Part::Body(_)) => {}
                Some(Part::End { keeps }) => {
                    // Where the server closes, it is opened anew when the end has come.
                    self.lines[at].is_open &= keeps;
                    self.on_acknowledged(at, turn);
                }
                Some(Part::Upgraded) => return self.take_frames(at, rest, turn),
            }
        }
    }

    fn take_frames(&mut self, at: usize, mut rest: &[u8], turn: &mut Turn<'_>) -> anyhow::Result<usize> {
        while let Some((header, begin)) = FrameHeader::parse(rest, FrameRules::plain(Role::Client))? {
            let bytes = usize::try_from(header.payload_bytes).context("a frame beyond memory")?;
            let Some(payload) = rest.get(begin..).and_then(|behind| behind.get(..bytes)) else { break };
            match header.opcode {
                Opcode::Ping => {
                    write_frame(turn.out, Opcode::Pong, Fin::Last, Some(turn.random.random()), payload);
                }
                Opcode::Text => match self.course.dialect.on_publisher_text(payload) {
                    Reply::Nothing => {}
                    Reply::Published => self.on_acknowledged(at, turn),
                    Reply::Refused(why) => anyhow::bail!("a publish was refused: {why}"),
                },
                Opcode::Binary | Opcode::Continuation | Opcode::Pong | Opcode::Close => {}
            }
            rest = &rest[begin + bytes..];
        }
        Ok(rest.len())
    }
}

impl Line {
    fn new() -> Line {
        Line {
            answers: AnswerReader::new(),
            input: Vec::new(),
            key: None,
            is_open: false,
            unanswered: VecDeque::new(),
            waiting: VecDeque::new(),
        }
    }
}

impl Pace {
    /// When the message of that number is due; `None` where there is no such message, or none has a moment of its own.
    fn due_ns(self, number: u64) -> Option<u64> {
        match self {
            Pace::Fixed { start_ns, end_ns, per_s } => {
                let due_ns = start_ns + offset_ns(number, per_s)?;
                (due_ns < end_ns).then_some(due_ns)
            }
            Pace::OneByOne { .. } => None,
        }
    }

    /// How many messages are due within a window, of those with these remainders of their number: one count for each stream.
    pub(super) fn counts(self, window: Window, streams: usize) -> Vec<u64> {
        let mut counts = vec![0; streams];
        let dues = (0..).map_while(|number| self.due_ns(number));
        for (number, due_ns) in dues.enumerate() {
            counts[number % streams] += u64::from(window.has(due_ns));
        }
        counts
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a run has far fewer than 2^53 messages and nanoseconds, none of them before its beginning"
)]
fn offset_ns(number: u64, per_s: f64) -> Option<u64> {
    (0.0 < per_s).then(|| (number as f64 * 1e9 / per_s) as u64)
}

#[cfg(test)]
mod tests {
    use super::super::dialect::Tidings;
    use super::super::origin::Origin;
    use super::*;
    use rand::SeedableRng as _;

    const S: u64 = 1_000_000_000;

    #[test]
    fn what_waits_for_a_server_that_is_away_is_not_the_harness_being_late() {
        let origin = Origin::at("host".to_owned());
        let course = Course {
            dialect: Arc::new(Tidings { origin, durability: None, ttl_s: None }),
            by: PublishWay::Post,
            streams: Arc::new(["s".to_owned()]),
            run: 7,
            message_bytes: 100,
            repeats: true,
        };
        let mut publisher = Publisher::new(course).unwrap();
        let mut tally = Tally::new().unwrap();
        tally.measure(Window { begin_ns: S, end_ns: 9 * S });
        publisher.begin(Pace::Fixed { start_ns: S, end_ns: 9 * S, per_s: 1.0 });
        let (mut random, mut out) = (SmallRng::seed_from_u64(1), Vec::new());
        let now_ns = S + 1_000_000;
        publisher.on_due(&mut Turn { tally: &mut tally, random: &mut random, now_ns, out: &mut out });
        let now_ns = 2 * S - 1;
        publisher
            .on_connected(0, &mut Turn { tally: &mut tally, random: &mut random, now_ns, out: &mut out });
        assert!(out.starts_with(b"POST "), "it is sent when that is possible");
        assert!(tally.lateness.at_ms(0.99) < 1.1, "{} ms late", tally.lateness.at_ms(0.99));
        assert_eq!(publisher.stored(), [0], "nothing is acknowledged");
    }
}
