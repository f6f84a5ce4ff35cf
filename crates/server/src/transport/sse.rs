//! Server-sent events: reads, waits, and repeats, in one response.

use super::{Read, SSE};
use crate::about::About;
use crate::authorise::{Principal, Right};
use crate::exchange::{Advance, Exchange, Opened};
use crate::expiring::Over;
use crate::forms::{Form, LAST_CHUNK, chunk, heartbeat};
use crate::metrics::Transport;
use crate::worker::core::Core;
use crate::worker::followers::{Following, Owner};
use bytes::Bytes;
use std::time::Duration;
use tidings_engine::{Page, Reply, Step};
use tidings_model::{ContentKind, Reset, Skip};
use tidings_protocol::sse::control::{Control, ControlEnd, write_control_with_id};
use tidings_protocol::{CacheCursor, ReadRequest, Response, StartGiven, header_name, sse};

/// A response that goes on.
struct Sse {
    read: Read,
    following: Option<Following>,
    /// What it waited for; boxed, for it is there for a moment only.
    fetched: Option<Box<Reply>>,
    fetching: bool,
    /// There was no room for its next page.
    is_large: bool,
    /// It may not be read any more.
    forbidden: bool,
    state: State,
}

const _: () = assert!(size_of::<Sse>() <= 64, "with what malloc adds, 80 bytes a follower");

/// How far the response is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing was sent but the head.
    Begun,
    /// What was sent last did not end at the tail.
    Behind,
    /// The reader was told that it stands at the tail.
    Live,
    /// The last event was sent.
    Ended,
}

/// Begins the response, unless there is nothing to follow.
pub(super) fn open(mut read: Read, owner: Owner, asked: &ReadRequest, core: &mut Core) -> Opened {
    let stream = read.reader.stream();
    let resumed = matches!(asked.start, StartGiven::LastEventId(_));
    if resumed && stream.tail() == (read.reader.next(), true) {
        // A browser's EventSource would come back for ever; this stops it.
        let end = stream.offset(read.reader.next());
        let nothing = Response::new(204)
            .with(header_name::STREAM_NEXT_OFFSET, end)
            .with(header_name::STREAM_CLOSED, tidings_protocol::HeaderValue::TRUE);
        return Opened::Response(nothing);
    }
    let mut head = Response::new(200)
        .with(header_name::CONTENT_TYPE, sse::CONTENT_TYPE)
        .with(header_name::CACHE_CONTROL, "no-cache")
        .with(header_name::X_ACCEL_BUFFERING, "no");
    if stream.config().content_type.kind() == ContentKind::Bytes && !read.envelope {
        head = head.with(header_name::STREAM_SSE_DATA_ENCODING, "base64");
    }
    read.reader.follow();
    let stream = read.reader.stream();
    let following = Some(core.follow(stream, owner, 0, SSE));
    let events = Sse {
        read,
        following,
        fetched: None,
        fetching: false,
        is_large: false,
        forbidden: false,
        state: State::Begun,
    };
    Opened::Stream(head, Box::new(events))
}

impl Sse {
    fn wait_for_room(&mut self, owner: Owner, core: &mut Core) -> Advance {
        self.is_large = true;
        core.postpone(owner, 0);
        Advance::WAIT
    }

    fn on_page(&mut self, page: &Page, core: &mut Core, out: &mut Vec<Bytes>) -> Advance {
        self.begin(core, out);
        let cursor = self.cursor(core);
        let form = Form::Sse { envelope: self.read.envelope, chunked: self.read.chunked, cursor };
        out.push(core.forms.encode(form, self.read.reader.stream(), page));
        core.on_delivered(Transport::Sse, page.end - page.start);
        self.read.reader.take(page);
        self.is_large = false;
        self.state = if page.at_tail { State::Live } else { State::Behind };
        match page {
            Page { closed: true, .. } => self.end(out),
            Page { at_tail: true, .. } => Advance::WAIT,
            Page { .. } => Advance::More,
        }
    }

    /// It stayed behind on a stream whose rule is `latest`.
    fn on_skip(&mut self, skip: &Skip, core: &mut Core, out: &mut Vec<Bytes>) -> Advance {
        let control = Control {
            next_offset: skip.to,
            up_to_date: false,
            end: ControlEnd::Open { cursor: self.cursor(core) },
            skipped_from: Some(skip.from),
        };
        let mut events = Vec::new();
        write_control_with_id(&mut events, &control);
        self.push(events, out);
        self.read.reader.advance_to(skip.to.index);
        self.state = State::Behind;
        Advance::More
    }

    fn on_tail(&mut self, closed: bool, core: &mut Core, out: &mut Vec<Bytes>) -> Advance {
        if closed || self.state != State::Live {
            self.begin(core, out);
            let end =
                if closed { ControlEnd::Closed } else { ControlEnd::Open { cursor: self.cursor(core) } };
            let mut events = Vec::new();
            let control =
                Control { next_offset: self.read.reader.tell(), up_to_date: true, end, skipped_from: None };
            write_control_with_id(&mut events, &control);
            self.push(events, out);
            self.state = State::Live;
        }
        if closed { self.end(out) } else { Advance::WAIT }
    }

    fn on_reset(&mut self, reset: &Reset, core: &mut Core, out: &mut Vec<Bytes>) -> Advance {
        core.metrics.resets.of(reset.reason).count();
        self.begin(core, out);
        let mut events = Vec::new();
        sse::write_reset(&mut events, reset);
        self.push(events, out);
        self.end(out)
    }

    /// Before the first event: when a browser comes back after a break.
    fn begin(&mut self, core: &mut Core, out: &mut Vec<Bytes>) {
        if self.state == State::Begun {
            self.state = State::Behind;
            let retry = core.sse_retry();
            self.push_retry(retry, out);
        }
    }

    fn push_retry(&self, wait: Duration, out: &mut Vec<Bytes>) {
        let mut field = Vec::new();
        sse::write_retry(&mut field, u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        self.push(field, out);
    }

    /// The same between two events: what stands before an empty line is no event of its own without data.
    fn push_new_retry(&self, wait: Duration, out: &mut Vec<Bytes>) {
        let mut field = Vec::new();
        sse::write_retry(&mut field, u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        field.push(b'\n');
        self.push(field, out);
    }

    fn push(&self, events: Vec<u8>, out: &mut Vec<Bytes>) {
        out.push(Bytes::from(if self.read.chunked { chunk(&events) } else { events }));
    }

    fn end(&mut self, out: &mut Vec<Bytes>) -> Advance {
        if self.state != State::Ended && self.read.chunked {
            out.push(Bytes::from_static(LAST_CHUNK));
        }
        self.state = State::Ended;
        Advance::End
    }

    fn cursor(&self, core: &mut Core) -> u64 {
        // Without a request's own cursor it is the same for all, so that what is encoded can be shared.
        let random = if self.read.cursor().is_some() { core.random() } else { 0 };
        CacheCursor::next(core.now, self.read.cursor(), random).to_number()
    }
}

impl Exchange for Sse {
    fn advance(&mut self, owner: Owner, core: &mut Core, out: &mut Vec<Bytes>) -> Advance {
        if std::mem::take(&mut self.forbidden) {
            self.on_expired(Over::Forbidden, core, out);
        }
        if self.state == State::Ended {
            return Advance::End;
        }
        let step = match self.fetched.take().map(|reply| *reply) {
            Some(Reply::Fetched(Ok(batches))) => {
                self.fetching = false;
                core.slices.fetched(&mut self.read.reader, batches)
            }
            // The response breaks off; asked again, the reader is told why.
            Some(Reply::Fetched(Err(_)) | Reply::Operation(_)) => return Advance::End,
            None if self.fetching => return Advance::WAIT,
            None if self.is_large && !core.has_room() => return self.wait_for_room(owner, core),
            None => core.slices.step(&mut self.read.reader),
        };
        if let Some(skip) = self.read.reader.skip() {
            return self.on_skip(&skip, core, out);
        }
        match step {
            Step::Page(page) if core.has_no_room_for(&page) => self.wait_for_room(owner, core),
            Step::Page(page) => self.on_page(&page, core, out),
            Step::AtTail { closed } => self.on_tail(closed, core, out),
            Step::Reset(reset) => self.on_reset(&reset, core, out),
            Step::Stored if !core.may_fetch(owner) => self.wait_for_room(owner, core),
            Step::Stored => {
                self.fetching = true;
                let limit = core.slices.fetch_limit(self.read.reader.stream().name());
                core.fetch(&self.read.reader, limit, owner, 0);
                Advance::WAIT
            }
        }
    }

    fn on_reply(&mut self, _number: u32, reply: Reply) {
        self.fetched = Some(Box::new(reply));
    }

    fn on_silence(&mut self, out: &mut Vec<Bytes>) {
        if self.state != State::Ended {
            out.push(heartbeat(self.read.chunked));
        }
    }

    fn on_drain(&mut self, core: &mut Core, out: &mut Vec<Bytes>) {
        if self.state != State::Ended {
            let wait = core.drain_wait();
            self.push_new_retry(wait, out);
            let _end = self.end(out);
        }
    }

    fn on_window(&mut self, core: &mut Core, out: &mut Vec<Bytes>) {
        // One that has not begun is told with its first words.
        if matches!(self.state, State::Behind | State::Live) {
            let retry = core.sse_retry();
            self.push_new_retry(retry, out);
        }
    }

    fn on_expired(&mut self, over: Over, core: &mut Core, out: &mut Vec<Bytes>) {
        if self.state != State::Ended {
            self.begin(core, out);
            self.push(format!(": {}\n\n", over.frame().message).into_bytes(), out);
            let _end = self.end(out);
        }
    }

    fn is_permitted(&self, principal: &Principal) -> bool {
        principal.may(Right::Read, self.read.reader.stream().name())
    }

    fn on_access_changed(&mut self, core: &mut Core) -> bool {
        self.forbidden = !self.is_permitted(&core.access.anybody());
        self.forbidden
    }

    fn lag(&self) -> u64 {
        self.read.reader.lag()
    }

    fn place(&self, _number: u32) -> Option<u64> {
        Some(self.read.reader.next())
    }

    fn describe(&self, about: &mut About) {
        self.read.describe("sse", about);
    }

    fn leave(&mut self, core: &mut Core) {
        if let Some(following) = self.following.take() {
            core.followers.unfollow(following, self.read.reader.stream(), core.now);
        }
    }
}
