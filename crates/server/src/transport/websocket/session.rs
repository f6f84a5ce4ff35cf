//! The session of `tidings.v1`: subscribe, unsubscribe, publish, and what comes of it.

use super::Talk;
use super::publishing::{self, Publishing, write_refusal};
use super::subscriptions::Subscriptions;
use crate::authorise::{Principal, Right, authorise};
use crate::exchange::Advance;
use crate::forms::Form;
use crate::worker::core::Core;
use crate::worker::followers::Owner;
use bytes::Bytes;
use tidings_engine::{Page, Reader, Reply, Step};
use tidings_model::{Start, StreamName};
use tidings_protocol::websocket::Violation;
use tidings_protocol::websocket::client_message::{ClientMessage, Publish};
use tidings_protocol::websocket::close_code::CloseCode;
use tidings_protocol::websocket::deflate::Window;
use tidings_protocol::websocket::frame::write_text_frame;
use tidings_protocol::websocket::server_message::Hello;
use tidings_protocol::websocket::server_message::writer::{
    ErrorFrame, HEARTBEAT, write_closed, write_drain, write_error, write_hello, write_live, write_reset,
    write_skipped, write_subscribed, write_unsubscribed,
};
use tidings_protocol::{ErrorCode, Problem};

/// What one connection follows and waits for.
pub(super) struct Session {
    owner: Owner,
    /// How the messages of streams may be compressed.
    deflate: Option<Window>,
    greeted: bool,
    subscriptions: Subscriptions,
    next_number: u32,
    /// Nothing, while the connection only follows.
    rare: Option<Box<Rare>>,
}

/// What a connection has for moments.
#[derive(Default)]
struct Rare {
    /// What it begins with.
    first: Option<(StreamName, Start)>,
    publishing: Publishing,
    /// Answers to what it has published, not yet written.
    replies: Vec<(u32, Reply)>,
}

impl Session {
    pub(super) fn new(first: Option<(StreamName, Start)>, owner: Owner, deflate: Option<Window>) -> Session {
        Session {
            owner,
            deflate,
            greeted: false,
            subscriptions: Subscriptions::default(),
            next_number: 0,
            rare: first.map(|first| Box::new(Rare { first: Some(first), ..Rare::default() })),
        }
    }

    /// Frees what is empty: a connection that only follows is small.
    fn slim(&mut self) {
        self.rare
            .take_if(|rare| rare.first.is_none() && !rare.publishing.is_waiting() && rare.replies.is_empty());
    }

    fn greet(&mut self, core: &mut Core, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.greeted, true) {
            return;
        }
        let hello = Hello {
            heartbeat: core.settings.heartbeat,
            max_message_bytes: core.settings.max_message_bytes as u64,
            max_streams: core.settings.max_subscriptions as u64,
        };
        write_text_frame(out, |text| write_hello(text, &hello));
        if let Some((name, start)) = self.rare.as_mut().and_then(|rare| rare.first.take()) {
            self.subscribe(&name, start, core, out);
            self.slim();
        }
    }

    fn subscribe(&mut self, name: &StreamName, start: Start, core: &mut Core, out: &mut Vec<u8>) {
        match self.reader(name, start, core) {
            Err(problem) => write_refusal(out, None, name, &problem),
            Ok(Err(reset)) => write_text_frame(out, |text| write_reset(text, name, &reset)),
            Ok(Ok(mut reader)) => {
                reader.follow();
                let offset = reader.tell();
                write_text_frame(out, |text| write_subscribed(text, name, offset));
                let number = self.number();
                self.subscriptions.add(number, reader, self.owner, core);
            }
        }
    }

    fn reader(
        &mut self,
        name: &StreamName,
        start: Start,
        core: &Core,
    ) -> Result<Result<Reader, tidings_model::Reset>, Problem> {
        authorise(&Principal::Anybody, Right::Read, name)?;
        if self.subscriptions.number_of(name.as_str()).is_some() {
            let detail = "this connection follows the stream already; unsubscribe first to begin elsewhere";
            return Err(Problem::new(ErrorCode::AlreadySubscribed, detail));
        }
        if core.settings.max_subscriptions <= self.subscriptions.len() {
            let detail = "this connection follows as many streams as it may; open another one";
            return Err(Problem::new(ErrorCode::TooManySubscriptions, detail));
        }
        let stream = core.engine.find(name, core.now).ok_or_else(Problem::stream_not_found)?;
        stream.touch(core.now);
        Ok(Reader::open(stream, start, core.engine.boot()))
    }

    fn unsubscribe(&mut self, name: &StreamName, core: &mut Core, out: &mut Vec<u8>) {
        match self.subscriptions.number_of(name.as_str()) {
            Some(number) => {
                self.subscriptions.remove(number, core);
                write_text_frame(out, |text| write_unsubscribed(text, name));
            }
            None => {
                let problem =
                    Problem::new(ErrorCode::NotSubscribed, "this connection does not follow the stream");
                write_refusal(out, None, name, &problem);
            }
        }
    }

    fn publish(&mut self, publish: &Publish<'_>, core: &mut Core, out: &mut Vec<u8>) {
        let number = self.number();
        let submitted = publishing::operation(publish, core).and_then(|operation| {
            core.submit(operation, self.owner, number).map_err(|_busy| Problem::too_busy(1))
        });
        match submitted {
            Ok(()) => self.rare.get_or_insert_default().publishing.add(number, publish),
            Err(problem) => write_refusal(out, Some(&publish.id), &publish.stream, &problem),
        }
    }

    fn number(&mut self) -> u32 {
        self.next_number = self.next_number.wrapping_add(1);
        self.next_number
    }

    /// One step of one subscription.
    fn step(&mut self, number: u32, core: &mut Core, out: &mut Vec<u8>, shared: &mut Vec<Bytes>) {
        let Some(subscription) = self.subscriptions.get(number) else { return };
        let step = match subscription.fetched.take().map(|reply| *reply) {
            Some(Reply::Fetched(Ok(batches))) => core.slices.fetched(&mut subscription.reader, batches),
            Some(Reply::Fetched(Err(_)) | Reply::Operation(_)) => {
                return self.on_unreadable(number, core, out);
            }
            None if subscription.fetching => return,
            None => core.slices.step(&mut subscription.reader),
        };
        if let Some(skip) = subscription.reader.skip() {
            let stream = subscription.reader.stream();
            write_text_frame(out, |text| write_skipped(text, stream.name(), &skip));
            subscription.reader.advance_to(skip.to.index);
            subscription.live = false;
            return self.subscriptions.queue(number);
        }
        match step {
            Step::Page(page) => self.on_page(number, &page, core, out, shared),
            Step::AtTail { closed } => self.on_tail(number, closed, core, out),
            Step::Stored => {
                subscription.fetching = true;
                let limit = core.slices.fetch_limit(subscription.reader.stream().name());
                core.fetch(&subscription.reader, limit, self.owner, number);
            }
            Step::Reset(reset) => {
                let stream = std::sync::Arc::clone(subscription.reader.stream());
                write_text_frame(out, |text| write_reset(text, stream.name(), &reset));
                self.subscriptions.remove(number, core);
            }
        }
    }

    fn on_page(
        &mut self,
        number: u32,
        page: &Page,
        core: &mut Core,
        out: &mut Vec<u8>,
        shared: &mut Vec<Bytes>,
    ) {
        let Some(subscription) = self.subscriptions.get(number) else { return };
        // What is this connection's own goes before what it shares with others.
        if !out.is_empty() {
            shared.push(std::mem::take(out).into());
        }
        let form = Form::WebSocket { deflate: self.deflate };
        shared.push(core.forms.encode(form, subscription.reader.stream(), page));
        subscription.reader.take(page);
        if page.at_tail && subscription.live && !page.closed {
            return;
        }
        subscription.live &= page.at_tail;
        self.subscriptions.queue(number);
    }

    fn on_tail(&mut self, number: u32, closed: bool, core: &mut Core, out: &mut Vec<u8>) {
        let Some(subscription) = self.subscriptions.get(number) else { return };
        let stream = std::sync::Arc::clone(subscription.reader.stream());
        let offset = subscription.reader.offset();
        if !subscription.live {
            subscription.live = true;
            write_text_frame(out, |text| write_live(text, stream.name(), offset));
        }
        if closed {
            write_text_frame(out, |text| write_closed(text, stream.name(), offset));
            self.subscriptions.remove(number, core);
        }
    }

    fn on_unreadable(&mut self, number: u32, core: &mut Core, out: &mut Vec<u8>) {
        let Some(subscription) = self.subscriptions.get(number) else { return };
        let name = subscription.reader.stream().name().clone();
        let detail = "the stored messages can't be read; the server's log says why";
        write_refusal(out, None, &name, &Problem::new(ErrorCode::Internal, detail));
        self.subscriptions.remove(number, core);
    }
}

impl Talk for Session {
    fn on_text(&mut self, text: &str, core: &mut Core, out: &mut Vec<u8>) {
        // The first message may come with the handshake, but the hello is the first of ours.
        self.greet(core, out);
        match ClientMessage::parse(text) {
            Ok(ClientMessage::Subscribe { stream, start }) => self.subscribe(&stream, start, core, out),
            Ok(ClientMessage::Unsubscribe { stream }) => self.unsubscribe(&stream, core, out),
            Ok(ClientMessage::Publish(publish)) => self.publish(&publish, core, out),
            // Accepted; there are no tokens yet.
            Ok(ClientMessage::Auth { .. }) => {}
            Err(refused) => {
                let frame: ErrorFrame<'_> = refused.frame();
                write_text_frame(out, |text| write_error(text, &frame));
            }
        }
    }

    fn on_binary(&mut self, _bytes: &[u8], _core: &mut Core, _out: &mut Vec<u8>) -> Result<(), Violation> {
        Err(Violation { code: CloseCode::UNSUPPORTED, reason: "there is no binary subprotocol: send text" })
    }

    fn on_reply(&mut self, number: u32, reply: Reply) {
        match self.subscriptions.get(number) {
            Some(subscription) => {
                subscription.fetching = false;
                subscription.fetched = Some(Box::new(reply));
                self.subscriptions.queue(number);
            }
            None => self.rare.get_or_insert_default().replies.push((number, reply)),
        }
    }

    fn on_changed(&mut self, number: u32) {
        self.subscriptions.queue(number);
    }

    fn advance(&mut self, core: &mut Core, out: &mut Vec<u8>, shared: &mut Vec<Bytes>) -> Advance {
        self.greet(core, out);
        if let Some(rare) = &mut self.rare {
            for (number, reply) in std::mem::take(&mut rare.replies) {
                rare.publishing.on_reply(number, &reply, out);
            }
            self.slim();
        }
        if let Some(number) = self.subscriptions.next_ready() {
            self.step(number, core, out, shared);
        }
        // What was written after a shared frame must not overtake it.
        if !shared.is_empty() && !out.is_empty() {
            shared.push(std::mem::take(out).into());
        }
        if self.subscriptions.any_ready() { Advance::More } else { Advance::WAIT }
    }

    fn on_silence(&mut self, out: &mut Vec<u8>) {
        write_text_frame(out, |text| text.extend_from_slice(HEARTBEAT));
    }

    fn on_drain(&mut self, core: &Core, out: &mut Vec<u8>) {
        write_text_frame(out, |text| write_drain(text, core.settings.drain_window));
    }

    fn owes_an_answer(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.publishing.is_waiting())
    }

    fn leave(&mut self, core: &mut Core) {
        self.subscriptions.remove_all(core);
    }
}
