//! SSE of many streams: each frame is an event without a name.

use crate::about::About;
use crate::authorise::Principal;
use crate::exchange::{Advance, Exchange, Opened};
use crate::expiring::Over;
use crate::forms::{LAST_CHUNK, Wrapping, heartbeat};
use crate::transport::feed::Feed;
use crate::transport::{Follower, SSE};
use crate::worker::core::Core;
use crate::worker::followers::Owner;
use bytes::Bytes;
use std::time::Duration;
use tidings_engine::Reply;
use tidings_protocol::websocket::server_message::writer::{write_drain, write_error, write_return};
use tidings_protocol::{ReadManyRequest, Response, header_name, sse};

/// A response that goes on for as long as a stream is left.
struct Events {
    feed: Feed,
    /// What is said first.
    first: Vec<u8>,
    /// Not all of it may be read any more.
    forbidden: bool,
    ended: bool,
}

/// Begins the response.
pub(in crate::transport) fn sse(
    asked: &ReadManyRequest,
    principal: &Principal,
    follower: Follower,
    core: &mut Core,
) -> Opened {
    if core.draining {
        return core.refuse_draining().into();
    }
    let head = Response::new(200)
        .with(header_name::CONTENT_TYPE, sse::CONTENT_TYPE)
        .with(header_name::CACHE_CONTROL, "no-cache")
        .with(header_name::X_ACCEL_BUFFERING, "no");
    let wrapping = Wrapping::Event { chunked: follower.chunked };
    let mut feed = Feed::new(wrapping, asked.streams.len());
    let mut first = Vec::new();
    write_retry(&mut first, core.sse_retry());
    write_window(&mut first, wrapping, core);
    for (name, start) in &asked.streams {
        feed.subscribe(principal, (name, *start), Some(SSE), follower.owner, core, &mut first);
    }
    Opened::Stream(head, Box::new(Events { feed, first, forbidden: false, ended: false }))
}

fn write_retry(out: &mut Vec<u8>, wait: Duration) {
    sse::write_retry(out, u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
}

/// Where a crowd has to spread it is told so, as over a WebSocket: a reader that draws its own wait does not need `retry:`.
fn write_window(out: &mut Vec<u8>, wrapping: Wrapping, core: &Core) {
    let window = core.return_window.duration();
    if !window.is_zero() {
        wrapping.write(out, |text| write_return(text, window));
    }
}

impl Events {
    fn push(&self, events: Vec<u8>, out: &mut Vec<Bytes>) {
        self.feed.wrapping().push(events, out);
    }

    fn is_chunked(&self) -> bool {
        self.feed.wrapping() == (Wrapping::Event { chunked: true })
    }

    fn end(&mut self, out: &mut Vec<Bytes>) -> Advance {
        if !std::mem::replace(&mut self.ended, true) && self.is_chunked() {
            out.push(Bytes::from_static(LAST_CHUNK));
        }
        Advance::End
    }
}

impl Exchange for Events {
    fn advance(&mut self, owner: Owner, core: &mut Core, out: &mut Vec<Bytes>) -> Advance {
        if std::mem::take(&mut self.forbidden) {
            self.on_expired(Over::Forbidden, core, out);
        }
        if self.ended {
            return Advance::End;
        }
        let first = std::mem::take(&mut self.first);
        self.push(first, out);
        let _stepped = self.feed.advance(owner, core, out);
        match (self.feed.any_ready(), self.feed.len()) {
            (true, _) => Advance::More,
            (false, 0) => self.end(out),
            (false, _) => Advance::WAIT,
        }
    }

    fn on_reply(&mut self, number: u32, reply: Reply) {
        let _not_ours = self.feed.on_reply(number, reply);
    }

    fn on_changed(&mut self, number: u32) {
        self.feed.on_changed(number);
    }

    fn on_silence(&mut self, out: &mut Vec<Bytes>) {
        if !self.ended {
            out.push(heartbeat(self.is_chunked()));
        }
    }

    fn on_drain(&mut self, core: &mut Core, out: &mut Vec<Bytes>) {
        if self.ended {
            return;
        }
        let window = core.drain_window();
        let mut events = std::mem::take(&mut self.first);
        write_retry(&mut events, core.drain_wait());
        self.feed.wrapping().write(&mut events, |text| write_drain(text, window));
        self.push(events, out);
        let _end = self.end(out);
    }

    fn on_expired(&mut self, over: Over, _core: &mut Core, out: &mut Vec<Bytes>) {
        if self.ended {
            return;
        }
        let mut events = std::mem::take(&mut self.first);
        self.feed.wrapping().write(&mut events, |text| write_error(text, &over.frame()));
        self.push(events, out);
        let _end = self.end(out);
    }

    fn on_window(&mut self, core: &mut Core, out: &mut Vec<Bytes>) {
        if self.ended {
            return;
        }
        let mut events = std::mem::take(&mut self.first);
        write_retry(&mut events, core.sse_retry());
        let window = core.return_window.duration();
        self.feed.wrapping().write(&mut events, |text| write_return(text, window));
        self.push(events, out);
    }

    fn is_permitted(&self, principal: &Principal) -> bool {
        self.feed.is_permitted(principal)
    }

    fn on_access_changed(&mut self, core: &mut Core) -> bool {
        self.forbidden = !self.is_permitted(&core.access.anybody());
        self.forbidden
    }

    fn lag(&self) -> u64 {
        self.feed.lag()
    }

    fn place(&self, number: u32) -> Option<u64> {
        self.feed.place(number)
    }

    fn describe(&self, about: &mut About) {
        self.feed.describe("sse", about);
    }

    fn leave(&mut self, core: &mut Core) {
        self.feed.leave(core);
    }
}
