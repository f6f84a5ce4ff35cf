//! A feed: any number of streams, told in frames of `tidings.v1`, in one direction. A WebSocket is a feed that can be changed while it
//! goes; a read of many streams is one that can't.
//!
//! Knows readers, whose turn it is, and which frame is due. Does not know sockets, HTTP, or what a frame is
//! [wrapped](Wrapping) in.

mod subscriptions;

use crate::about::About;
use crate::authorise::{Principal, Right, authorise};
use crate::forms::{Form, Wrapping};
use crate::metrics::Transport;
use crate::transport;
use crate::worker::core::Core;
use crate::worker::followers::Owner;
use bytes::Bytes;
use std::sync::Arc;
use subscriptions::Subscriptions;
use tidings_engine::{FollowerKind, Page, Reader, Reply, Step};
use tidings_model::{Reset, Skip, Start, StreamName};
use tidings_protocol::websocket::server_message::writer::{
    write_closed, write_live, write_problem, write_reset, write_skipped, write_subscribed,
};
use tidings_protocol::{ErrorCode, Problem};

/// What a step of a feed came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stepped {
    /// None could go on.
    Nobody,
    /// The stream of that number went on as far as it could.
    On { number: u32 },
    /// It goes on with the reply of the disk.
    AskedTheDisk,
    /// It goes on when it is told of a change: there is no room for its next page.
    Postponed,
}

/// What one connection or request follows.
pub(super) struct Feed {
    subscriptions: Subscriptions,
    next_number: u32,
    wrapping: Wrapping,
    /// What its messages are counted as.
    pub(super) transport: Transport,
    /// Whether its first words were said; for whoever has it, since here is room.
    pub(super) greeted: bool,
}

impl Feed {
    /// A feed of nothing yet, with room for so many streams.
    pub(super) fn new(wrapping: Wrapping, count: usize) -> Feed {
        let subscriptions = Subscriptions::with_room_for(count);
        let transport = match wrapping {
            Wrapping::WebSocket { .. } => Transport::WebSocket,
            Wrapping::Event { .. } => Transport::Sse,
            Wrapping::Element => Transport::Poll,
        };
        Feed { subscriptions, next_number: 0, wrapping, transport, greeted: false }
    }

    pub(super) fn wrapping(&self) -> Wrapping {
        self.wrapping
    }

    /// How many streams it follows.
    pub(super) fn len(&self) -> usize {
        self.subscriptions.len()
    }

    /// Whether it follows that stream.
    pub(super) fn has(&self, name: &StreamName) -> bool {
        self.subscriptions.number_of(name.as_str()).is_some()
    }

    /// Whether one can go on.
    pub(super) fn any_ready(&self) -> bool {
        self.subscriptions.any_ready()
    }

    /// Lets another one begin than the first.
    pub(super) fn turn_by(&mut self, count: usize) {
        self.subscriptions.turn_by(count);
    }

    /// A number that was never used: for a subscription, or whatever else is asked under the same owner.
    pub(super) fn number(&mut self) -> u32 {
        self.next_number = self.next_number.wrapping_add(1);
        self.next_number
    }

    /// Begins with a stream, as a follower of that kind, or to read what is there; writes what there is to say of that. Gives
    /// its number, which is above all before.
    pub(super) fn subscribe(
        &mut self,
        principal: &Principal,
        (name, start): (&StreamName, Start),
        kind: Option<FollowerKind>,
        owner: Owner,
        core: &mut Core,
        out: &mut Vec<u8>,
    ) -> u32 {
        let number = self.number();
        match open(principal, name, start, kind, core) {
            Err(problem) => self.refuse(name, &problem, out),
            Ok(Err(reset)) => {
                core.metrics.resets.of(reset.reason).count();
                self.wrapping.write(out, |text| write_reset(text, name, &reset));
            }
            Ok(Ok(mut reader)) => {
                match kind {
                    None => reader.stream().polled(core.now),
                    Some(_) if self.answers_once() => {}
                    Some(_) => reader.follow(),
                }
                let offset = reader.tell();
                // Who asks by a token knows where it begins, and again and again: it is told what is new.
                let is_known = self.answers_once() && matches!(start, Start::After(_));
                if !is_known {
                    self.wrapping.write(out, |text| write_subscribed(text, name, offset));
                }
                self.subscriptions.add(number, reader, is_known, owner, kind, core);
            }
        }
        number
    }

    /// Ends with a stream; says whether there was anything to end.
    pub(super) fn unsubscribe(&mut self, name: &StreamName, core: &mut Core) -> bool {
        let number = self.subscriptions.number_of(name.as_str());
        if let Some(number) = number {
            self.subscriptions.remove(number, core);
        }
        number.is_some()
    }

    /// Whether this principal may read all of them.
    pub(super) fn is_permitted(&self, principal: &Principal) -> bool {
        self.subscriptions.names().iter().all(|(_, name)| principal.may(Right::Read, name))
    }

    /// Ends with the streams that this principal may not read, and says so.
    pub(super) fn end_forbidden(&mut self, principal: &Principal, core: &mut Core, out: &mut Vec<u8>) {
        for (number, name) in self.subscriptions.names() {
            if let Err(problem) = authorise(principal, Right::Read, &name) {
                self.refuse(&name, &problem, out);
                self.subscriptions.remove(number, core);
            }
        }
    }

    /// Takes what the disk gave; anything else is for whoever asked.
    pub(super) fn on_reply(&mut self, number: u32, reply: Reply) -> Option<Reply> {
        match reply {
            Reply::Operation(_) => Some(reply),
            Reply::Fetched(_) => {
                self.subscriptions.on_fetched(number, reply);
                None
            }
        }
    }

    pub(super) fn on_changed(&mut self, number: u32) {
        self.subscriptions.queue(number);
    }

    /// One step of the stream whose turn it is.
    pub(super) fn advance(&mut self, owner: Owner, core: &mut Core, out: &mut Vec<Bytes>) -> Stepped {
        let Some(number) = self.subscriptions.next_ready() else { return Stepped::Nobody };
        let on = Stepped::On { number };
        let Some(subscription) = self.subscriptions.get(number) else { return on };
        let step = match subscription.fetched.take().map(|reply| *reply) {
            Some(Reply::Fetched(Ok(batches))) => core.slices.fetched(&mut subscription.reader, batches),
            Some(Reply::Fetched(Err(_)) | Reply::Operation(_)) => {
                self.on_unreadable(number, core, out);
                return on;
            }
            None if subscription.fetching => return on,
            // It was looked at before: not from the disk again and again.
            None if subscription.is_large && !core.has_room() => {
                core.postpone(owner, number);
                return Stepped::Postponed;
            }
            None => core.slices.step(&mut subscription.reader),
        };
        if let Some(skip) = subscription.reader.skip() {
            self.on_skip(number, &skip, out);
            return on;
        }
        match step {
            Step::Page(page) if core.has_no_room_for(&page) => {
                if let Some(subscription) = self.subscriptions.get(number) {
                    subscription.is_large = true;
                }
                core.postpone(owner, number);
                return Stepped::Postponed;
            }
            Step::Page(page) => self.on_page(number, &page, core, out),
            Step::AtTail { closed } => self.on_tail(number, closed, core, out),
            Step::Reset(reset) => self.on_reset(number, &reset, core, out),
            Step::Stored if !core.may_fetch(owner) => {
                core.postpone(owner, number);
                return Stepped::Postponed;
            }
            Step::Stored => return self.on_stored(number, owner, core),
        }
        on
    }

    /// It stayed behind on a stream whose rule is `latest`.
    fn on_skip(&mut self, number: u32, skip: &Skip, out: &mut Vec<Bytes>) {
        let Some(subscription) = self.subscriptions.get(number) else { return };
        let stream = Arc::clone(subscription.reader.stream());
        subscription.reader.advance_to(skip.to.index);
        subscription.live = false;
        self.say(out, |text| write_skipped(text, stream.name(), skip));
        self.subscriptions.queue(number);
    }

    fn on_page(&mut self, number: u32, page: &Page, core: &mut Core, out: &mut Vec<Bytes>) {
        let (form, answers_once) = (Form::Frames(self.wrapping), self.answers_once());
        let Some(subscription) = self.subscriptions.get(number) else { return };
        out.push(core.forms.encode(form, subscription.reader.stream(), page));
        subscription.reader.take(page);
        subscription.is_large = false;
        core.on_delivered(self.transport, page.end - page.start);
        if answers_once {
            subscription.live = false;
            // An answer says of every stream in it whether that was all, also when it is full now.
            if page.at_tail {
                return self.on_tail(number, page.closed, core, out);
            }
        } else if page.at_tail && subscription.live && !page.closed {
            return;
        }
        subscription.live &= page.at_tail;
        self.subscriptions.queue(number);
    }

    fn on_tail(&mut self, number: u32, closed: bool, core: &mut Core, out: &mut Vec<Bytes>) {
        let Some(subscription) = self.subscriptions.get(number) else { return };
        let stream = Arc::clone(subscription.reader.stream());
        let offset = subscription.reader.offset();
        let was_live = std::mem::replace(&mut subscription.live, true);
        let mut frames = Vec::new();
        if !was_live {
            self.wrapping.write(&mut frames, |text| write_live(text, stream.name(), offset));
        }
        if closed {
            self.wrapping.write(&mut frames, |text| write_closed(text, stream.name(), offset));
            self.subscriptions.remove(number, core);
        }
        self.wrapping.push(frames, out);
    }

    fn on_stored(&mut self, number: u32, owner: Owner, core: &mut Core) -> Stepped {
        if self.subscriptions.may_fetch(number)
            && let Some(subscription) = self.subscriptions.get(number)
        {
            subscription.fetching = true;
            let limit = core.slices.fetch_limit(subscription.reader.stream().name());
            core.fetch(&subscription.reader, limit, owner, number);
        }
        Stepped::AskedTheDisk
    }

    fn on_reset(&mut self, number: u32, reset: &Reset, core: &mut Core, out: &mut Vec<Bytes>) {
        let Some(subscription) = self.subscriptions.get(number) else { return };
        let stream = Arc::clone(subscription.reader.stream());
        core.metrics.resets.of(reset.reason).count();
        self.say(out, |text| write_reset(text, stream.name(), reset));
        self.subscriptions.remove(number, core);
    }

    fn on_unreadable(&mut self, number: u32, core: &mut Core, out: &mut Vec<Bytes>) {
        let Some(subscription) = self.subscriptions.get(number) else { return };
        let stream = Arc::clone(subscription.reader.stream());
        let detail = "the stored messages can't be read; the server's log says why";
        let mut frames = Vec::new();
        self.refuse(stream.name(), &Problem::new(ErrorCode::Internal, detail), &mut frames);
        self.wrapping.push(frames, out);
        self.subscriptions.remove(number, core);
    }

    /// Writes that a stream can't be followed.
    pub(super) fn refuse(&self, name: &StreamName, problem: &Problem, out: &mut Vec<u8>) {
        self.wrapping.write(out, |text| write_problem(text, None, Some(name.as_str()), problem));
    }

    fn say(&self, out: &mut Vec<Bytes>, text: impl FnOnce(&mut Vec<u8>)) {
        let mut frame = Vec::new();
        self.wrapping.write(&mut frame, text);
        self.wrapping.push(frame, out);
    }

    /// Whether it is one answer, and over then.
    fn answers_once(&self) -> bool {
        self.wrapping == Wrapping::Element
    }

    /// How many messages the furthest of its readers is behind.
    pub(super) fn lag(&self) -> u64 {
        self.subscriptions.lag()
    }

    /// See [`Exchange`](crate::exchange::Exchange).
    pub(super) fn place(&self, number: u32) -> Option<u64> {
        self.subscriptions.place(number)
    }

    /// See [`Exchange`](crate::exchange::Exchange).
    pub(super) fn describe(&self, transport: &'static str, about: &mut About) {
        about.by(transport);
        self.subscriptions.describe(about);
    }

    /// It is over: leaves the streams that it follows.
    pub(super) fn leave(&mut self, core: &mut Core) {
        self.subscriptions.remove_all(core);
    }
}

fn open(
    principal: &Principal,
    name: &StreamName,
    start: Start,
    kind: Option<FollowerKind>,
    core: &Core,
) -> Result<Result<Reader, Reset>, Problem> {
    authorise(principal, Right::Read, name)?;
    let stream = transport::find(core, name)?;
    if kind.is_some() {
        core.count_follower(&stream)?;
    }
    stream.touch(core.now);
    Ok(Reader::open(stream, start, core.engine.boot()))
}
