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

/// A poll whose messages come from the disk.
struct Poll {
    read: Read,
    fetched: Option<Reply>,
}

/// Answers at once, unless the disk is needed.
pub(super) fn open(mut read: Read, owner: Owner, _asked: &ReadRequest, core: &mut Core) -> Opened {
    read.reader.stream().polled(core.now);
    let limit = core.page_limit(read.limit());
    let step = read.reader.step(limit);
    match answer(&read, step, core) {
        Some(response) => Opened::Response(response),
        None => {
            core.fetch(&read.reader, limit, owner, 0);
            Opened::Held(Box::new(Poll { read, fetched: None }))
        }
    }
}

/// The answer to what a step shows; `None` where the disk must be asked.
pub(super) fn answer(read: &Read, step: Step, core: &mut Core) -> Option<Response> {
    match step {
        Step::Page(page) if core.has_no_room_for(&page) => Some(Response::problem(&core.short_of_memory())),
        Step::Page(page) => Some(respond(read, Some(&page), core)),
        Step::AtTail { .. } => Some(respond(read, None, core)),
        Step::Reset(reset) => Some(refuse(reset, core)),
        Step::Stored => None,
    }
}

/// The answer to who can't go on.
fn refuse(reset: Reset, core: &Core) -> Response {
    core.metrics.resets.of(reset.reason).count();
    Response::problem(&Problem::reset(reset))
}

/// The answer to what came from the disk, or the next question to it: what was asked for may have been trimmed meanwhile.
pub(super) fn answer_fetched(read: &mut Read, reply: Reply, owner: Owner, core: &mut Core) -> Advance {
    let Reply::Fetched(Ok(batches)) = reply else { return Advance::Respond(unreadable()) };
    let limit = core.page_limit(read.limit());
    let step = read.reader.fetched(batches, limit);
    match answer(read, step, core) {
        Some(response) => Advance::Respond(response),
        None => {
            core.fetch(&read.reader, limit, owner, 0);
            Advance::WAIT
        }
    }
}

fn unreadable() -> Response {
    let detail = "the stored messages can't be read; the server's log says why";
    Response::problem(&Problem::new(ErrorCode::Internal, detail))
}

impl Exchange for Poll {
    fn advance(&mut self, owner: Owner, core: &mut Core, _out: &mut Vec<Bytes>) -> Advance {
        match self.fetched.take() {
            None => Advance::WAIT,
            Some(reply) => answer_fetched(&mut self.read, reply, owner, core),
        }
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
