//! The session of `tidings.v1`: subscribe, unsubscribe, publish, and what comes of it.

use super::identity::{Believed, Identity};
use super::publishing::{self, Publishing, write_refusal};
use super::{FirstSubscription, NARROW_MESSAGE_BYTES_MAX, Talk, message_bytes_max};
use crate::about::About;
use crate::authorise::{Principal, Right};
use crate::exchange::Advance;
use crate::forms::Wrapping;
use crate::transport::WEBSOCKET;
use crate::transport::feed::Feed;
use crate::worker::core::Core;
use crate::worker::followers::Owner;
use bytes::Bytes;
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
    /// By other rules, not all that is followed may be read any more.
    has_lost_rights: bool,
    /// The streams that the page may use which opened the connection; `None` for all.
    within: Option<Arc<[Pattern]>>,
    /// Nothing is said or done any more.
    over: bool,
}

impl Session {
    pub(super) fn new(first: FirstSubscription, core: &Core) -> Session {
        let FirstSubscription { subscription, deflate, principal, mut refused, within, .. } = first;
        if refused.is_none() && !core.access.is_still(&principal, core.now) {
            // While the connection was upgraded.
            refused = Some(Box::new(Problem::revoked()));
        }
        let deflate = deflate.map(Agreement::window);
        let identity = Identity::of(&principal, core);
        let is_plain = subscription.is_none() && identity.is_none() && refused.is_none() && within.is_none();
        let rare = Rare { first: subscription, identity, refused, within, ..Rare::default() };
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
    fn authenticate(&mut self, token: &str, core: &mut Core, out: &mut Vec<u8>) {
        if !core.access.has_rules() {
            return;
        }
        match core.access.identify(token, core.now) {
            Err(problem) => self.end(&frame_of(&problem), out),
            Ok(principal) => {
                let principal = principal.within(self.within());
                if let Some(account) = &mut core.account {
                    account.follows.rename(&principal);
                }
                let identity = Identity::of(&principal, core);
                if let Some(identity) = &identity {
                    identity.write_authenticated(core, out);
                }
                self.rare.get_or_insert_default().identity = identity;
                self.feed.end_forbidden(&principal, core, out);
            }
        }
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
            is_quiet
                && rare.identity.is_none()
                && rare.refused.is_none()
                && !rare.has_lost_rights
                && rare.within.is_none()
                && !rare.over
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
            self.subscribe(&name, start, owner, core, out);
            self.slim();
        }
    }

    fn subscribe(
        &mut self,
        name: &StreamName,
        start: Start,
        owner: Owner,
        core: &mut Core,
        out: &mut Vec<u8>,
    ) {
        match self.check_subscription(name, core).and_then(|()| core.count_follow()) {
            Err(problem) => self.feed.refuse(name, &problem, out),
            Ok(()) => {
                let principal = self.principal(core);
                self.feed.subscribe(&principal, (name, start), Some(WEBSOCKET), owner, core, out);
            }
        }
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
            write_text_frame(out, |text| write_unsubscribed(text, name));
        } else {
            let problem =
                Problem::new(ErrorCode::NotSubscribed, "this connection does not follow the stream");
            self.feed.refuse(name, &problem, out);
        }
    }

    fn publish(&mut self, publish: &Publish<'_>, owner: Owner, core: &mut Core, out: &mut Vec<u8>) {
        let number = self.feed.number();
        let principal = self.principal(core);
        let submitted = publishing::operation(&principal, publish, core).and_then(|operation| {
            core.submit(operation, owner, number).map_err(|_busy| Problem::too_busy(1))
        });
        match submitted {
            Ok(()) => self.rare.get_or_insert_default().publishing.add(number, publish),
            Err(problem) => write_refusal(out, Some(&publish.id), &publish.stream, &problem),
        }
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
        match ClientMessage::parse(text) {
            Ok(ClientMessage::Subscribe { stream, start }) => {
                self.subscribe(&stream, start, owner, core, out);
            }
            Ok(ClientMessage::Unsubscribe { stream }) => self.unsubscribe(&stream, core, out),
            Ok(ClientMessage::Publish(publish)) => self.publish(&publish, owner, core, out),
            Ok(ClientMessage::Auth { token }) => self.authenticate(&token, core, out),
            Ok(ClientMessage::Ping) => write_text_frame(out, |text| text.extend_from_slice(HEARTBEAT)),
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
        if let Some(reply) = self.feed.on_reply(number, reply) {
            self.rare.get_or_insert_default().replies.push((number, reply));
        }
    }

    fn on_changed(&mut self, number: u32) {
        self.feed.on_changed(number);
    }

    fn advance(&mut self, owner: Owner, core: &mut Core, out: &mut Vec<Bytes>) -> Advance {
        let mut own = Vec::new();
        self.greet(owner, core, &mut own);
        let until_ms = self.watch_identity(core, &mut own);
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
        self.rare.as_ref().is_some_and(|rare| rare.publishing.is_waiting())
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
