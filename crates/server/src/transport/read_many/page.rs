//! Poll and long poll of many streams: one array of frames.
//!
//! The streams have their turns as those of a WebSocket have, a slice each, until nothing is left or the page is full. So a stream that is
//! far behind takes what the others leave, and the slices are the ones that other followers get. What they said is then put in order.

use crate::about::About;
use crate::authorise::Principal;
use crate::exchange::{Advance, Exchange, Opened};
use crate::expiring::Over;
use crate::forms::Wrapping;
use crate::metrics::{Asked, Transport};
use crate::transport::feed::{Feed, Stepped};
use crate::transport::page::with_windows;
use crate::transport::{Follower, LONG_POLL};
use crate::worker::core::Core;
use crate::worker::followers::Owner;
use bytes::Bytes;
use std::time::Duration;
use tidings_engine::{FollowerKind, Reply};
use tidings_protocol::{CacheControl, HeaderValue, ReadManyRequest, Response, header_name};

/// An answer that is being gathered, or waits for its first frame.
struct Page {
    feed: Feed,
    /// Elements of the array, each with a comma behind it, and the number of their stream.
    frames: Vec<(u32, Bytes)>,
    wait: Wait,
    /// Until the reply is here nobody else has a turn: each gets its share. Nor is it answered: the reply would reach what
    /// is asked next.
    asked_the_disk: bool,
    poll_interval: Duration,
}

/// How long an answer may wait.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// Not at all: a poll.
    No,
    /// A long poll, until then.
    Until { ms: u64 },
    /// A long poll of somebody who is not believed any more: nothing more is gathered.
    Over,
}

/// Answers at once, unless the disk is needed.
pub(in crate::transport) fn poll(
    asked: &ReadManyRequest,
    principal: &Principal,
    follower: Follower,
    core: &mut Core,
) -> Opened {
    open(asked, principal, follower, Wait::No, None, core)
}

/// Answers at once when there is a frame to send; holds otherwise.
pub(in crate::transport) fn long_poll(
    asked: &ReadManyRequest,
    principal: &Principal,
    follower: Follower,
    core: &mut Core,
) -> Opened {
    let ms = core.held_until_ms(asked.timeout);
    open(asked, principal, follower, Wait::Until { ms }, Some(LONG_POLL), core)
}

fn open(
    asked: &ReadManyRequest,
    principal: &Principal,
    follower: Follower,
    wait: Wait,
    kind: Option<FollowerKind>,
    core: &mut Core,
) -> Opened {
    // A poll watches nothing: what others found before it came may be older than what its client knows.
    core.slices.forget_found();
    let mut feed = Feed::new(Wrapping::Element, asked.streams.len());
    if kind.is_some() {
        feed.transport = Transport::LongPoll;
    }
    let mut frames = Vec::new();
    for (name, start) in &asked.streams {
        let mut first = Vec::new();
        let number = feed.subscribe(principal, (name, *start), kind, follower.owner, core, &mut first);
        if !first.is_empty() {
            frames.push((number, first.into()));
        }
    }
    // A page that is full may leave some streams out: not always the same.
    let first_turn = usize::try_from(core.random() >> 32).unwrap_or_default();
    feed.turn_by(first_turn);
    let poll_interval = poll_interval(asked, core);
    let mut page = Page { feed, frames, wait, asked_the_disk: false, poll_interval };
    match page.advance(follower.owner, core, &mut Vec::new()) {
        Advance::Respond(response) => {
            page.leave(core);
            Opened::Response(response)
        }
        Advance::Wait { .. } | Advance::More | Advance::Become(_) | Advance::End => {
            Opened::Held(Box::new(page))
        }
    }
}

/// The advice for the stream that is to be polled most often.
fn poll_interval(asked: &ReadManyRequest, core: &Core) -> Duration {
    let policies = &core.settings.policies;
    let advice = asked.streams.iter().map(|(name, _)| policies.for_stream(name).poll_interval);
    advice.min().unwrap_or(core.settings.poll_interval)
}

impl Page {
    /// Gathers what there is, until nothing is left or the page is full.
    fn gather(&mut self, owner: Owner, core: &mut Core) {
        let mut bytes: usize = self.frames.iter().map(|(_, frames)| frames.len()).sum();
        let mut said = Vec::new();
        let bytes_max = core.page_limit(None).bytes;
        while !self.asked_the_disk && bytes < bytes_max {
            match self.feed.advance(owner, core, &mut said) {
                Stepped::Nobody | Stepped::Postponed => break,
                Stepped::AskedTheDisk => self.asked_the_disk = true,
                Stepped::On { number } => {
                    bytes += said.iter().map(Bytes::len).sum::<usize>();
                    self.frames.extend(said.drain(..).map(|frames| (number, frames)));
                }
            }
        }
    }

    fn respond(&mut self, core: &Core) -> Response {
        let response = match (self.frames.is_empty(), self.wait) {
            (true, Wait::Until { .. } | Wait::Over) => Response::new(204),
            _ => Response::new(200).with_body("application/json", array(std::mem::take(&mut self.frames))),
        };
        let response = response
            .with(header_name::CACHE_CONTROL, CacheControl::NoStore)
            .with(header_name::STREAM_POLL_INTERVAL, core.poll_interval_s(self.poll_interval));
        let response = if self.wait == Wait::No { response } else { with_windows(response, core) };
        if self.feed.any_ready() {
            return response;
        }
        response.with(header_name::STREAM_UP_TO_DATE, HeaderValue::TRUE)
    }
}

/// Elements with a comma behind each, as one array in the order of the streams.
fn array(mut elements: Vec<(u32, Bytes)>) -> Vec<u8> {
    // Stable: those of one stream stay in their order.
    elements.sort_by_key(|(number, _)| *number);
    let bytes: usize = elements.iter().map(|(_, element)| element.len()).sum();
    let mut array = Vec::with_capacity(bytes + 2);
    array.push(b'[');
    for (_, element) in &elements {
        array.extend_from_slice(element);
    }
    array.pop_if(|last| *last == b',');
    array.push(b']');
    array
}

impl Exchange for Page {
    fn advance(&mut self, owner: Owner, core: &mut Core, _out: &mut Vec<Bytes>) -> Advance {
        if self.wait != Wait::Over {
            self.gather(owner, core);
        }
        match self.wait {
            _ if self.asked_the_disk => Advance::WAIT,
            Wait::Until { ms } if self.frames.is_empty() && core.now_ms < ms => {
                Advance::Wait { until_ms: ms }
            }
            Wait::Until { .. } | Wait::No | Wait::Over => Advance::Respond(self.respond(core)),
        }
    }

    fn on_reply(&mut self, number: u32, reply: Reply) {
        self.asked_the_disk = false;
        let _not_ours = self.feed.on_reply(number, reply);
    }

    fn on_changed(&mut self, number: u32) {
        self.feed.on_changed(number);
    }

    fn on_drain(&mut self, core: &mut Core, _out: &mut Vec<Bytes>) {
        if let Wait::Until { ms } = &mut self.wait {
            *ms = core.now_ms;
        }
    }

    fn on_expired(&mut self, _over: Over, _core: &mut Core, _out: &mut Vec<Bytes>) {
        // As if its time were up: nothing is lost, and the next question is answered by who it is then.
        if self.wait != Wait::No {
            self.wait = Wait::Over;
        }
    }

    fn is_permitted(&self, principal: &Principal) -> bool {
        self.feed.is_permitted(principal)
    }

    fn on_access_changed(&mut self, core: &mut Core) -> bool {
        if self.wait != Wait::No && !self.is_permitted(&core.access.anybody()) {
            self.wait = Wait::Over;
        }
        self.wait == Wait::Over
    }

    fn asked(&self) -> Asked {
        Asked::ReadMany
    }

    fn place(&self, number: u32) -> Option<u64> {
        self.feed.place(number)
    }

    fn describe(&self, about: &mut About) {
        self.feed.describe(if self.wait == Wait::No { "poll" } else { "long-poll" }, about);
    }

    fn leave(&mut self, core: &mut Core) {
        self.feed.leave(core);
    }
}
