//! Polling: reads once, never waits.
//!
//! Hot path: a poll that finds nothing. Budget: one look-up of the name, two short locks, one write; no allocation but
//! the list of headers.

use super::Read;
use super::page::respond;
use crate::about::About;
use crate::exchange::{Advance, Exchange, Opened};
use crate::metrics::Asked;
use crate::worker::core::Core;
use crate::worker::followers::Owner;
use bytes::Bytes;
use tidings_engine::{Reply, Step};
use tidings_model::Reset;
use tidings_protocol::{ErrorCode, Problem, ReadRequest, Response};

/// A poll whose messages come from the disk, or that waits for room.
struct Poll {
    read: Read,
    fetched: Option<Reply>,
    is_fetching: bool,
    /// There was no room for its page.
    is_large: bool,
    /// Until when it waits for room, once it does; by the worker's clock.
    until_ms: Option<u64>,
}

/// How long a poll waits for room: what holds it most often leaves in moments.
pub(super) const ROOM_WITHIN_MS: u64 = 1_000;

/// Answers at once, unless the disk is needed.
pub(super) fn open(read: Read, owner: Owner, _asked: &ReadRequest, core: &mut Core) -> Opened {
    read.reader.stream().polled(core.now);
    let mut poll = Poll { read, fetched: None, is_fetching: false, is_large: false, until_ms: None };
    match poll.advance(owner, core, &mut Vec::new()) {
        Advance::Respond(response) => Opened::Response(response),
        Advance::Wait { .. } | Advance::More | Advance::Become(_) | Advance::End => {
            Opened::Held(Box::new(poll))
        }
    }
}

/// The answer to who can't go on.
pub(super) fn refuse(reset: Reset, core: &Core) -> Response {
    core.metrics.resets.of(reset.reason).count();
    Response::problem(&Problem::reset(reset))
}

pub(super) fn unreadable() -> Response {
    let detail = "the stored messages can't be read; the server's log says why";
    Response::problem(&Problem::new(ErrorCode::Internal, detail))
}

impl Poll {
    fn wait_for_room(&mut self, owner: Owner, core: &mut Core) -> Advance {
        self.is_large = true;
        let until_ms = *self.until_ms.get_or_insert(core.now_ms + ROOM_WITHIN_MS);
        // Over HTTP/2 an open request takes more than most answers.
        if until_ms <= core.now_ms || owner.task().is_some() {
            return Advance::Respond(Response::problem(&core.short_of_memory()));
        }
        core.postpone(owner, 0);
        Advance::WAIT
    }
}

impl Exchange for Poll {
    fn advance(&mut self, owner: Owner, core: &mut Core, _out: &mut Vec<Bytes>) -> Advance {
        let limit = core.page_limit(self.read.limit());
        let step = match self.fetched.take() {
            Some(Reply::Fetched(Ok(batches))) => self.read.reader.fetched(batches, limit),
            Some(Reply::Fetched(Err(_)) | Reply::Operation(_)) => return Advance::Respond(unreadable()),
            None if self.is_fetching => return Advance::WAIT,
            None if self.is_large && !core.has_room() => return self.wait_for_room(owner, core),
            None => self.read.reader.step(limit),
        };
        self.is_fetching = false;
        Advance::Respond(match step {
            Step::Page(page) if core.has_no_room_for(&page) => return self.wait_for_room(owner, core),
            Step::Page(page) => respond(&self.read, Some(&page), core),
            Step::AtTail { .. } => respond(&self.read, None, core),
            Step::Reset(reset) => refuse(reset, core),
            Step::Stored if !core.may_fetch(owner) => return self.wait_for_room(owner, core),
            Step::Stored => {
                // What was asked for may have been trimmed meanwhile: then it is asked again.
                self.is_fetching = true;
                core.fetch(&self.read.reader, limit, owner, 0);
                return Advance::WAIT;
            }
        })
    }

    fn on_reply(&mut self, _number: u32, reply: Reply) {
        self.fetched = Some(reply);
    }

    // It is answered in a moment.
    fn on_drain(&mut self, _core: &mut Core, _out: &mut Vec<Bytes>) {}

    fn asked(&self) -> Asked {
        Asked::Read
    }

    fn describe(&self, about: &mut About) {
        self.read.describe("poll", about);
    }

    fn leave(&mut self, _core: &mut Core) {}
}
