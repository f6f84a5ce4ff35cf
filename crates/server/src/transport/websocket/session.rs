//! The session of `tidings.v1`: subscribe, unsubscribe, publish, and what comes of it.

use super::identity::{Believed, Identity};
use super::pending::{Message, Pending, Wanted};
use super::publishing::{self, Publishing, write_refusal};
use super::{FirstSubscription, NARROW_MESSAGE_BYTES_MAX, Talk, message_bytes_max};
use crate::about::About;
use crate::authorise::{Principal, Right, refusal};
use crate::decision::Verdict;
use crate::decision::permits::Permits;
use crate::decision::question::{Question, Via, Whence};
use crate::exchange::Advance;
use crate::forms::Wrapping;
use crate::transport::WEBSOCKET;
use crate::transport::feed::Feed;
use crate::worker::core::Core;
use crate::worker::followers::Owner;
use bytes::Bytes;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use tidings_engine::Reply;
use tidings_model::{Pattern, Start, StreamName};
use tidings_protocol::websocket::Violation;
use tidings_protocol::websocket::client_message::{ClientMessage, Publish};
use tidings_protocol::websocket::close_code::CloseCode;
use tidings_protocol::websocket::deflate::{Agreement, Window};
use tidings_protocol::websocket::frame::write_text_frame;
use tidings_protocol::websocket::server_message::Hello;
use tidings_protocol::websocket::server_message::writer::{
    ErrorFrame, HEARTBEAT, write_drain, write_error, write_hello, write_return, write_unsubscribed,
};
use tidings_protocol::{ErrorCode, Problem};

const UNKNOWN: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// What one connection follows and waits for.
pub(super) struct Session {
    feed: Feed,
    /// Nothing, while the connection only follows, as nobody in particular.
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
    /// Who speaks, where that has to be said, or said again.
    identity: Option<Identity>,
    /// Why the token is not believed that it began with.
    refused: Option<Box<Problem>>,
    /// Messages that wait for others to answer.
    pending: Option<Box<Pending>>,
    /// What the application has permitted, where it is asked.
    leave: Option<Box<Leave>>,
    /// By other rules, not all that is followed may be read any more.
    has_lost_rights: bool,
    /// The streams that the page may use which opened the connection; `None` for all.
    within: Option<Arc<[Pattern]>>,
    /// Nothing is said or done any more.
    over: bool,
}

/// What a connection has of which the application is asked.
struct Leave {
    address: IpAddr,
    permits: Permits,
}

/// Whether something may be done.
enum Asked {
    /// It may; as far as the application goes.
    May,
    /// It may not, and why.
    MayNot(Problem),
    /// It waits, with all that comes behind it.
    Waits(Question),
}

impl Session {
    pub(super) fn new(first: FirstSubscription, core: &Core) -> Session {
        let FirstSubscription { subscription, deflate, principal, mut refused, peer, within } = first;
        if refused.is_none() && !core.access.is_still(&principal, core.now) {
            // While the connection was upgraded.
            refused = Some(Box::new(Problem::revoked()));
        }
        let deflate = deflate.map(Agreement::window);
        let identity = Identity::of(&principal, core);
        let leave = core
            .decisions
            .are_asked_for()
            .then(|| Box::new(Leave { address: peer.address(), permits: Permits::default() }));
        let is_named = identity.is_some() || refused.is_some();
        let is_plain = subscription.is_none() && !is_named && leave.is_none() && within.is_none();
        let rare = Rare { first: subscription, identity, refused, leave, within, ..Rare::default() };
        let rare = (!is_plain).then(|| Box::new(rare));
        Session { feed: Feed::new(Wrapping::WebSocket { deflate }, 0), rare }
    }

    /// Who speaks.
    fn principal(&self, core: &Core) -> Principal {
        let identity = self.rare.as_ref().and_then(|rare| rare.identity.as_ref());
        let anybody = || core.access.anybody().within(self.within());
        identity.map_or_else(anybody, |identity| identity.principal().clone())
    }

    fn within(&self) -> Option<Arc<[Pattern]>> {
        self.rare.as_ref().and_then(|rare| rare.within.clone())
    }

    /// How many streams it follows.
    pub(super) fn follow_count(&self) -> usize {
        self.feed.len()
    }

    fn has_ended(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.over)
    }

    /// Who speaks is not believed: says so, and ends.
    fn end(&mut self, frame: &ErrorFrame<'_>, out: &mut Vec<u8>) {
        write_text_frame(out, |text| write_error(text, frame));
        self.rare.get_or_insert_default().over = true;
    }

    /// Somebody says who they are, at first or again. What they may not follow any more ends.
    /// Gives what it waits for, if it has to wait.
    fn authenticate(
        &mut self,
        token: &str,
        owner: Owner,
        core: &mut Core,
        out: &mut Vec<u8>,
    ) -> Option<Wanted> {
        if !core.access.has_rules() {
            return None;
        }
        // Who came before there were rules is counted with all who did.
        let address = core.account.as_ref().map_or(UNKNOWN, |account| account.peer.address());
        match core.identify(token, address) {
            Err(_refused) if core.access.take_awaits_keys() => {
                core.decisions.await_keys(owner);
                return Some(Wanted::Keys { fetched: false });
            }
            Err(problem) => self.end(&frame_of(&problem), out),
            Ok(principal) => {
                let principal = principal.within(self.within());
                if let Some(follows) = core.account.as_mut().and_then(|account| account.follows.as_mut()) {
                    follows.rename(&principal);
                }
                let identity = Identity::of(&principal, core);
                if let Some(identity) = &identity {
                    identity.write_authenticated(core, out);
                }
                let rare = self.rare.get_or_insert_default();
                rare.identity = identity;
                if let Some(leave) = &mut rare.leave {
                    leave.permits.renew(&principal);
                }
                self.feed.end_forbidden(&principal, core, out);
            }
        }
        None
    }

    /// Asks for a new token in time, and ends when none came. Until when it may wait.
    fn watch_identity(&mut self, core: &Core, out: &mut Vec<u8>) -> u64 {
        let Some(rare) = self.rare.as_mut().filter(|rare| !rare.over) else { return u64::MAX };
        if let Some(problem) = rare.refused.take() {
            self.end(&frame_of(&problem), out);
            return u64::MAX;
        }
        match rare.identity.as_mut().map(|identity| identity.on_time(core, out)) {
            None => u64::MAX,
            Some(Believed::Until { ms }) => ms,
            Some(Believed::Not(over)) => {
                self.end(&over.frame(), out);
                u64::MAX
            }
        }
    }

    /// Ends what may not be followed any more since the rules have changed.
    fn end_what_is_lost(&mut self, core: &mut Core, out: &mut Vec<u8>) {
        let has_lost = self.rare.as_mut().is_some_and(|rare| std::mem::take(&mut rare.has_lost_rights));
        if has_lost && !self.has_ended() {
            let principal = self.principal(core);
            self.feed.end_forbidden(&principal, core, out);
        }
    }

    /// Frees what is empty: a connection that only follows is small.
    fn slim(&mut self) {
        self.rare.take_if(|rare| {
            let is_quiet = rare.first.is_none() && !rare.publishing.is_waiting() && rare.replies.is_empty();
            let is_named = rare.identity.is_some() || rare.refused.is_some();
            let is_bound = rare.leave.is_some() || rare.within.is_some() || rare.has_lost_rights;
            is_quiet && !is_named && !is_bound && rare.pending.is_none() && !rare.over
        });
    }

    fn greet(&mut self, owner: Owner, core: &mut Core, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.feed.greeted, true) {
            return;
        }
        let hello = Hello {
            heartbeat: core.settings.heartbeat,
            max_message_bytes: core.settings.max_message_bytes as u64,
            max_streams: core.settings.max_subscriptions as u64,
        };
        write_text_frame(out, |text| write_hello(text, &hello));
        if core.return_window.seconds() != 0 {
            self.on_window(core, out);
        }
        self.watch_identity(core, out);
        if self.has_ended() {
            return;
        }
        if let Some((name, start)) = self.rare.as_mut().and_then(|rare| rare.first.take()) {
            self.process(&Message::First(name, start), None, owner, core, out);
            self.slim();
        }
    }

    /// Does what a message says; or keeps it, where others have to be asked. It has brought what they have answered.
    fn process(
        &mut self,
        message: &Message<'_>,
        brought: Option<(Question, Verdict)>,
        owner: Owner,
        core: &mut Core,
        out: &mut Vec<u8>,
    ) {
        let waits = match message {
            Message::First(name, start) => self.subscribe(name, *start, brought, owner, core, out),
            Message::Text(text) => match ClientMessage::parse(text) {
                Ok(ClientMessage::Subscribe { stream, start }) => {
                    self.subscribe(&stream, start, brought, owner, core, out)
                }
                Ok(ClientMessage::Unsubscribe { stream }) => {
                    self.unsubscribe(&stream, core, out);
                    None
                }
                Ok(ClientMessage::Publish(publish)) => self.publish(&publish, brought, owner, core, out),
                Ok(ClientMessage::Auth { token }) => self.authenticate(&token, owner, core, out),
                Ok(ClientMessage::Ping) => {
                    write_text_frame(out, |text| text.extend_from_slice(HEARTBEAT));
                    None
                }
                Err(refused) => {
                    let frame: ErrorFrame<'_> = refused.frame();
                    write_text_frame(out, |text| write_error(text, &frame));
                    None
                }
            },
        };
        let Some(wanted) = waits else { return };
        match Pending::new(wanted, message, &core.message_memory) {
            Some(pending) => self.rare.get_or_insert_default().pending = Some(Box::new(pending)),
            None => self.refuse_busy(message, out),
        }
    }

    /// A text that comes while others wait: it waits too, if there is room.
    fn keep(&mut self, text: &str, out: &mut Vec<u8>) {
        let Some(pending) = self.rare.as_mut().and_then(|rare| rare.pending.as_mut()) else { return };
        let message = Message::Text(text.into());
        if !pending.take(&message) {
            self.refuse_busy(&message, out);
        }
    }

    /// There is no room for a message to wait.
    fn refuse_busy(&mut self, message: &Message<'_>, out: &mut Vec<u8>) {
        let problem = Problem::too_busy(1);
        let text = match message {
            Message::First(name, _) => return self.feed.refuse(name, &problem, out),
            Message::Text(text) => text,
        };
        match ClientMessage::parse(text) {
            Ok(ClientMessage::Publish(publish)) => {
                write_refusal(out, Some(&publish.id), &publish.stream, &problem);
            }
            Ok(ClientMessage::Subscribe { stream, .. } | ClientMessage::Unsubscribe { stream }) => {
                write_refusal(out, None, &stream, &problem);
            }
            Ok(ClientMessage::Auth { .. } | ClientMessage::Ping) | Err(_) => {
                write_text_frame(out, |text| write_error(text, &frame_of(&problem)));
            }
        }
    }

    /// Goes on with the messages that have waited, as far as it can.
    fn go_on(&mut self, owner: Owner, core: &mut Core, out: &mut Vec<u8>) {
        let pending =
            self.rare.as_mut().and_then(|rare| rare.pending.take_if(|pending| pending.is_settled()));
        let Some(mut pending) = pending else { return };
        let mut brought = match &mut pending.wanted {
            Wanted::Verdict(question, verdict) => verdict.take().map(|verdict| (question.clone(), verdict)),
            Wanted::Keys { .. } => None,
        };
        let mut messages = pending.into_messages().into_iter();
        while !self.has_ended()
            && let Some(message) = messages.next()
        {
            self.process(&message, brought.take(), owner, core, out);
            if let Some(pending) = self.rare.as_mut().and_then(|rare| rare.pending.as_mut()) {
                return pending.take_all(messages);
            }
        }
    }

    /// Whether the application lets this one do that with a stream. What the rules forbid is refused elsewhere, unasked.
    fn ask(
        &mut self,
        (right, name): (Right, &StreamName),
        brought: Option<(Question, Verdict)>,
        owner: Owner,
        core: &mut Core,
    ) -> Asked {
        if !core.decisions.are_asked_for() {
            return Asked::May;
        }
        let principal = self.principal(core);
        let Some(leave) = self.rare.as_mut().and_then(|rare| rare.leave.as_mut()) else { return Asked::May };
        let whence = Whence { address: leave.address, via: Via::WebSocket };
        let question = Question::of_right(&principal, right, name.clone(), whence);
        if !principal.may(right, name) || !core.decisions.concern(&question) {
            return Asked::May;
        }
        let brought = brought.filter(|(asked, _)| *asked == question).map(|(_, verdict)| verdict);
        match brought.or_else(|| core.decisions.known(&question, core.now_ms)) {
            Some(Verdict::Yes { until_ms }) => {
                if right == Right::Read {
                    leave.permits.add(question, until_ms);
                }
                Asked::May
            }
            Some(Verdict::No) => Asked::MayNot(refusal(&principal, right)),
            Some(Verdict::Nobody) => Asked::MayNot(core.decisions.unavailable()),
            None => match core.decisions.ask(&question, &principal, owner, &core.settings) {
                Ok(()) => Asked::Waits(question),
                Err(busy) => Asked::MayNot(busy),
            },
        }
    }

    /// Asks about what was permitted for a time, and ends what is permitted no longer. Until when it may wait.
    fn watch_permits(&mut self, owner: Owner, core: &mut Core, out: &mut Vec<u8>) -> u64 {
        if self.rare.as_ref().is_none_or(|rare| rare.leave.is_none()) {
            return u64::MAX;
        }
        let principal = self.principal(core);
        let Some(leave) = self.rare.as_mut().and_then(|rare| rare.leave.as_mut()) else { return u64::MAX };
        let feed = &self.feed;
        let until_ms = leave.permits.on_time(&principal, |stream| feed.has(stream), owner, core);
        for (name, verdict) in leave.permits.take_lost() {
            if self.feed.unsubscribe(&name, core) {
                let problem = match verdict {
                    Verdict::Nobody => core.decisions.unavailable(),
                    Verdict::Yes { .. } | Verdict::No => refusal(&principal, Right::Read),
                };
                self.feed.refuse(&name, &problem, out);
            }
        }
        until_ms
    }

    /// Gives what it waits for, if it has to wait.
    fn subscribe(
        &mut self,
        name: &StreamName,
        start: Start,
        brought: Option<(Question, Verdict)>,
        owner: Owner,
        core: &mut Core,
        out: &mut Vec<u8>,
    ) -> Option<Wanted> {
        if let Err(problem) = self.check_subscription(name, core) {
            self.feed.refuse(name, &problem, out);
            return None;
        }
        let permitted = match self.ask((Right::Read, name), brought, owner, core) {
            Asked::Waits(question) => return Some(Wanted::Verdict(question, None)),
            Asked::MayNot(problem) => Err(problem),
            // Counted once, when it is followed indeed.
            Asked::May => core.count_follow(),
        };
        match permitted {
            Err(problem) => self.feed.refuse(name, &problem, out),
            Ok(()) => {
                let principal = self.principal(core);
                self.feed.subscribe(&principal, (name, start), Some(WEBSOCKET), owner, core, out);
            }
        }
        None
    }

    fn check_subscription(&self, name: &StreamName, core: &mut Core) -> Result<(), Problem> {
        if self.feed.has(name) {
            let detail = "this connection follows the stream already; unsubscribe first to begin elsewhere";
            return Err(Problem::new(ErrorCode::AlreadySubscribed, detail));
        }
        core.admit_follower()?;
        if core.settings.max_subscriptions <= self.feed.len() {
            let detail = "this connection follows as many streams as it may; open another one";
            return Err(Problem::new(ErrorCode::TooManySubscriptions, detail));
        }
        Ok(())
    }

    fn unsubscribe(&mut self, name: &StreamName, core: &mut Core, out: &mut Vec<u8>) {
        if self.feed.unsubscribe(name, core) {
            if let Some(leave) = self.rare.as_mut().and_then(|rare| rare.leave.as_mut()) {
                leave.permits.forget(name);
            }
            write_text_frame(out, |text| write_unsubscribed(text, name));
        } else {
            let problem =
                Problem::new(ErrorCode::NotSubscribed, "this connection does not follow the stream");
            self.feed.refuse(name, &problem, out);
        }
    }

    /// Gives what it waits for, if it has to wait.
    fn publish(
        &mut self,
        publish: &Publish<'_>,
        brought: Option<(Question, Verdict)>,
        owner: Owner,
        core: &mut Core,
        out: &mut Vec<u8>,
    ) -> Option<Wanted> {
        match self.ask((Right::Publish, &publish.stream), brought, owner, core) {
            Asked::Waits(question) => return Some(Wanted::Verdict(question, None)),
            Asked::MayNot(problem) => {
                write_refusal(out, Some(&publish.id), &publish.stream, &problem);
                return None;
            }
            Asked::May => {}
        }
        let number = self.feed.number();
        let principal = self.principal(core);
        let submitted = publishing::operation(&principal, publish, core).and_then(|operation| {
            core.submit(operation, owner, number).map_err(|_busy| Problem::too_busy(1))
        });
        match submitted {
            Ok(()) => self.rare.get_or_insert_default().publishing.add(number, publish),
            Err(problem) => write_refusal(out, Some(&publish.id), &publish.stream, &problem),
        }
        None
    }
}

fn frame_of(problem: &Problem) -> ErrorFrame<'_> {
    ErrorFrame { id: None, stream: None, code: problem.code, message: &problem.detail }
}

/// A heartbeat, and a ping.
const SILENCE: &[u8] = b"\x81\x14{\"type\":\"heartbeat\"}\x89\0";

impl Talk for Session {
    fn deflate(&self) -> Option<Window> {
        self.feed.wrapping().deflate()
    }

    fn on_text(&mut self, text: &str, owner: Owner, core: &mut Core, out: &mut Vec<u8>) {
        // The first message may come with the handshake, but the hello is the first of ours.
        self.greet(owner, core, out);
        // What comes too late is not done, though the clock has not been looked at yet.
        self.watch_identity(core, out);
        if self.has_ended() {
            return;
        }
        if self.rare.as_ref().is_some_and(|rare| rare.pending.is_some()) {
            return self.keep(text, out);
        }
        self.process(&Message::Text(text.into()), None, owner, core, out);
    }

    fn on_binary(&mut self, _bytes: &[u8], _core: &mut Core, _out: &mut Vec<u8>) -> Result<(), Violation> {
        Err(Violation { code: CloseCode::UNSUPPORTED, reason: "there is no binary subprotocol: send text" })
    }

    fn on_reply(&mut self, number: u32, reply: Reply) {
        if let Some(reply) = self.feed.on_reply(number, reply) {
            self.rare.get_or_insert_default().replies.push((number, reply));
        }
    }

    fn on_decision(&mut self, question: &Question, verdict: Verdict) {
        let Some(rare) = &mut self.rare else { return };
        if let Some(leave) = &mut rare.leave {
            leave.permits.on_decision(question, verdict);
        }
        if let Some(Wanted::Verdict(asked, known)) = rare.pending.as_mut().map(|pending| &mut pending.wanted)
            && asked == question
        {
            *known = Some(verdict);
        }
    }

    fn on_keys(&mut self) {
        let pending = self.rare.as_mut().and_then(|rare| rare.pending.as_mut());
        if let Some(Wanted::Keys { fetched }) = pending.map(|pending| &mut pending.wanted) {
            *fetched = true;
        }
    }

    fn on_changed(&mut self, number: u32) {
        self.feed.on_changed(number);
    }

    fn advance(&mut self, owner: Owner, core: &mut Core, out: &mut Vec<Bytes>) -> Advance {
        let mut own = Vec::new();
        self.greet(owner, core, &mut own);
        let until_ms = self.watch_identity(core, &mut own);
        self.go_on(owner, core, &mut own);
        let until_ms = until_ms.min(self.watch_permits(owner, core, &mut own));
        self.end_what_is_lost(core, &mut own);
        if let Some(rare) = &mut self.rare {
            for (number, reply) in std::mem::take(&mut rare.replies) {
                rare.publishing.on_reply(number, &reply, &mut own);
            }
            self.slim();
        }
        // What is this connection's own goes before what it shares with others.
        out.push(own.into());
        if self.has_ended() {
            return Advance::WAIT;
        }
        let _stepped = self.feed.advance(owner, core, out);
        if self.feed.any_ready() { Advance::More } else { Advance::Wait { until_ms } }
    }

    fn silence(&self) -> &'static [u8] {
        SILENCE
    }

    fn message_bytes_max(&self, core: &Core) -> usize {
        let may_publish = |principal: &Principal| principal.may_any(Right::Publish);
        let identity = self.rare.as_ref().and_then(|rare| rare.identity.as_ref());
        // Messages that do not fully arrive take the room of everybody's.
        if identity.map_or_else(|| core.access.anybody_may_publish(), |known| may_publish(known.principal()))
        {
            message_bytes_max(&core.settings)
        } else {
            NARROW_MESSAGE_BYTES_MAX
        }
    }

    fn on_access_changed(&mut self, core: &mut Core) -> bool {
        let identity = self.rare.as_mut().and_then(|rare| rare.identity.as_mut());
        if identity.is_some_and(|identity| identity.on_access_changed(core)) {
            return true;
        }
        let has_lost = !self.feed.is_permitted(&self.principal(core));
        if has_lost {
            self.rare.get_or_insert_default().has_lost_rights = true;
        }
        has_lost
    }

    fn on_drain(&mut self, core: &Core, out: &mut Vec<u8>) {
        write_text_frame(out, |text| write_drain(text, core.drain_window()));
    }

    fn on_window(&self, core: &Core, out: &mut Vec<u8>) {
        write_text_frame(out, |text| write_return(text, core.return_window.duration()));
    }

    fn is_over(&self) -> Option<Violation> {
        let violation = Violation { code: CloseCode::UNAUTHENTICATED, reason: "come back with a new token" };
        self.has_ended().then_some(violation)
    }

    fn owes_an_answer(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.publishing.is_waiting() || rare.pending.is_some())
    }

    fn lag(&self) -> u64 {
        self.feed.lag()
    }

    fn place(&self, number: u32) -> Option<u64> {
        self.feed.place(number)
    }

    fn describe(&self, about: &mut About) {
        let identity = self.rare.as_ref().and_then(|rare| rare.identity.as_ref());
        about.subject = identity.and_then(|identity| identity.principal().subject()).map(str::to_owned);
        self.feed.describe("websocket", about);
    }

    fn leave(&mut self, core: &mut Core) {
        self.feed.leave(core);
    }
}
