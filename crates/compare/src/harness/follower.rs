//! One follower: what it asks, what it makes of what comes, and when it comes again. A good plain client, and no more.
//!
//! Takes bytes and the time, says what to send and what becomes of its connection. Does not know sockets.

use super::answer::{AnswerReader, Part, room};
use super::backoff::Backoff;
use super::comeback::Comeback;
use super::dialect::{AnswerHead, Dialect, Place, Told, Verdict};
use super::event_lines::{EventLines, Line};
use super::payload::{Marked, Marks};
use super::said::said;
use super::tally::Tally;
use super::track::Track;
use crate::clock::nanoseconds;
use crate::way::Way;
use anyhow::Context as _;
use rand::rngs::SmallRng;
use rand::{Rng as _, RngExt as _};
use std::sync::Arc;
use std::time::Duration;
use tidings_protocol::Headers as _;
use tidings_protocol::header_name as name;
use tidings_protocol::websocket::close_code::CloseCode;
use tidings_protocol::websocket::frame::{Fin, FrameHeader, Opcode, close_payload, write_frame};
use tidings_protocol::websocket::handshake::ClientKey;
use tidings_protocol::websocket::{FrameRules, Role};

/// The most of an answer or frame that is held because it is not whole, by each follower: sixteen times the largest message. Bodies are not
/// held.
pub(super) const INPUT_BYTES_MAX: usize = 1 << 20;

const RULES: FrameRules = FrameRules::plain(Role::Client);

/// What all followers of a run share.
#[derive(Debug)]
pub(super) struct Course {
    pub(super) dialect: Arc<dyn Dialect>,
    pub(super) way: Way,
    pub(super) streams: Arc<[String]>,
    /// What the messages of this run are marked with.
    pub(super) run: u16,
    pub(super) marks: Marks,
}

/// What a follower is given when something happens to it.
pub(super) struct Turn<'a> {
    pub(super) course: &'a Course,
    pub(super) tally: &'a mut Tally,
    pub(super) random: &'a mut SmallRng,
    pub(super) now_ns: u64,
    /// What is to be sent is appended here.
    pub(super) out: &'a mut Vec<u8>,
}

/// What becomes of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It goes on.
    Stay,
    /// It is closed, and opened when the follower is due.
    Close,
    /// It is closed, and another is opened at that moment.
    Reconnect {
        /// By the clock of the run.
        at_ns: u64,
    },
}

#[derive(Debug)]
pub(super) struct Follower {
    stream: u32,
    place: Place,
    track: Track,
    answers: AnswerReader,
    events: EventLines,
    /// Of the upgrade that is not answered yet.
    key: Option<ClientKey>,
    /// The beginning of what is not whole yet; nearly always empty.
    input: Vec<u8>,
    /// The end of a part of a body that may be the beginning of a message.
    torn: Vec<u8>,
    /// Messages whose answer or event is not whole yet: who loses its connection now will ask for them again.
    found: Vec<Marked>,
    /// Where it was before the answer that is not whole yet.
    before: Place,
    /// After trouble, until the end of the run.
    comeback: Option<Box<Comeback>>,
    backoff: Backoff,
    /// What the server wants followers to wait before they come again.
    retry: Duration,
    verdict: Verdict,
    /// A request is to be sent or to be answered.
    is_asking: bool,
    request: Request,
    has_joined: bool,
    is_closing: bool,
}

/// The last request.
#[derive(Clone, Copy, Debug, Default)]
struct Request {
    /// It belongs to the measured time, and is not answered.
    counts: bool,
    /// It brought messages.
    brought: bool,
}

impl Follower {
    pub(super) fn new(stream: u32, place: Place) -> Follower {
        Follower {
            stream,
            place,
            track: Track::default(),
            answers: AnswerReader::new(),
            events: EventLines::default(),
            key: None,
            input: Vec::new(),
            torn: Vec::new(),
            found: Vec::new(),
            before: Place::default(),
            comeback: None,
            backoff: Backoff::default(),
            retry: Duration::ZERO,
            verdict: Verdict::Fine,
            is_asking: true,
            request: Request::default(),
            has_joined: false,
            is_closing: false,
        }
    }

    /// Whether it gets all that is published from now on.
    pub(super) fn has_joined(&self) -> bool {
        self.has_joined
    }

    /// Whether it has that many messages, from the first.
    #[cfg(test)]
    fn has_all_below(&self, end: u64) -> bool {
        self.track.has_all_below(end)
    }

    pub(super) fn stream(&self) -> u32 {
        self.stream
    }

    /// Trouble begins: from now on it is noted when the follower is whole again.
    pub(super) fn on_trouble(&mut self, has_connection: bool, now_ns: u64) {
        self.comeback = Some(Box::new(Comeback::new(has_connection, now_ns)));
    }

    /// What it takes to be whole is known, or it has got more: so many messages of its stream were due when the server was back.
    pub(super) fn note_caught_up(&mut self, end: u64, now_ns: u64) {
        if let Some(comeback) = self.comeback.as_mut().filter(|it| !it.has_caught_up())
            && self.track.has_all_below(end)
        {
            comeback.on_caught_up(now_ns);
        }
    }

    /// What became of it after trouble.
    pub(super) fn comeback(&self) -> Option<&Comeback> {
        self.comeback.as_deref()
    }

    /// Its connection is open.
    pub(super) fn on_connected(&mut self, turn: &mut Turn<'_>) {
        self.answers = AnswerReader::new();
        self.events = EventLines::default();
        self.input.clear();
        self.torn.clear();
        self.found.clear();
        if self.is_asking {
            self.ask(turn);
        }
        // Only the server knows when a long poll is held; whoever wants to know that it is, waits until the server is quiet.
        self.has_joined |= matches!(turn.course.way, Way::LongPoll | Way::LongPollClosing);
    }

    /// Its next poll is due. Returns whether a connection is needed.
    pub(super) fn on_poll_due(&mut self, has_connection: bool, due_ns: u64, turn: &mut Turn<'_>) -> bool {
        if self.is_asking {
            turn.tally.on_skipped_poll(due_ns);
            return false;
        }
        turn.tally.on_due(turn.now_ns, due_ns);
        self.is_asking = true;
        if has_connection {
            self.ask(turn);
        }
        !has_connection
    }

    /// Its connection ended, or could not be opened.
    pub(super) fn on_lost(&mut self, turn: &mut Turn<'_>) -> Step {
        if let Some(comeback) = &mut self.comeback {
            comeback.on_lost();
        }
        if self.is_closing {
            return Step::Close;
        }
        if self.answers.is_to_end() && asks_for_pages(turn.course.way) {
            // The end of the connection is that of the answer.
            return self.on_end(false, turn);
        }
        if self.answers.is_within() && asks_for_pages(turn.course.way) {
            // What came of the answer is asked for again.
            self.place.copy_from(&self.before);
        }
        let is_idle_poll = matches!(turn.course.way, Way::Poll { .. }) && !self.is_asking;
        if is_idle_poll {
            return Step::Close;
        }
        self.come_again(Duration::ZERO, turn)
    }

    /// Ends in the way that the protocol has for it. Returns whether the server's answer is awaited.
    pub(super) fn close(&mut self, turn: &mut Turn<'_>) -> bool {
        self.is_closing = true;
        let is_open = turn.course.way == Way::WebSocket && self.key.is_none() && self.has_joined;
        if is_open {
            write_close(turn);
        }
        is_open
    }

    /// Bytes came.
    pub(super) fn on_bytes(&mut self, bytes: &[u8], turn: &mut Turn<'_>) -> anyhow::Result<Step> {
        if self.input.is_empty() {
            let (left, step) = self.take(bytes, turn)?;
            self.input.extend_from_slice(&bytes[bytes.len() - left..]);
            return Ok(step);
        }
        let mut input = std::mem::take(&mut self.input);
        anyhow::ensure!(
            input.len() <= INPUT_BYTES_MAX,
            "an answer has a part of more than {INPUT_BYTES_MAX} bytes"
        );
        input.extend_from_slice(bytes);
        let (left, step) = self.take(&input, turn)?;
        input.drain(..input.len() - left);
        self.input = input;
        Ok(step)
    }

    /// Takes what is whole. Returns how many bytes at the end are not.
    fn take(&mut self, input: &[u8], turn: &mut Turn<'_>) -> anyhow::Result<(usize, Step)> {
        let mut rest = input;
        // A copy, since what it finds is given to the others of its fields.
        let mut answers = self.answers;
        loop {
            let mut fields = room();
            let part = answers.next_part(&mut rest, &mut fields)?;
            self.answers = answers;
            let step = match part {
                None => return Ok((rest.len(), Step::Stay)),
                Some(Part::Head(head)) => self.on_head(&head, turn)?,
                Some(Part::Body(body)) => self.on_body(body, turn)?,
                Some(Part::End { keeps }) => self.on_end(keeps, turn),
                Some(Part::Upgraded) => return self.on_frames(rest, turn),
            };
            if step != Step::Stay {
                return Ok((0, step));
            }
        }
    }

    fn on_head(&mut self, head: &AnswerHead<'_>, turn: &mut Turn<'_>) -> anyhow::Result<Step> {
        let way = turn.course.way;
        if asks_for_pages(way) {
            self.before.copy_from(&self.place);
        }
        if let Some(coding) = head.fields.first_text(name::CONTENT_ENCODING).filter(|it| *it != "identity") {
            let coding = said(coding.as_bytes());
            anyhow::bail!(
                "the server compresses what it sends ({coding}), though nobody asked for that: it can't be read here"
            );
        }
        self.verdict = turn.course.dialect.on_head(way, head, &mut self.place);
        if matches!(self.verdict, Verdict::Later(_)) {
            turn.tally.refused_status = Some(head.status);
        }
        match &self.verdict {
            Verdict::Over(why) => anyhow::bail!("{why}"),
            Verdict::Later(after) if matches!(way, Way::Sse | Way::WebSocket) => {
                let after = *after;
                return Ok(self.come_again(after.unwrap_or_default(), turn));
            }
            Verdict::Fine | Verdict::HasMore | Verdict::Later(_) => {}
        }
        match way {
            Way::Sse => self.on_joined(turn.now_ns),
            Way::WebSocket => {
                let key = self.key.take().context("an upgrade that nobody asked for")?;
                key.verify(head.status, head.fields)?;
                if turn.course.dialect.joins_by_upgrade() {
                    self.on_joined(turn.now_ns);
                }
            }
            Way::Poll { .. } | Way::LongPoll | Way::LongPollClosing => {}
        }
        Ok(Step::Stay)
    }

    fn on_joined(&mut self, now_ns: u64) {
        if let Some(comeback) = &mut self.comeback {
            comeback.on_followed(now_ns);
        }
        self.has_joined = true;
        self.is_asking = false;
        self.backoff.on_success();
    }

    fn on_body(&mut self, body: &[u8], turn: &mut Turn<'_>) -> anyhow::Result<Step> {
        if turn.course.way == Way::Sse {
            return self.on_events(body, turn);
        }
        self.search(body, turn)?;
        Ok(Step::Stay)
    }

    /// Looks for messages in a part of what may go on.
    fn search(&mut self, part: &[u8], turn: &mut Turn<'_>) -> anyhow::Result<()> {
        let mut held = std::mem::take(&mut self.torn);
        if held.is_empty() {
            let left = self.find(part, turn)?;
            held.extend_from_slice(&part[part.len() - left..]);
        } else {
            held.extend_from_slice(part);
            let left = self.find(&held, turn)?;
            held.drain(..held.len() - left);
        }
        self.torn = held;
        Ok(())
    }

    fn find(&mut self, input: &[u8], turn: &mut Turn<'_>) -> anyhow::Result<usize> {
        let course = turn.course;
        let Follower { found, request, stream, .. } = self;
        course.marks.find(input, |marked: Marked| {
            // A server that others use too may carry what is theirs.
            if marked.run == course.run && marked.stream == *stream {
                request.brought = true;
                found.push(marked);
            }
        })
    }

    /// What was found is whole, and its place is known.
    fn deliver(&mut self, turn: &mut Turn<'_>) {
        for marked in self.found.drain(..) {
            turn.tally.on_message(turn.now_ns, &marked, self.track.on_message(marked.number));
        }
    }

    fn on_events(&mut self, body: &[u8], turn: &mut Turn<'_>) -> anyhow::Result<Step> {
        let mut events = std::mem::take(&mut self.events);
        let taken = events.take(body, |line| {
            match line {
                Line::Data(event) => {
                    self.find(event.data, turn)?;
                    match turn.course.dialect.on_event(event, &mut self.place) {
                        Told::Over(why) => anyhow::bail!("{why}"),
                        Told::NotYet => {}
                        Told::Nothing | Told::Joined | Told::Drain(_) => self.deliver(turn),
                    }
                }
                Line::RetryMs(ms) => self.retry = Duration::from_millis(*ms),
                Line::Other => {}
            }
            Ok(())
        });
        self.events = events;
        taken.map(|()| Step::Stay)
    }

    /// An answer is over.
    fn on_end(&mut self, keeps: bool, turn: &mut Turn<'_>) -> Step {
        self.torn.clear();
        if turn.course.way == Way::Sse {
            return self.come_again(self.retry, turn);
        }
        self.has_joined = true;
        self.is_asking = false;
        self.deliver(turn);
        self.note_if_empty(turn);
        match self.verdict {
            Verdict::Later(after) => {
                self.is_asking = true;
                return self.come_again(after.unwrap_or_default(), turn);
            }
            Verdict::Fine if matches!(turn.course.way, Way::Poll { .. }) => {}
            Verdict::Fine | Verdict::HasMore | Verdict::Over(_) => self.is_asking = true,
        }
        if let Some(comeback) = &mut self.comeback {
            comeback.on_answered(turn.course.way, turn.now_ns);
        }
        self.backoff.on_success();
        match (self.is_asking, keeps) {
            (true, true) => {
                self.ask(turn);
                Step::Stay
            }
            (true, false) => Step::Reconnect { at_ns: turn.now_ns },
            (false, true) => Step::Stay,
            (false, false) => Step::Close,
        }
    }

    /// Sends the request with which it goes on.
    fn ask(&mut self, turn: &mut Turn<'_>) {
        let course = turn.course;
        let stream = &course.streams[self.stream as usize];
        let upgrade = (course.way == Way::WebSocket).then(|| {
            let mut nonce = [0; ClientKey::NONCE_BYTES];
            turn.random.fill_bytes(&mut nonce);
            ClientKey::new(nonce)
        });
        let fields = upgrade.as_ref().map(ClientKey::fields);
        let fields = fields.as_ref().map_or(&[][..], |fields| &fields[..]);
        course.dialect.follow(course.way, stream, &self.place, fields, turn.out);
        self.key = upgrade;
        self.is_asking = true;
        if let Some(comeback) = &mut self.comeback {
            comeback.on_asked(turn.now_ns);
        }
        self.request = Request { counts: turn.tally.on_request(turn.now_ns), brought: false };
    }

    fn note_if_empty(&mut self, turn: &mut Turn<'_>) {
        if std::mem::take(&mut self.request.counts) && !self.request.brought {
            turn.tally.on_empty_answer(turn.now_ns);
        }
    }

    /// Comes again, and goes on where it is.
    fn come_again(&mut self, at_least: Duration, turn: &mut Turn<'_>) -> Step {
        self.note_if_empty(turn);
        self.is_asking = true;
        self.key = None;
        let at_least = at_least.max(self.retry);
        Step::Reconnect { at_ns: self.backoff.next_ns(turn.now_ns, at_least, turn.random) }
    }

    fn on_frames(&mut self, mut rest: &[u8], turn: &mut Turn<'_>) -> anyhow::Result<(usize, Step)> {
        while let Some((header, begin)) = FrameHeader::parse(rest, RULES)? {
            let bytes = usize::try_from(header.payload_bytes).context("a frame beyond memory")?;
            let Some(payload) = rest.get(begin..).and_then(|behind| behind.get(..bytes)) else { break };
            let step = self.on_frame(header, payload, turn)?;
            if step != Step::Stay {
                return Ok((0, step));
            }
            rest = &rest[begin + bytes..];
        }
        Ok((rest.len(), Step::Stay))
    }

    fn on_frame(&mut self, header: FrameHeader, payload: &[u8], turn: &mut Turn<'_>) -> anyhow::Result<Step> {
        match header.opcode {
            Opcode::Text | Opcode::Binary | Opcode::Continuation => self.on_part(header, payload, turn),
            Opcode::Ping => {
                write_frame(turn.out, Opcode::Pong, Fin::Last, Some(turn.random.random()), payload);
                Ok(Step::Stay)
            }
            Opcode::Pong => Ok(Step::Stay),
            Opcode::Close if self.is_closing => Ok(Step::Close),
            Opcode::Close => {
                write_close(turn);
                Ok(self.come_again(Duration::ZERO, turn))
            }
        }
    }

    /// A message, or a part of one.
    fn on_part(&mut self, header: FrameHeader, payload: &[u8], turn: &mut Turn<'_>) -> anyhow::Result<Step> {
        if header.fin == Fin::More || header.opcode == Opcode::Continuation {
            self.search(payload, turn)?;
            if header.fin == Fin::Last {
                self.torn.clear();
                self.deliver(turn);
            }
            return Ok(Step::Stay);
        }
        self.find(payload, turn)?;
        self.deliver(turn);
        match turn.course.dialect.on_text(payload, &mut self.place) {
            Told::Nothing | Told::NotYet => {}
            Told::Joined => self.on_joined(turn.now_ns),
            Told::Over(why) => anyhow::bail!("{why}"),
            Told::Drain(within) => {
                write_close(turn);
                self.come_again(Duration::ZERO, turn);
                let wait_ns = turn.random.random_range(0..=nanoseconds(within));
                return Ok(Step::Reconnect { at_ns: turn.now_ns + wait_ns });
            }
        }
        Ok(Step::Stay)
    }
}

/// Whether each answer is a page, which counts when it is whole.
fn asks_for_pages(way: Way) -> bool {
    matches!(way, Way::Poll { .. } | Way::LongPoll | Way::LongPollClosing)
}

fn write_close(turn: &mut Turn<'_>) {
    let mask = turn.random.random();
    write_frame(turn.out, Opcode::Close, Fin::Last, Some(mask), &close_payload(CloseCode::NORMAL, ""));
}

#[cfg(test)]
mod tests;
