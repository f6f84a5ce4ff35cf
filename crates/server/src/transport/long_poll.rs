//! Long polling: reads, and waits once.

use super::page::{respond, respond_nothing};
use super::{LONG_POLL, Read, poll};
use crate::about::About;
use crate::authorise::{Principal, Right};
use crate::exchange::{Advance, Exchange, Opened};
use crate::expiring::Over;
use crate::metrics::Asked;
use crate::worker::core::Core;
use crate::worker::followers::{Following, Owner};
use bytes::Bytes;
use tidings_engine::{Reply, Step};
use tidings_protocol::{ReadRequest, Response};

/// A long poll that is held.
struct LongPoll {
    read: Read,
    following: Option<Following>,
    /// What it waited for; boxed, for it is there for a moment only.
    fetched: Option<Box<Reply>>,
    fetching: bool,
    /// There was no room for its page.
    is_large: bool,
    /// Who asked is not believed any more.
    expired: bool,
    until_ms: u64,
}

const _: () = assert!(size_of::<LongPoll>() <= 64, "with what malloc adds, 80 bytes a held long poll");

/// Answers at once when there are messages in memory or nothing will ever come; holds otherwise.
pub(super) fn open(read: Read, owner: Owner, asked: &ReadRequest, core: &mut Core) -> Opened {
    let following = Some(core.follow(read.reader.stream(), owner, 0, LONG_POLL));
    let until_ms = core.held_until_ms(asked.timeout);
    let mut held = LongPoll {
        read,
        following,
        fetched: None,
        fetching: false,
        is_large: false,
        expired: false,
        until_ms,
    };
    match held.advance(owner, core, &mut Vec::new()) {
        Advance::Respond(response) => {
            held.leave(core);
            Opened::Response(response)
        }
        Advance::Wait { .. } | Advance::More | Advance::Become(_) | Advance::End => {
            Opened::Held(Box::new(held))
        }
    }
}

impl LongPoll {
    /// As long as it may be held, and as long as a poll at least.
    fn wait_for_room(&mut self, owner: Owner, core: &mut Core) -> Advance {
        if core.draining {
            return Advance::Respond(respond_nothing(&self.read, false, core));
        }
        if !std::mem::replace(&mut self.is_large, true) {
            self.until_ms = self.until_ms.max(core.now_ms + poll::ROOM_WITHIN_MS);
        }
        if self.until_ms <= core.now_ms {
            return Advance::Respond(Response::problem(&core.short_of_memory()));
        }
        core.postpone(owner, 0);
        Advance::Wait { until_ms: self.until_ms }
    }
}

impl Exchange for LongPoll {
    fn advance(&mut self, owner: Owner, core: &mut Core, _out: &mut Vec<Bytes>) -> Advance {
        let limit = core.page_limit(self.read.limit());
        let step = match self.fetched.take().map(|reply| *reply) {
            Some(Reply::Fetched(Ok(batches))) => self.read.reader.fetched(batches, limit),
            Some(Reply::Fetched(Err(_)) | Reply::Operation(_)) => {
                return Advance::Respond(poll::unreadable());
            }
            None if self.fetching => return Advance::WAIT,
            None if self.expired => {
                // Whatever came meanwhile: it is not for who has asked.
                return Advance::Respond(respond_nothing(&self.read, false, core));
            }
            None if self.is_large && !core.has_room() => return self.wait_for_room(owner, core),
            None => self.read.reader.step(limit),
        };
        self.fetching = false;
        match step {
            Step::AtTail { closed: true } => Advance::Respond(respond_nothing(&self.read, true, core)),
            Step::AtTail { closed: false } if self.until_ms <= core.now_ms => {
                Advance::Respond(respond_nothing(&self.read, false, core))
            }
            Step::AtTail { closed: false } => Advance::Wait { until_ms: self.until_ms },
            Step::Stored if !core.may_fetch(owner) => self.wait_for_room(owner, core),
            Step::Stored => {
                self.fetching = true;
                core.fetch(&self.read.reader, limit, owner, 0);
                Advance::WAIT
            }
            Step::Page(page) if core.has_no_room_for(&page) => self.wait_for_room(owner, core),
            Step::Page(page) => Advance::Respond(respond(&self.read, Some(&page), core)),
            Step::Reset(reset) => Advance::Respond(poll::refuse(reset, core)),
        }
    }

    fn on_reply(&mut self, _number: u32, reply: Reply) {
        self.fetched = Some(Box::new(reply));
    }

    fn on_drain(&mut self, core: &mut Core, _out: &mut Vec<Bytes>) {
        self.until_ms = core.now_ms;
    }

    fn on_expired(&mut self, _over: Over, _core: &mut Core, _out: &mut Vec<Bytes>) {
        // As if its time were up: nothing is lost, and the next question is answered by who it is then.
        self.expired = true;
    }

    fn is_permitted(&self, principal: &Principal) -> bool {
        principal.may(Right::Read, self.read.reader.stream().name())
    }

    fn on_access_changed(&mut self, core: &mut Core) -> bool {
        self.expired |= !self.is_permitted(&core.access.anybody());
        self.expired
    }

    fn asked(&self) -> Asked {
        Asked::Read
    }

    fn place(&self, _number: u32) -> Option<u64> {
        Some(self.read.reader.next())
    }

    fn describe(&self, about: &mut About) {
        self.read.describe("long-poll", about);
    }

    fn leave(&mut self, core: &mut Core) {
        if let Some(following) = self.following.take() {
            core.followers.unfollow(following, self.read.reader.stream(), core.now);
        }
    }
}
